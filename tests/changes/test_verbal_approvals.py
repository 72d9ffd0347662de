"""A verbal approval: claimed by an Engineer, then confirmed or denied by the Lead who was named."""

from datetime import timedelta

import pytest

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from tests.changes.delegating import delegated
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft


def claimed(company: Company, status: str = "approved") -> EmergencyChange:
    """Return a change that rests on a claim, taken on to `status`."""
    journey = Journey(company, a_draft(company)).submit().claim()
    steps = [journey.start, journey.finish, journey.verify, journey.document, journey.review]
    names = ["approved", "implementing", "implemented", "verified", "documented", "closed"]
    for step in steps[: names.index(status)]:
        step()
    return journey.change


AFTER_START = ["implementing", "implemented", "verified", "documented", "closed"]


def test_claim_keeps_who_what_how_and_when(company: Company) -> None:
    change = a_change(company, "submitted")
    said_at = clock.now() - timedelta(minutes=7)
    Journey(company, change).do(
        "claim_approval",
        company.engineer,
        "“Roll it back, now.”",
        approver=company.lead2,
        channel="phone",
        call_log="https://calls.example.test/17",
        happened_at=said_at,
    )
    claim = change.approvals.get()
    assert (claim.kind, claim.status) == ("verbal", "claimed")
    assert (claim.approver, claim.claimed_by) == (company.lead2, company.engineer)
    assert (claim.channel, claim.comment) == ("phone", "“Roll it back, now.”")
    assert (claim.call_log, claim.decided_at) == ("https://calls.example.test/17", said_at)
    assert claim.recorded_at > said_at
    assert (change.approver, change.approved_at) == (company.lead2, said_at)


def test_work_may_begin_on_a_claim(company: Company) -> None:
    change = claimed(company, "implementing")
    assert not change.without_approval
    assert not change.exceptions.exists()


@pytest.mark.parametrize("channel", [None, "", "smoke signs"])
def test_claim_says_how_it_was_said(company: Company, channel: str | None) -> None:
    data = {"approver": company.lead, "channel": channel}
    said, change = "Choose how it was said.", a_change(company, "submitted")
    assert_refused(CHANGES, change, "claim_approval", company.engineer, said, **data)


@pytest.mark.parametrize("named", ["engineer2", "auditor", "roleadmin"])
def test_claim_names_a_lead(company: Company, named: str) -> None:
    data = {"approver": getattr(company, named), "channel": "phone"}
    said, change = "may not decide on this change. Name a Lead", a_change(company, "submitted")
    assert_refused(CHANGES, change, "claim_approval", company.engineer, said, **data)


def test_claim_names_a_lead_who_can_answer_it(company: Company) -> None:
    company.lead.is_active = False
    company.lead.save()
    data = {"approver": company.lead, "channel": "phone"}
    change = a_draft(company)
    Journey(company, change).submit()
    assert_refused(CHANGES, change, "claim_approval", company.engineer, "Lead may not", **data)


@pytest.mark.parametrize("status", ["approved", *AFTER_START])
def test_named_lead_confirms(company: Company, status: str) -> None:
    change = claimed(company, status)
    now = clock.now() + timedelta(hours=3)
    with clock.at(now):
        Journey(company, change).do("confirm_approval", company.lead, "Yes, on the phone.")
    claim = change.approvals.get()
    assert (claim.status, claim.answer, claim.answered_at) == (
        "confirmed",
        "Yes, on the phone.",
        now,
    )
    assert (change.status, change.approver) == (status, company.lead)
    assert not change.without_approval
    assert change.deadlines.get(kind="confirmation").met_at == now


@pytest.mark.parametrize("verb", ["confirm_approval", "deny_approval"])
@pytest.mark.parametrize("who", ["lead2", "engineer", "engineer2", "auditor", "roleadmin"])
def test_only_the_named_approver_answers(company: Company, who: str, verb: str) -> None:
    change = claimed(company)
    assert_refused(CHANGES, change, verb, getattr(company, who))


@pytest.mark.parametrize("verb", ["confirm_approval", "deny_approval"])
def test_delegate_of_the_named_approver_does_not_answer_for_them(
    company: Company, verb: str
) -> None:
    change = claimed(company)
    delegated(company.lead, company.lead2)
    said = "Only Lead, who is said to have approved, can answer this."
    assert_refused(CHANGES, change, verb, company.lead2, said)


def test_claim_is_answered_once(company: Company) -> None:
    change = claimed(company)
    Journey(company, change).do("confirm_approval", company.lead)
    said = "No verbal approval waits for an answer."
    assert_refused(CHANGES, change, "deny_approval", company.lead, said)


def test_denial_before_the_start_asks_for_a_decision_again(company: Company) -> None:
    change = claimed(company)
    Journey(company, change).do("deny_approval", company.lead, "I never said that.")
    assert (change.status, change.approver, change.approved_at) == ("submitted", None, None)
    assert not change.without_approval
    assert change.approvals.get().status == "denied"
    assert [e.kind for e in change.exceptions.all()] == ["denied"]
    assert change.deadlines.running().get().kind == "approval"
    assert_refused(CHANGES, change, "start", company.engineer)
    Journey(company, change).approve(company.lead2)
    assert change.approver == company.lead2


@pytest.mark.parametrize("status", AFTER_START)
def test_denial_after_the_start_leaves_the_work_without_approval(
    company: Company, status: str
) -> None:
    change = claimed(company, status)
    with clock.at(clock.now() + timedelta(hours=3)):
        Journey(company, change).do("deny_approval", company.lead, "I never said that.")
    assert (change.status, change.approver, change.approved_at) == (status, None, None)
    assert change.without_approval
    assert {e.kind for e in change.exceptions.all()} == {"denied", "unapproved"}
    assert change.deadlines.running().filter(kind="retroactive").count() == 1
    data = {"fingerprint": change.fingerprint()}
    CHANGES.perform(change, "approve_retroactively", by=company.lead2, reason="It was.", **data)
    assert (change.status, change.approver) == (status, company.lead2)
    assert change.without_approval


@pytest.mark.parametrize("by", ["lead", "lead2"])
def test_lead_approves_now_instead_of_the_claim(company: Company, by: str) -> None:
    change = claimed(company)
    lead = getattr(company, by)
    Journey(company, change).approve(lead)
    decisions = change.approvals.values_list("kind", "status")
    assert list(decisions) == [("verbal", "withdrawn"), ("in_system", "approved")]
    assert (change.status, change.approver) == ("approved", lead)
    assert not change.deadlines.running().filter(kind__in=["approval", "confirmation"]).exists()


def test_approval_in_the_portal_is_not_given_twice(company: Company) -> None:
    change = a_change(company, "approved")
    said = "No verbal approval waits for an answer."
    data = {"fingerprint": change.fingerprint()}
    assert_refused(CHANGES, change, "approve", company.lead2, said, **data)


def test_change_is_amended_away_from_its_claim(company: Company) -> None:
    change = claimed(company)
    Journey(company, change).do("amend", company.engineer)
    assert change.approvals.get().status == "withdrawn"
    assert_refused(CHANGES, change, "confirm_approval", company.lead)
    assert not change.deadlines.running().exists()
