"""Decisions in the portal: what is kept of them, who may not make them, and how they end."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from ecportal.lifecycle import TransitionRefused
from tests.changes.delegating import delegated
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once


def test_approval_keeps_who_when_and_exactly_what_was_shown(company: Company) -> None:
    change = a_change(company, "submitted")
    shown, now = change.shown(), clock.now()
    with clock.at(now):
        Journey(company, change).approve()
    approval = change.approvals.get()
    assert (approval.kind, approval.status) == ("in_system", "approved")
    assert (approval.approver, approval.decided_at) == (company.lead, now)
    assert json.loads(approval.shown) == shown
    text = json.dumps(shown, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert approval.fingerprint == hashlib.sha256(text.encode()).hexdigest()
    assert (change.approver, change.approved_at) == (company.lead, now)


def test_shown_are_scope_risk_rollback_systems_and_why(company: Company) -> None:
    shown = a_change(company, "submitted").shown()
    assert shown["what will be changed"].startswith("Roll checkout back from 4.19.0")
    assert shown["rollback plan"] == "Deploy 4.19.0 again."
    assert shown["why the normal process cannot be used"] == "Every minute costs orders."
    assert shown["systems"] == ["checkout"]
    assert shown["requested by"] == "Engineer (engineer)"


@pytest.mark.parametrize("seen", [None, "", "0" * 64])
@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_decision_on_something_else_than_was_shown_is_refused(
    company: Company, verb: str, seen: str | None
) -> None:
    change = a_change(company, "submitted")
    said = "The change is not what you were shown. Read it again, then decide."
    data = {"fingerprint": seen, "rejection": "refused"}
    assert_refused(CHANGES, change, verb, company.lead, said, **data)


@pytest.mark.parametrize("status", ["submitted", "approved"])
def test_amended_change_needs_a_new_decision(company: Company, status: str) -> None:
    change = a_change(company, status)
    seen = change.fingerprint()
    journey = Journey(company, change).do("amend", company.engineer, "All clusters.")
    assert (change.approver, change.approved_at, change.submitted_at) == (None, None, None)
    assert not change.approvals.exclude(status="withdrawn").exists()
    texts = {"scope": "All clusters.", "systems": [company.system]}
    journey.do("revise", company.engineer, **texts).submit()
    said = "The change is not what you were shown."
    assert_refused(CHANGES, change, "approve", company.lead, said, fingerprint=seen)
    journey.approve()
    assert change.approvals.last().fingerprint != seen


def test_withdrawn_approval_stays_in_the_record(company: Company) -> None:
    change = a_change(company, "approved")
    Journey(company, change).do("amend", company.engineer).submit().approve(company.lead2)
    decisions = change.approvals.values_list("status", "approver__username")
    assert list(decisions) == [("withdrawn", "lead"), ("approved", "lead2")]
    first = change.approvals.first()
    assert [row.history_verb for row in first.history.all()] == ["amend", "approve"]


def both() -> User:
    return person("both", roles.ENGINEER, roles.LEAD)


OWN = "You requested this change; someone else must decide on it."


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_requester_may_not_decide_on_own_change(company: Company, verb: str) -> None:
    requester = both()
    change = a_change(replace(company, engineer=requester), "submitted")
    data = {"fingerprint": change.fingerprint(), "rejection": "refused"}
    assert_refused(CHANGES, change, verb, requester, OWN, **data)


def test_requester_may_not_decide_retroactively_on_own_change(company: Company) -> None:
    requester = both()
    change = Journey(company, a_draft(replace(company, engineer=requester))).start_unapproved()
    change = change.change
    data = {"fingerprint": change.fingerprint()}
    assert_refused(CHANGES, change, "approve_retroactively", requester, OWN, **data)


def test_requester_may_not_decide_for_another_lead(company: Company) -> None:
    """The requester, an Engineer alone, was made a delegate."""
    delegated(company.lead, company.engineer)
    change = a_change(company, "submitted")
    data = {"fingerprint": change.fingerprint()}
    assert_refused(CHANGES, change, "approve", company.engineer, OWN, **data)


def test_delegate_may_not_decide_for_the_requester(company: Company) -> None:
    requester = both()
    delegated(requester, company.engineer2)
    change = a_change(replace(company, engineer=requester), "submitted")
    said = "Both requested this change; nobody may decide on it for them."
    data = {"fingerprint": change.fingerprint()}
    assert_refused(CHANGES, change, "approve", company.engineer2, said, **data)


def test_lead_who_is_also_the_requesters_delegate_decides_in_own_right(company: Company) -> None:
    requester = both()
    delegated(requester, company.lead)
    change = a_change(replace(company, engineer=requester), "submitted")
    Journey(company, change).approve(company.lead)
    assert change.approvals.get().delegation is None


def test_requester_may_not_be_named_in_the_verbal_claim(company: Company) -> None:
    requester = both()
    change = a_change(replace(company, engineer=requester), "submitted")
    said = "Name somebody else: nobody approves their own change."
    data = {"approver": requester, "channel": "phone"}
    for claimant in (requester, company.engineer):
        assert_refused(CHANGES, change, "claim_approval", claimant, said, **data)


def test_nobody_claims_that_they_approved_themselves(company: Company) -> None:
    change = a_change(company, "submitted")
    said, claimant = "Name somebody else: nobody approves their own change.", both()
    data = {"approver": claimant, "channel": "phone"}
    assert_refused(CHANGES, change, "claim_approval", claimant, said, **data)


@pytest.mark.parametrize("kind", EmergencyChange.Rejection.values)
def test_rejection_says_which_kind_of_no(company: Company, kind: str) -> None:
    change = a_change(company, "submitted")
    data = {"rejection": kind, "fingerprint": change.fingerprint()}
    Journey(company, change).do("reject", company.lead, "Not like this.", **data)
    assert (change.status, change.rejection, change.rejected_by) == ("rejected", kind, company.lead)
    assert change.approvals.get().status == "rejected"


@pytest.mark.parametrize("kind", [None, "", "never"])
def test_rejection_of_no_kind_is_refused(company: Company, kind: str | None) -> None:
    change = a_change(company, "submitted")
    data = {"rejection": kind, "fingerprint": change.fingerprint()}
    said = "Choose which kind of no it is."
    assert_refused(CHANGES, change, "reject", company.lead, said, **data)


def test_change_that_was_sent_back_is_worked_on_again(company: Company) -> None:
    change = a_change(company, "rejected")
    journey = Journey(company, change).do("rework", company.engineer)
    assert (change.status, change.rejection, change.rejected_by) == ("draft", "", None)
    journey.submit().approve()
    assert [a.status for a in change.approvals.all()] == ["rejected", "approved"]


def test_lead_chosen_by_the_requester_is_asked_first(company: Company) -> None:
    change = a_draft(company)
    Journey(company, change).do("submit", company.engineer, asked_approver=company.lead2)
    assert change.asked_approver == company.lead2


def test_longest_serving_lead_is_asked_when_none_is_chosen(company: Company) -> None:
    assert a_change(company, "submitted").asked_approver == company.lead


def test_somebody_who_may_not_decide_is_not_asked(company: Company) -> None:
    said = "Auditor may not decide on this change. Choose a Lead of its systems."
    data = {"asked_approver": company.auditor}
    assert_refused(CHANGES, a_draft(company), "submit", company.engineer, said, **data)


def test_approval_dated_back_does_not_cover_work_that_began_before_it(company: Company) -> None:
    change = a_change(company, "submitted")
    journey, early = Journey(company, change), change.submitted_at - timedelta(minutes=10)
    data = {"fingerprint": change.fingerprint()}
    try:
        journey.do("approve", company.lead, happened_at=early, **data)
    except TransitionRefused:
        journey.do("approve", company.lead, **data)
    journey.do("start", company.engineer, happened_at=early + timedelta(minutes=5))
    assert change.without_approval
