"""The badge of a record: how far it is sealed and verified, and what is wrong."""

import pytest
from django.test import Client

from changes.models import EmergencyChange
from ecportal.audit import protection, sealer
from ecportal.audit.models import AuditEvent, AuditLeaf
from tests.audit.rows import sql
from tests.pages.conftest import SignIn
from tests.pages.trail.reading import CHECKPOINTS, EVENTS, clock_of, markup, shown, verified
from tests.pages.world import page
from tests.scenario import Company, Journey

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("log_key")]


def test_badge_counts_what_is_sealed_so_far(
    company: Company, change: EmergencyChange, engineer: Client
) -> None:
    assert "Being sealed (0 of 3)" in shown(engineer, page(change))
    sealer.seal()
    Journey(company, change).do("correct", company.engineer, part="scope")
    assert "Being sealed (3 of 4)" in shown(engineer, page(change))


def test_badge_is_not_verified_until_a_verification_covers_the_last_leaf(
    change: EmergencyChange, engineer: Client
) -> None:
    sealer.seal()
    assert "Sealed, not verified yet" in shown(engineer, page(change))
    own = change.history.order_by("-history_id").values_list("history_id", flat=True)[0]
    event = AuditEvent.objects.get(source="changes.historicalemergencychange", source_pk=own)
    leaf = AuditLeaf.objects.get(event_id=event.pk)
    verified(size=leaf.idx)
    assert "Sealed, not verified yet" in shown(engineer, page(change))
    at = clock_of(verified(size=leaf.idx + 1))
    assert f"Sealed, verified {at}" in shown(engineer, page(change))


def test_badge_tells_the_time_in_the_readers_zone(
    change: EmergencyChange, company: Company, signed_in: SignIn
) -> None:
    sealer.seal()
    event = verified()
    company.engineer.time_zone = "Asia/Kolkata"
    company.engineer.save()
    sealer.seal()
    client = signed_in(company.engineer)
    assert f"Sealed, verified {clock_of(event, 'Asia/Kolkata')}" in shown(client, page(change))


def test_badge_is_red_while_the_last_verification_found_something(
    change: EmergencyChange, engineer: Client, auditor: Client
) -> None:
    sealer.seal()
    verified()
    verified(codes="ROW DRIFT")
    text = shown(engineer, page(change))
    assert "Verification found something Tell an Engineering Lead." in text
    assert CHECKPOINTS not in markup(engineer.get(page(change)))
    assert f'<a href="{CHECKPOINTS}">See the audit trail</a>' in markup(auditor.get(page(change)))
    verified()
    assert "Sealed, verified" in shown(engineer, page(change))


def test_badge_is_red_when_the_verification_could_not_run(
    change: EmergencyChange, engineer: Client
) -> None:
    sealer.seal()
    verified(size=0, codes="COULD_NOT_RUN")
    assert "Verification could not run Tell an Engineering Lead." in shown(engineer, page(change))


def test_badge_does_not_believe_a_verification_that_somebody_forged(
    change: EmergencyChange, engineer: Client
) -> None:
    sealer.seal()
    event = verified(codes="ROW")
    body = (
        (event.body or "")
        .replace('"codes":"ROW"', '"codes":""')
        .replace('"findings":1', '"findings":0')
    )
    AuditEvent.objects.create(kind="verify", body=body, mac=event.mac)
    assert "Verification found something" in shown(engineer, page(change))


def test_record_without_any_history_is_told_at_once(
    change: EmergencyChange, engineer: Client
) -> None:
    with protection.lifted():
        sql("DELETE FROM changes_historicalemergencychange")
    assert "Without any history Tell an Engineering Lead." in shown(engineer, page(change))


def test_badge_leads_auditors_to_the_records_events_and_nobody_else(
    change: EmergencyChange, engineer: Client, auditor: Client
) -> None:
    link = f"{EVENTS}?record=changes.emergencychange%3A{change.pk}"
    assert link in markup(auditor.get(page(change)))
    assert EVENTS not in markup(engineer.get(page(change)))
    text = shown(auditor, link)
    assert f"Emergency change {change.number}: opened" in text
    assert f"Incident {change.incident.number}" not in text


def test_badge_is_on_the_page_and_the_history_of_other_records_too(
    company: Company, change: EmergencyChange, auditor: Client
) -> None:
    for record in (change.incident, company.system, company.lead):
        for kind in ("change", "history"):
            assert "Being sealed" in shown(auditor, page(record, kind))
