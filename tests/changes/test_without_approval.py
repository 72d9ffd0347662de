"""Work without approval: recorded, flagged, an exception, and decided on afterwards."""

from dataclasses import replace
from datetime import timedelta

import pytest

from changes.lifecycle import CHANGES
from ecportal import clock
from ecportal.accounts import roles
from tests.changes.delegating import delegated
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once


@pytest.mark.parametrize("status", ["draft", "submitted", "rejected"])
def test_start_without_approval_is_recorded_as_an_exception(company: Company, status: str) -> None:
    change = a_change(company, status)
    Journey(company, change).do("start_unapproved", company.engineer, "Nobody answered.")
    assert (change.status, change.implementer) == ("implementing", company.engineer)
    assert change.without_approval
    assert change.approver is None
    rejected = ("sent_back", company.lead) if status == "rejected" else ("", None)
    assert (change.rejection, change.rejected_by) == rejected
    exception = change.exceptions.get()
    assert exception.kind == "unapproved"
    assert "Nobody answered." in exception.detail
    assert change.deadlines.running().get().kind == "retroactive"


@pytest.mark.parametrize(
    ("verb", "status"),
    [("approve_retroactively", "approved"), ("reject_retroactively", "rejected")],
)
def test_another_lead_decides_retroactively(company: Company, verb: str, status: str) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    data = {"fingerprint": change.fingerprint()}
    CHANGES.perform(change, verb, by=company.lead, reason="Checked.", **data)
    approval = change.approvals.get()
    assert (approval.kind, approval.status) == ("retroactive", status)
    assert change.approver == (company.lead if status == "approved" else None)
    assert change.without_approval
    assert change.deadlines.get(kind="retroactive").met_at == approval.recorded_at
    assert [e.kind for e in change.exceptions.all()] == ["unapproved"]


@pytest.mark.parametrize("verb", ["approve_retroactively", "reject_retroactively"])
def test_retroactive_decision_is_on_what_was_shown(company: Company, verb: str) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    said = "The change is not what you were shown."
    assert_refused(CHANGES, change, verb, company.lead, said, fingerprint="stale")


def test_implementer_may_not_decide_retroactively_through_a_delegate(company: Company) -> None:
    implementer = person("both", roles.ENGINEER, roles.LEAD)
    change = Journey(company, a_draft(company)).do("start_unapproved", implementer).change
    delegated(implementer, company.engineer2)
    said = "Both implemented this change; nobody may decide for them."
    data = {"fingerprint": change.fingerprint()}
    assert_refused(CHANGES, change, "approve_retroactively", company.engineer2, said, **data)


def test_delegate_of_two_decides_for_the_one_who_did_not_implement(company: Company) -> None:
    implementer = person("both", roles.ENGINEER, roles.LEAD)
    change = Journey(company, a_draft(company)).do("start_unapproved", implementer).change
    delegated(implementer, company.engineer2)
    second = delegated(company.lead, company.engineer2)
    data = {"fingerprint": change.fingerprint()}
    by = company.engineer2
    CHANGES.perform(change, "approve_retroactively", by=by, reason="Checked.", **data)
    assert change.approvals.get().delegation == second


def test_start_claimed_earlier_than_the_approval_is_flagged(company: Company) -> None:
    change = a_change(company, "approved")
    early = change.approved_at - timedelta(minutes=3)
    Journey(company, change).do("start", company.engineer, happened_at=early)
    assert change.without_approval
    assert (change.approver, change.started_at) == (company.lead, early)
    assert [e.kind for e in change.exceptions.all()] == ["unapproved"]


def test_start_at_the_moment_of_the_approval_is_in_time(company: Company) -> None:
    change = a_change(company, "approved")
    Journey(company, change).do("start", company.engineer, happened_at=change.approved_at)
    assert not change.without_approval


def test_lead_who_implements_what_they_approved_breaks_the_duties(company: Company) -> None:
    both = person("both", roles.ENGINEER, roles.LEAD)
    change = a_change(company, "submitted")
    Journey(company, change).approve(both)
    Journey(replace(company, engineer=both), change).start()
    exception = change.exceptions.get()
    assert (exception.kind, exception.detail) == ("duties", "Both both approved and implemented.")


def test_work_without_approval_is_closed_like_any_other(company: Company) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    Journey(company, change).finish().verify().document().review()
    assert change.status == "closed"
    assert change.without_approval
    with clock.at(clock.now() + timedelta(days=9)):
        data = {"fingerprint": change.fingerprint()}
        CHANGES.perform(change, "reject_retroactively", by=company.lead, reason="No.", **data)
    kinds = {e.kind for e in change.exceptions.all()}
    assert kinds == {"unapproved", "retroactive_late"}
