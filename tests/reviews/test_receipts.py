"""Receipts: whom a decision concerns has it in writing, from the same transaction."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.audit import attestation, protection, sealer
from ecportal.audit.models import AuditEvent
from ecportal.audit.verification import verify
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


def proofs(text: str) -> list[tuple[int, str]]:
    """Return the audit events, with their leaf hashes, that a mail names."""
    return [(int(event), leaf) for event, leaf in re.findall(r": (\d+):([0-9a-f]{64})\n", text)]


@pytest.mark.parametrize("act", DECISIONS)
def test_receipt_carries_the_leaf_hash_of_what_it_tells(
    company: Company, act: str, log_key: object
) -> None:
    decide, _people = DECISIONS[act]
    decide(company)
    message = Receipt.objects.filter(act=act).latest("pk").message
    assert message is not None
    found = proofs(message.text)
    assert [attestation.leaf_hash(AuditEvent.objects.get(pk=pk).body) for pk, _leaf in found] == [
        leaf for _event, leaf in found
    ]
    sources = [AuditEvent.objects.get(pk=pk).source for pk, _leaf in found]
    approval = [] if act == "reviewed and closed" else ["changes.historicalapproval"]
    assert sources == ["changes.historicalemergencychange", *approval]
    sealer.seal()
    assert not [f for f in verify(receipts=found).findings if f.code == "RECEIPT"]


def test_decision_erased_before_it_was_sealed_is_found_by_its_receipt(
    company: Company, log_key: object
) -> None:
    change = a_change(company, "approved")
    message = Receipt.objects.latest("pk").message
    assert message is not None
    (event, leaf), *_ = proofs(message.text)
    row = change.history.latest("history_id")
    with protection.lifted(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent WHERE id = %s", (event,))
        cursor.execute(
            "DELETE FROM changes_historicalemergencychange WHERE history_id = %s",
            (row.history_id,),
        )
    sealer.seal()
    codes = {finding.code for finding in verify(receipts=[(event, leaf)]).findings}
    assert "RECEIPT" in codes
