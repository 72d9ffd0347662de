"""Receipts: whom a decision concerns has it in writing, from the same transaction."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.lifecycle import TransitionRefused
from ecportal.outbox.publishing import deliver
from reviews.models import Receipt
from tests.scenario import Company, Journey, a_change, a_draft

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)


def rejected(company: Company, change: EmergencyChange) -> None:
    Journey(company, change).do(
        "reject", company.lead, "Not like this.", rejection="sent_back",
        fingerprint=change.fingerprint(),
    )  # fmt: skip


def retroactively(company: Company, verb: str) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    Journey(company, change).do(verb, company.lead, fingerprint=change.fingerprint())


DECISIONS = {
    "approved": (lambda c: a_change(c, "approved"), ["engineer", "lead"]),
    "rejected": (lambda c: rejected(c, a_change(c, "submitted")), ["engineer", "lead"]),
    "verbal approval confirmed": (
        lambda c: Journey(c, a_draft(c)).submit().claim().do("confirm_approval", c.lead),
        ["engineer", "lead"],
    ),
    "verbal approval denied": (
        lambda c: Journey(c, a_draft(c)).submit().claim().start(c.engineer2).do(
            "deny_approval", c.lead
        ),
        ["engineer", "engineer2", "lead"],
    ),
    "approved retroactively": (
        lambda c: retroactively(c, "approve_retroactively"), ["engineer", "lead"],
    ),
    "rejected retroactively": (
        lambda c: retroactively(c, "reject_retroactively"), ["engineer", "lead"],
    ),
    "reviewed and closed": (lambda c: a_change(c, "closed"), ["engineer", "lead", "lead2"]),
}  # fmt: skip


@pytest.mark.parametrize("act", DECISIONS)
def test_everybody_concerned_gets_one_receipt(company: Company, act: str) -> None:
    decide, people = DECISIONS[act]
    decide(company)
    deliver()
    change = EmergencyChange.objects.get()
    subject = f"{change.number} {act} - {change.title}"
    found = [message for message in mail.outbox if message.subject == subject]
    assert sorted(message.to[0].removesuffix("@example.test") for message in found) == people
    assert Receipt.objects.filter(act=act).count() == len(people)
    for message in found:
        assert f"/admin/changes/emergencychange/{change.pk}/change/" in message.body


def approved(company: Company, **values: object) -> str:
    with clock.at(NOON):
        change = a_change(company, "submitted", **values)
    with clock.at(NOON + timedelta(hours=3)):
        Journey(company, change).do(
            "approve", company.lead, "The plan is <sound> & small.",
            happened_at=NOON + timedelta(hours=1), fingerprint=change.fingerprint(),
        )  # fmt: skip
        deliver()
    [message] = [m for m in mail.outbox if m.to == ["engineer@example.test"]]
    return str(message.body)


def test_receipt_says_who_when_by_both_clocks_and_why(company: Company) -> None:
    text = approved(company)
    assert "By: Lead\n" in text
    assert "When: Wed 18 Nov 2026, 13:00 CET\n" in text
    assert "Recorded: Wed 18 Nov 2026, 15:00 CET\n" in text
    assert "Reason: The plan is <sound> & small.\n" in text


def test_receipt_of_a_confidential_change_says_neither_title_nor_reason(company: Company) -> None:
    text = approved(company, title="Leaked key", confidential=True)
    assert "Leaked" not in text
    assert "sound" not in text
    assert "By: Lead\n" in text


def test_act_that_is_refused_leaves_no_receipt(company: Company) -> None:
    change = a_change(company, "submitted")
    with pytest.raises(TransitionRefused):
        Journey(company, change).do("approve", company.lead, fingerprint="0" * 64)
    assert not Receipt.objects.exists()


def test_person_without_address_has_a_receipt_that_says_so(company: Company) -> None:
    company.engineer.email = ""
    company.engineer.save()
    a_change(company, "approved")
    receipt = Receipt.objects.get(person=company.engineer)
    assert (receipt.message, receipt.result) == (None, "No e-mail address")
