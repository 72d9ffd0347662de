"""Erasing content by order: it is gone, everything else still verifies, nothing hides behind it."""

import hashlib
import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from changes.models import EmergencyChange, Evidence
from ecportal.accounts.models import User
from ecportal.audit import attestation, context, protection, redaction, sealer, verify_pack
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.notes import Signer
from ecportal.audit.pack import write_pack
from ecportal.audit.verification import verify
from incidents.models import Incident
from tests.audit.evidence import attach
from tests.audit.mutating import unlocked
from tests.audit.rows import look, sql
from tests.scenario import Company, a_draft

pytestmark = [pytest.mark.once, pytest.mark.django_db]

SECRET = "Customer Erika Mustermann, born 1971"
WHY, REFERENCE = "Erasure under Art. 17 GDPR", "DPO-2026-17"


@pytest.fixture
def told(company: Company, log_key: Signer) -> Incident:
    """An incident whose description says too much, in two of its three rows of history."""
    change = a_draft(company)
    incident = change.incident
    for description in (SECRET, f"{SECRET}, of Berlin"):
        incident.description = description
        incident.save()
    sealer.seal()
    return incident


def redact(record: str, fields: str, *more: str, why: str = WHY, by: str = "roleadmin") -> str:
    out = StringIO()
    order = ["--fields", fields, "--by", by, "--why", why, "--reference", REFERENCE]
    call_command("audit_redact", record, *order, *more, stdout=out)
    return out.getvalue()


def codes(**options: Any) -> list[str]:
    return [finding.code for finding in verify(**options).findings]


def everything() -> str:
    """Return all that history, trail and record say, as one text."""
    past = list(Incident.history.values_list())
    live = list(Incident.objects.values_list())
    return repr([past, live, list(AuditEvent.objects.values_list())])


def offline(key: Signer, notes: list[str]) -> verify_pack.Verification:
    out = BytesIO()
    write_pack(out)
    reading = verify_pack.verify(out, [verify_pack.parse_vkey(key.vkey)], notes)
    assert isinstance(reading, verify_pack.Verification), reading
    return reading


def test_what_was_ordered_is_gone_and_everything_still_verifies(
    told: Incident, log_key: Signer
) -> None:
    before = [AuditCheckpoint.objects.latest("pk").note]
    leaves = list(AuditLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True))
    assert SECRET in everything()
    said = redact(told.number, "description", "--apply")
    assert "Erased: Incident" in said
    assert SECRET not in everything()
    sealer.seal()
    report = verify(checkpoints=before)
    assert report.findings == []
    assert report.totals["redacted"] == 2
    assert "2 redacted" in report.line()
    after = AuditLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True)
    assert list(after)[: len(leaves)] == leaves
    assert protection.findings() == []
    reading = offline(log_key, before)
    assert reading.findings == []
    assert reading.facts.redacted == 2


def test_live_record_changes_by_an_act_that_its_history_tells(told: Incident) -> None:
    redact(told.number, "description", "--apply")
    told.refresh_from_db()
    assert told.description == "[redacted]"
    newest = told.history.latest()
    assert newest.history_verb == "erase"
    assert newest.history_user_id == User.objects.get(username="roleadmin").pk
    assert newest.history_change_reason == f"{WHY} ({REFERENCE})"


def test_order_is_an_event_that_says_who_what_and_why(told: Incident) -> None:
    redact(f"incidents.incident:{told.pk}", "description", "--apply")
    (event,) = AuditEvent.objects.filter(kind="redaction")
    content = json.loads(str(event.body))
    fields = content["fields"]
    assert content["ctx"]["username"] == "roleadmin"
    assert (fields["record"], fields["columns"]) == (f"incidents.incident:{told.pk}", "description")
    assert (fields["why"], fields["reference"]) == (WHY, REFERENCE)
    assert len(fields["events"].split()) == len(fields["leaves"].split()) == 2
    assert SECRET not in str(event.body)


def test_dry_run_says_what_it_would_do_and_changes_nothing(told: Incident) -> None:
    before = everything()
    said = redact(told.number, "description")
    assert "Would erase" in said
    assert "Run it again with --apply" in said
    assert everything() == before
    rows = told.history.filter(description__contains=SECRET).values_list("pk", flat=True)
    assert all(str(row) in said for row in rows)


def test_rows_that_held_nothing_of_it_keep_their_event(told: Incident) -> None:
    redact(told.number, "description", "--apply")
    first = told.history.earliest()
    event = AuditEvent.objects.get(source="incidents.historicalincident", source_pk=first.pk)
    assert event.body is not None


def test_partial_pack_carries_the_order_along(told: Incident, log_key: Signer) -> None:
    redact(told.number, "description", "--apply")
    sealer.seal()
    out = BytesIO()
    write_pack(out, record=told.number)
    reading = verify_pack.verify(out, [verify_pack.parse_vkey(log_key.vkey)])
    assert isinstance(reading, verify_pack.Verification)
    assert reading.findings == []
    assert reading.facts.redacted == 2
    assert codes(record=told.number) == []


def test_what_stays_in_an_erased_row_is_still_attested(told: Incident) -> None:
    redact(told.number, "description", "--apply")
    sealer.seal()
    row = told.history.filter(description="[redacted]").earliest().pk
    for column, value, name in (
        ("severity", 4, "Severity"),
        ("history_user_id", 1, "Who did it"),
        ("description", "Something else", "Description"),
    ):
        table = "incidents_historicalincident"
        ((was,),) = look(f"SELECT {column} FROM {table} WHERE history_id = %s", row)
        with unlocked(table):
            sql(f"UPDATE {table} SET {column} = %s WHERE history_id = %s", value, row)
        (finding,) = verify().findings
        assert (finding.code, finding.field) == ("ROW", name)
        assert told.number in finding.record
        with unlocked(table):
            sql(f"UPDATE {table} SET {column} = %s WHERE history_id = %s", was, row)
    assert codes() == []


def test_second_erasure_of_the_same_rows_verifies_and_keeps_what_is_left(
    told: Incident, log_key: Signer
) -> None:
    redact(told.number, "description", "--apply")
    sealer.seal()
    redact(told.number, "title,history_change_reason", "--apply")
    sealer.seal()
    report = verify()
    assert report.findings == []
    assert offline(log_key, []).findings == []
    assert {row.title for row in told.history.all()} == {"[redacted]"}
    row = told.history.earliest().pk
    with unlocked("incidents_historicalincident"):
        sql("UPDATE incidents_historicalincident SET severity = 4 WHERE history_id = %s", row)
    assert codes() == ["ROW"]


def test_order_that_the_portal_did_not_write_orders_nothing(told: Incident) -> None:
    event = AuditEvent.objects.filter(source="incidents.historicalincident").latest("pk")
    leaf = AuditLeaf.objects.get(event_id=event.pk)
    body = json.loads(attestation.record("export", what="x").body or "")
    body["kind"] = "redaction"
    body["fields"] = {
        "record": "", "columns": "description", "events": str(event.pk), "why": "", "files": "",
        "leaves": str(leaf.idx), "reference": "", "kept": json.dumps({str(event.pk): {}}),
    }  # fmt: skip
    AuditEvent.objects.create(kind="redaction", body=json.dumps(body), mac="k1:" + "0" * 64)
    with unlocked("audit_auditevent"):
        sql("UPDATE audit_auditevent SET body = NULL WHERE id = %s", event.pk)
    assert {"REDACTED_WITHOUT_ORDER", "MAC"} <= set(codes())


def test_stored_file_of_erased_evidence_is_deleted_and_verifies(
    company: Company,
    log_key: Signer,
    django_capture_on_commit_callbacks: Any,
) -> None:
    change = a_draft(company)
    evidence = attach(company, change, SECRET.encode(), file_name="Erika.pdf")
    path = Path(evidence.file.path)
    sealer.seal()
    record = f"changes.evidence:{evidence.pk}"
    assert f"Stored file: {evidence.file.name}" in redact(record, "file,file_name")
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        redact(record, "file,file_name", "--apply")
    assert not path.exists()
    sealer.seal()
    report = verify()
    assert (report.findings, report.totals["files"]) == ([], 0)
    evidence.refresh_from_db()
    assert (evidence.file, evidence.file_name) == ("[redacted]", "[redacted]")
    assert evidence.sha256 == hashlib.sha256(SECRET.encode()).hexdigest()
    assert offline(log_key, []).findings == []


def test_file_that_another_record_needs_stays(
    company: Company, log_key: Signer, django_capture_on_commit_callbacks: Any
) -> None:
    first = attach(company, a_draft(company), b"the same")
    second = attach(company, a_draft(company), b"the same")
    sql("UPDATE changes_evidence SET file = %s WHERE id = %s", first.file.name, second.pk)
    with unlocked("changes_historicalevidence"):
        table = "changes_historicalevidence"
        sql(f"UPDATE {table} SET file = %s WHERE id = %s", first.file.name, second.pk)
    sealer.seal()
    with django_capture_on_commit_callbacks(execute=True):
        redact(f"changes.evidence:{first.pk}", "file", "--apply")
    assert Path(Evidence.objects.get(pk=second.pk).file.path).read_bytes() == b"the same"


def refused(record: str, fields: str, **named: str) -> str:
    before = everything()
    with pytest.raises(CommandError) as error:
        redact(record, fields, "--apply", **named)
    assert everything() == before
    assert protection.findings() == []
    return str(error.value)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ("nonsense", "There is no field nonsense. Those that can be erased: title, description"),
        ("", "Say what is to be erased"),
        ("number", "is part of the proof"),
        ("status", "is part of the proof"),
        ("id", "is part of the proof"),
        ("recorded_by", "is part of the proof"),
        ("history_date", "is part of the proof"),
        ("began_at", "cannot be left empty"),
    ],
)
def test_what_cannot_be_erased_is_refused_in_a_sentence(
    told: Incident, fields: str, why: str
) -> None:
    assert why in refused(told.number, fields)


def test_rule_of_the_database_is_told_and_nothing_is_half_done(
    company: Company, log_key: Signer
) -> None:
    """A user name is unique and has letters of its own."""
    sealer.seal()
    said = refused(f"accounts.user:{company.engineer.pk}", "first_name,username")
    assert said.startswith("Nothing was erased. ")
    company.engineer.refresh_from_db()
    assert company.engineer.first_name == "Engineer"


def test_unknown_people_records_and_empty_orders_are_refused(told: Incident) -> None:
    assert "nobody active" in refused(told.number, "description", by="nobody")
    assert "There is no record EC-1999-0001" in refused("EC-1999-0001", "description")
    assert "must say something" in refused(told.number, "description", why=" ")


def test_unsealed_past_is_refused(told: Incident) -> None:
    told.description = f"{SECRET} again"
    told.save()
    assert "audit_seal" in refused(told.number, "description")


def test_tampered_past_is_refused_so_that_an_erasure_hides_nothing(told: Incident) -> None:
    row = told.history.filter(description=SECRET).get().pk
    with unlocked("incidents_historicalincident"):
        sql("UPDATE incidents_historicalincident SET severity = 4 WHERE history_id = %s", row)
    said = refused(told.number, "description")
    assert "would hide that: Incident" in said
    assert codes() == ["ROW"]


def test_history_alone_is_not_erased_while_the_record_still_has_it(told: Incident) -> None:
    plan = redaction.plan(told.number, ["description"])
    with pytest.raises(redaction.NotRedacted, match="still holds"):
        redaction.redact(plan, origin=context.NOBODY, why=WHY, reference=REFERENCE)
    assert SECRET in everything()


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="roles are PostgreSQL's")
def test_run_time_role_is_refused_in_a_sentence(told: Incident) -> None:
    sql("CREATE ROLE ecp_redacting")
    call_command("audit_grants", "--role", "ecp_redacting", "--apply", stdout=StringIO())
    sql("SET LOCAL ROLE ecp_redacting")
    with pytest.raises(CommandError, match="ecp_redacting may not change history"):
        redact(told.number, "description", "--apply")
    sql("RESET ROLE")
    assert SECRET in everything()
    assert connection.vendor == "postgresql"


def test_links_keep_a_valid_address(company: Company, log_key: Signer) -> None:
    change = a_draft(company)
    incident = change.incident
    incident.source_url = "https://example.test/erika"
    incident.save()
    sealer.seal()
    redact(incident.number, "source_url", "--apply")
    incident.refresh_from_db()
    incident.full_clean()
    assert incident.source_url == "https://redacted.invalid/"
    sealer.seal()
    assert codes() == []
    assert EmergencyChange.objects.filter(incident=incident).exists()
