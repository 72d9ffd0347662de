"""`audit_verify` on a portal where nothing was rewritten, and what it says where something was."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from pytest_django import Settings

from changes.models import Approval, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import attestation, keys, schema, sealer
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.audit.notes import Signer
from ecportal.audit.verification import events, verify
from tests.audit.evidence import attach
from tests.audit.mutating import unlocked
from tests.audit.rows import look, sql
from tests.audit.verifying import HISTORY, codes, newest_row, rewrite
from tests.scenario import Company, a_change, a_draft, an_incident

pytestmark = pytest.mark.django_db


def test_whole_process_verifies_clean(closed: EmergencyChange) -> None:
    report = verify()
    assert report.findings == []
    totals = report.totals
    assert totals["events"] == totals["leaves"] == AuditEvent.objects.count() > 60
    assert totals["rows"] == AuditEvent.objects.filter(kind="history").count()
    assert totals["unsealed"] == 0
    assert totals["clock_set"] > 0  # verified and reviewed under a set clock
    assert report.state == ""
    assert f"events {totals['events']}, " in report.line()
    assert "checkpoints 1 + 0 external" in report.line()


def test_changed_row_is_told_by_number_and_field_without_its_content(
    closed: EmergencyChange,
) -> None:
    row = newest_row(closed)
    rewrite(HISTORY, "scope", "Nothing at all.", "history_id = %s", row - 1)
    (finding,) = verify().findings
    assert finding.code == "ROW"
    assert finding.record == f"Emergency change {closed.number}"
    assert finding.field == "What will be changed"
    assert f"{finding.record}, field {finding.field}, was changed" in finding.sentence
    assert f"history row {row - 1} of " in finding.sentence
    assert closed.scope not in finding.sentence
    assert "Nothing at all" not in finding.sentence


def test_record_beside_a_change_is_told_with_the_number_of_the_change(
    closed: EmergencyChange,
) -> None:
    approval = Approval.objects.get()
    sql("UPDATE changes_approval SET comment = 'Never.' WHERE id = %s", approval.pk)
    (finding,) = verify().findings
    assert finding.code == "DRIFT"
    assert finding.record == f"Approval {approval.pk} of emergency change {closed.number}"
    assert finding.field == "Comment"


def test_value_that_its_column_cannot_hold_is_a_finding_and_no_crash(
    closed: EmergencyChange,
) -> None:
    # No month 99 can be read from SQLite, no infinity from PostgreSQL: both drivers raise.
    value = "2026-99-99 09:40:00" if connection.vendor == "sqlite" else "infinity"
    rewrite(HISTORY, "opened_at", value, "history_id = %s", newest_row(closed) - 1)
    report = verify()
    assert codes(report) == {"ROW"}
    assert closed.number in report.findings[0].sentence


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        '{"v": 1}',
        "[" * 100_000,
        '{"v":1,"kind":"history","source":3,"source_pk":[],"salt":"","at":"x","ctx":{},"fields":{}}',
    ],
    ids=["empty", "list", "null", "bare", "deep", "kinds"],
)
def test_text_that_is_no_event_is_a_finding_and_no_crash(
    closed: EmergencyChange, body: str
) -> None:
    event = AuditEvent.objects.filter(source="changes.historicalemergencychange").last()
    assert event is not None
    rewrite("audit_auditevent", "body", body, "id = %s", event.pk)
    assert codes(verify()) == {"LEAF", "MAC", "EVENT_META", "UNATTESTED"}


def test_time_far_from_the_event_is_backdated_in_both_directions(
    company: Company, log_key: Signer
) -> None:
    for hours in (-1, 1):
        with transaction.atomic():
            company.system.description = f"As of {hours} h."
            company.system._history_date = clock.real() + timedelta(hours=hours)
            company.system.save()
        del company.system._history_date
    sealer.seal()
    assert [f.code for f in verify().findings] == ["BACKDATED", "BACKDATED"]


def test_set_clock_is_counted_and_in_production_a_finding(
    company: Company, log_key: Signer, settings: Settings
) -> None:
    with clock.at(datetime(2026, 3, 1, 12, 0, tzinfo=UTC)):
        an_incident(company)
    sealer.seal()
    clean = verify()
    assert clean.is_clean
    assert clean.totals["clock_set"] > 0
    assert f"{clean.totals['clock_set']} recorded under a set clock" in clean.line()
    settings.AUDIT_VKEYS = (log_key.vkey,)
    settings.IN_PRODUCTION = True
    assert codes(verify()) == {"BACKDATED"}


def test_events_that_wait_longer_than_a_minute_are_a_finding(
    closed: EmergencyChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction.atomic():
        attestation.record("export", record="", leaves=1, events=1, sha256="0")
    fresh = verify()
    assert fresh.is_clean
    assert fresh.totals["unsealed"] == 1
    later = clock.real() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "real", lambda: later)
    report = verify()
    assert codes(report) == {"UNSEALED"}
    assert 119 < report.totals["oldest_unsealed"] < 150


def test_heartbeat_older_than_a_day_is_stale(
    closed: EmergencyChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = clock.real()
    monkeypatch.setattr(clock, "real", lambda: begun + timedelta(hours=25))
    assert verify().is_clean
    monkeypatch.setattr(clock, "real", lambda: begun + timedelta(hours=27))
    report = verify()
    assert codes(report) == {"STALE"}
    assert "last heartbeat 1 d 3 h" in report.line()


def test_membership_changed_past_the_portal_is_drift(closed: EmergencyChange) -> None:
    lead = User.objects.get(username="lead")
    auditor = Group.objects.get(name="Auditor")
    sql("INSERT INTO accounts_user_groups (user_id, group_id) VALUES (%s, %s)", lead.pk, auditor.pk)
    (finding,) = verify().findings
    assert finding.code == "DRIFT"
    assert finding.record == f"Person {lead.pk}"
    assert "groups were changed past the portal" in finding.sentence


def test_membership_without_any_event_is_drift(closed: EmergencyChange) -> None:
    ((permission,),) = look("SELECT MIN(id) FROM auth_permission")
    system = User.objects.system()
    sql(
        "INSERT INTO accounts_user_user_permissions (user_id, permission_id) VALUES (%s, %s)",
        system.pk,
        permission,
    )
    (finding,) = verify().findings
    assert finding.code == "DRIFT"
    assert "there is no event" in finding.sentence


def test_altered_and_missing_files_are_findings(company: Company, log_key: Signer) -> None:
    evidence = attach(company, a_draft(company), b"deployed 4.18.2\n" * 100_000)
    sealer.seal()
    clean = verify()
    assert (clean.findings, clean.totals["files"]) == ([], 1)
    path = Path(evidence.file.path)
    path.chmod(0o600)
    path.write_bytes(b"deployed 4.18.3\n" * 100_000)
    (altered,) = verify().findings
    assert altered.code == "FILE"
    assert "is not the one that was attached" in altered.sentence
    assert verify(files=False).is_clean
    path.unlink()
    (missing,) = verify().findings
    assert "is missing" in missing.sentence


def test_gone_column_needs_a_later_schema_event(closed: EmergencyChange) -> None:
    """The body says what a column held; a column that is gone has to be gone by a migration."""
    source = "incidents.historicalsystem"
    event = AuditEvent.objects.filter(source=source).last()
    assert event is not None
    assert event.body is not None
    content = json.loads(event.body)
    content["fields"]["owner"] = "the platform team"
    body = json.dumps(content, separators=(",", ":"), sort_keys=True)
    with unlocked("audit_auditevent"), unlocked("audit_auditleaf"):
        sql("DELETE FROM audit_auditevent WHERE id = %s", event.pk)
        sql("DELETE FROM audit_auditleaf")
    with unlocked("audit_auditcheckpoint"):
        sql("DELETE FROM audit_auditcheckpoint")
    keys.beside(".state").unlink()
    with transaction.atomic():
        AuditEvent.objects.create(
            kind="history",
            source=source,
            source_pk=event.source_pk,
            body=body,
            mac=attestation.mac(body),
        )
    sealer.seal(full=True)
    (finding,) = verify().findings
    assert (finding.code, finding.field) == ("ROW", "owner")
    assert "no later schema event" in finding.sentence
    before = AuditEvent.objects.filter(kind=schema.SCHEMA).last()
    assert before is not None
    assert before.body is not None
    with transaction.atomic():
        attestation.record(schema.SCHEMA, **json.loads(before.body)["fields"])
    assert verify().is_clean


def test_column_that_was_added_since_is_ignored(closed: EmergencyChange) -> None:
    table = "incidents_historicalsystem"
    sql(f"ALTER TABLE {table} ADD COLUMN owner text NULL")
    assert verify().is_clean


def test_only_one_record_and_what_refers_to_it(company: Company, log_key: Signer) -> None:
    change = a_change(company, "approved")
    other = a_change(company, "approved")
    sealer.seal()
    for name in (change.number, f"changes.emergencychange:{change.pk}", f" {change.number} "):
        report = verify(record=name)
        assert report.is_clean
        assert report.scope == f"Emergency change {change.number}"
        assert 0 < report.totals["rows"] < verify().totals["rows"] / 2
    row = Approval.history.filter(change_id=change.pk).last().pk
    rewrite("changes_historicalapproval", "comment", "Never.", "history_id = %s", row)
    assert codes(verify(record=change.number)) == {"ROW", "DRIFT"}
    assert verify(record=other.number).is_clean


def test_link_that_was_pointed_elsewhere_is_found_from_the_record_that_it_left(
    company: Company, log_key: Signer
) -> None:
    change, other = a_change(company, "approved"), a_change(company, "approved")
    sealer.seal()
    approval = Approval.objects.get(change=change)
    sql("UPDATE changes_approval SET status = 'withdrawn' WHERE change_id = %s", other.pk)
    sql("UPDATE changes_approval SET change_id = %s WHERE id = %s", other.pk, approval.pk)
    rewrite("changes_historicalapproval", "change_id", other.pk, "id = %s", approval.pk)
    assert {"ROW"} <= codes(verify(record=change.number))


def test_state_file_that_cannot_be_read_is_said_in_the_totals(closed: EmergencyChange) -> None:
    state = keys.beside(".state")
    whole = state.read_text()
    state.write_text("{")
    assert "it cannot be read here" in verify().line()
    state.unlink()
    assert "there is none here" in verify().line()
    state.write_text(whole)
    assert verify().state == ""


def test_state_file_shows_a_log_that_was_rolled_back(
    closed: EmergencyChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "UNSEALED_AFTER", timedelta(hours=1))  # on any machine
    with unlocked("audit_auditcheckpoint", "audit_auditleaf"):
        sql("DELETE FROM audit_auditcheckpoint")
        sql("DELETE FROM audit_auditleaf")
    found = codes(verify())
    assert found == {"TRUNCATED"}
    keys.beside(".state").unlink()
    assert verify().is_clean  # young events that wait: only the state knows better


def test_replayed_checkpoint_does_not_sign_the_rest(company: Company, log_key: Signer) -> None:
    sealer.seal()
    first = AuditCheckpoint.objects.get()
    an_incident(company)
    sealer.seal()
    AuditCheckpoint.objects.create(size=first.size, note=first.note, created_at=clock.real())
    assert codes(verify()) == {"UNSIGNED"}


def test_event_with_a_stranger_s_leaf_is_found(closed: EmergencyChange) -> None:
    rewrite("audit_auditleaf", "leaf_hash", "zz", "idx = %s", 3)
    assert codes(verify()) == {"LEAF", "ROOT"}
