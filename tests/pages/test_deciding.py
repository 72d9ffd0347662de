"""The page on which a change is decided: what it says, and that two taps are one decision."""

import re
from datetime import timedelta
from typing import Any

import pytest
from guardian.shortcuts import assign_perm

from changes import answering
from changes.lifecycle import DELEGATIONS
from changes.models import Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from ecportal.audit.models import AuditEvent
from tests.pages.walk import Person, hidden, sentences
from tests.pages.world import act, counts, page
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

SUBMITTED = EmergencyChange.Status.SUBMITTED


@pytest.fixture
def lead(company: Company) -> Person:
    return Person(company.lead)


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "submitted")


@pytest.fixture
def claimed(company: Company, change: EmergencyChange) -> EmergencyChange:
    return Journey(company, change).claim().change


def twice(person: Person, change: EmergencyChange, verb: str, **answers: Any) -> str:
    """Send the same decision twice; return what the second is told, after nothing was added."""
    first = person.send(act(change, verb), **answers)
    assert first.status_code == 302, sentences(first)
    before = counts()
    second = person.client.post(act(change, verb), answers, follow=True)
    assert second.redirect_chain == [(page(change), 302)]
    assert counts() == before
    assert not AuditEvent.objects.filter(kind="denied").exists()
    return sentences(second)


def test_everything_that_is_fingerprinted_stands_on_the_page(
    company: Company, lead: Person
) -> None:
    change = a_draft(company, risk_assessment="Refunds queue.", title="Roll back", risk="high")
    journey = Journey(company, change).submit()
    journey.do("correct", company.engineer, "Twelve nodes, not ten.", part="scope")
    shown = " ".join(sentences(lead.open(page(change, "decide"))).lower().split())
    for value in change.shown().values():
        for text in value if isinstance(value, list) else [value]:
            assert text.lower() in shown, text
    assert f"{change.fingerprint()[:4]} {change.fingerprint()[4:8]}" in shown


def test_page_says_in_which_capacity_somebody_decides(
    company: Company, lead: Person, change: EmergencyChange
) -> None:
    shown = sentences(lead.open(page(change, "decide")))
    assert "You are an Engineering Lead and decide on every system." in shown


def test_page_names_the_systems_that_were_granted(
    company: Company, change: EmergencyChange
) -> None:
    company.lead.groups.get().permissions.remove(
        *company.lead.groups.get().permissions.filter(codename=roles.SYSTEM_SCOPE)
    )
    assign_perm(roles.SYSTEM_SCOPE, company.lead, company.system)
    shown = sentences(Person(company.lead).open(page(change, "decide")))
    assert "You are an Engineering Lead, and the decision on checkout was given to you." in shown


def test_page_names_the_delegation(company: Company, change: EmergencyChange) -> None:
    now = clock.now()
    given = Delegation(delegate=company.engineer2, begins_at=now, ends_at=now + timedelta(days=9))
    DELEGATIONS.perform(given, "delegate", by=company.lead, reason="Holiday.")
    delegate = Person(company.engineer2)
    shown = sentences(delegate.open(page(change, "decide")))
    assert re.search(rf"You decide for Lead, until .* \(delegation {given.pk}\)\.", shown)
    assert "already" not in shown
    twice(delegate, change, "approve", reason="Yes.", fingerprint=change.fingerprint())


def test_who_may_not_decide_reads_why_and_who_can(
    company: Company, change: EmergencyChange
) -> None:
    company.engineer.groups.set([*company.engineer.groups.all(), *company.lead.groups.all()])
    both = Person(User.objects.get(pk=company.engineer.pk))
    shown = sentences(both.open(page(change, "decide")))
    assert "You requested this change; someone else must decide on it." in shown
    assert re.search(r"Who can\s+Lead\s+was asked", shown)


@pytest.mark.parametrize(
    ("verb", "answers", "said"),
    [
        ("approve", {"reason": "Yes."}, "You approved this at"),
        ("reject", {"reason": "No.", "rejection": "refused"}, "You rejected this at"),
    ],
)
def test_second_tap_is_told_that_the_first_was_taken(
    lead: Person, change: EmergencyChange, verb: str, answers: dict[str, str], said: str
) -> None:
    shown = twice(lead, change, verb, fingerprint=change.fingerprint(), **answers)
    assert said in shown
    assert "Nothing was recorded twice." in shown
    assert change.approvals.count() == 1


@pytest.mark.parametrize(
    ("verb", "answers", "status"),
    [
        ("confirm_approval", {"reason": "Yes."}, "confirmed"),
        ("deny_approval", {"reason": "No.", "kind": "never"}, "denied"),
        ("deny_approval", {"reason": "No.", "kind": "not_emergency"}, "denied"),
    ],
)
def test_second_tap_on_a_claim_is_told_that_the_first_was_taken(
    lead: Person, claimed: EmergencyChange, verb: str, answers: dict[str, str], status: str
) -> None:
    twice(lead, claimed, verb, fingerprint=claimed.fingerprint(), **answers)
    assert claimed.approvals.filter(status=status).count() == 1


def test_tap_that_overtook_another_is_no_error(
    lead: Person, change: EmergencyChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer of `answered` is from before the other tap was taken."""
    lead.do(change, "approve", fingerprint=change.fingerprint())
    found, asked = answering.answered, []

    def too_early(*args: Any) -> str | None:
        asked.append(args)
        return found(*args) if len(asked) > 1 else None

    monkeypatch.setattr(answering, "answered", too_early)
    response = lead.send(act(change, "approve"), reason="Yes.", fingerprint=change.fingerprint())
    assert response.status_code == 302
    assert len(asked) == 2
    assert change.approvals.count() == 1


def test_same_words_that_are_asked_again_can_be_rejected_again(
    company: Company, lead: Person, change: EmergencyChange
) -> None:
    answers = {"rejection": "sent_back", "fingerprint": change.fingerprint()}
    lead.do(change, "reject", **answers)
    journey = Journey(company, EmergencyChange.objects.get(pk=change.pk))
    journey.do("rework", company.engineer).submit()
    assert lead.do(change, "reject", **answers).status == "rejected"
    assert change.approvals.count() == 2


def test_going_back_to_the_page_shows_what_was_decided(
    lead: Person, change: EmergencyChange
) -> None:
    lead.decide(change, "approve")
    shown = sentences(lead.open(page(change, "decide")))
    assert "You approved this at" in shown
    assert "There is nothing for you to decide here." in shown


def test_claim_has_three_honest_answers(lead: Person, claimed: EmergencyChange) -> None:
    shown = sentences(lead.open(page(claimed, "decide")))
    assert "Did you approve this change?" in shown
    for words in ("Confirm: I approved at", "Approve now instead", "Reject…"):
        assert words in shown


def test_no_to_a_claim_begins_with_its_kind(lead: Person, claimed: EmergencyChange) -> None:
    lead.decide(claimed, "deny_approval", reason="We spoke of 4.17.", kind="otherwise")
    answer = claimed.approvals.get(status="denied").answer
    assert answer == "I said yes to something else. We spoke of 4.17."
    assert claimed.status == SUBMITTED


def test_claim_that_is_no_emergency_ends_as_rejected(
    lead: Person, claimed: EmergencyChange
) -> None:
    lead.decide(claimed, "deny_approval", reason="It can wait.", kind="not_emergency")
    assert (claimed.status, claimed.rejection) == ("rejected", "not_emergency")
    assert list(claimed.approvals.values_list("status", flat=True)) == ["denied", "rejected"]


def test_claim_is_not_denied_where_the_change_is_not_what_was_shown(
    company: Company, lead: Person, claimed: EmergencyChange
) -> None:
    """Both acts or none: the second is refused, so the first is not kept."""
    stale = hidden(lead.open(act(claimed, "deny_approval")), "fingerprint")
    Journey(company, claimed).do("correct", company.engineer, "Ten nodes.", part="scope")
    answers = {"kind": "not_emergency", "fingerprint": stale}
    said = "The change is not what you were shown."
    lead.refused(claimed, "deny_approval", said, **answers)
    assert claimed.approvals.get().status == "claimed"
