"""The sealer: every event once, no history but one, and nothing signed that contradicts it."""

import json
import logging
from datetime import timedelta

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection

from ecportal import clock
from ecportal.audit import attestation, heartbeat, notes, sealer, succession
from ecportal.audit.agreement import WillNotSign
from ecportal.audit.counts import unsealed_count
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.tree import root_of
from tests.audit.rows import sql
from tests.audit.sealing import by_a_hand_in_the_database, copied, happen, leaves

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own")


def test_each_event_has_one_leaf_in_the_order_of_ids_and_the_root_is_signed(
    log_key: notes.Signer,
) -> None:
    happen(7)
    done = sealer.seal()
    events = list(AuditEvent.objects.order_by("pk"))
    found = list(AuditLeaf.objects.order_by("idx").values_list("idx", "event_id", "leaf_hash"))
    assert found == [
        (n, event.pk, attestation.leaf_hash(str(event.body))) for n, event in enumerate(events)
    ]
    assert (done.count, done.size) == (len(events), len(events))
    (checkpoint,) = AuditCheckpoint.objects.all()
    opened = notes.open_checkpoint(checkpoint.note, [log_key])
    assert opened == notes.Checkpoint("portal.example.com", len(events), root_of(leaves()))
    assert (checkpoint.size, checkpoint.note) == (done.size, done.note)


def test_where_nothing_waits_nothing_is_signed(sealed: sealer.Sealed) -> None:
    assert not sealer.something_waits()
    assert sealer.seal() == sealer.seal(full=True) == sealer.Sealed(0, sealed.size, None)
    assert AuditCheckpoint.objects.count() == 1
    happen()
    assert sealer.something_waits()
    assert sealer.seal().count == 1


def test_many_events_are_sealed_in_one_call_with_a_checkpoint_a_batch(
    log_key: notes.Signer,
) -> None:
    (event,) = happen()
    rows = [AuditEvent(kind=event.kind, body=event.body, mac=event.mac) for _ in range(5_600)]
    AuditEvent.objects.bulk_create(rows)
    done = sealer.seal()
    assert done.size == AuditEvent.objects.count() == AuditLeaf.objects.count()
    sizes = list(AuditCheckpoint.objects.order_by("pk").values_list("size", flat=True))
    assert sizes == [500, 5_500, done.size]
    hashes = leaves()
    for checkpoint in AuditCheckpoint.objects.all():
        opened = notes.open_checkpoint(checkpoint.note, [log_key])
        assert opened.root == root_of(hashes[: checkpoint.size])


def test_event_that_became_visible_late_is_found_at_the_next_look(sealed: sealer.Sealed) -> None:
    (event,) = happen()
    late = copied(event, event.pk + 900)
    sealer.seal()
    for pk in (late.pk - 1, event.pk + 1):
        copied(event, pk)
        assert sealer.something_waits()
        assert sealer.seal().count == 1
    assert unsealed_count() == 0


def test_event_of_a_very_long_transaction_is_found_by_a_full_look(sealed: sealer.Sealed) -> None:
    (event,) = happen()
    copied(event, event.pk + 5_000)
    sealer.seal()
    copied(event, event.pk + 1)
    assert (sealer.seal().count, unsealed_count()) == (0, 1)
    assert (sealer.seal(full=True).count, unsealed_count()) == (1, 0)


@pytest.mark.parametrize(
    ("column", "value"), [("mac", "k1:00"), ("mac", "k9:00"), ("body", "{}"), ("body", None)]
)
def test_forged_event_is_sealed_as_evidence_and_told(
    sealed: sealer.Sealed, caplog: pytest.LogCaptureFixture, column: str, value: str | None
) -> None:
    (event,) = happen()
    with by_a_hand_in_the_database():
        sql(f"UPDATE audit_auditevent SET {column} = %s WHERE id = %s", value, event.pk)
    assert sealer.seal().count == 1
    (told,) = [line for line in caplog.records if line.levelno == logging.ERROR]
    assert f"did not write, or not so: {event.pk}." in told.getMessage()


def test_checkpoints_of_one_log_are_extensions_of_each_other(log_key: notes.Signer) -> None:
    given = []
    for _ in range(9):
        happen(3)
        given.append(sealer.seal().note)
    for note in given:
        opened = notes.open_checkpoint(str(note), [log_key])
        assert opened.root == root_of(leaves()[: opened.size])


# --- the heartbeat -------------------------------------------------------------------------------
def test_heartbeat_says_that_the_controls_operate(sealed: sealer.Sealed) -> None:
    happen(3)
    with clock.at(clock.now() - timedelta(days=400)):
        heartbeat.heartbeat()
    event = AuditEvent.objects.filter(kind="seal").latest("pk")
    fields = json.loads(str(event.body))["fields"]
    assert fields.pop("time")[:10] == f"{clock.real():%Y-%m-%d}"
    assert fields == {"triggers": 0, "drift": 0, "unsealed": 3, "version": "0.1.0"}


def test_heartbeat_counts_a_missing_trigger(sealed: sealer.Sealed) -> None:
    table = "ON audit_auditleaf" if connection.vendor == "postgresql" else ""
    name = "ecp_no_change" if connection.vendor == "postgresql" else "ecp_audit_auditleaf_update"
    sql(f"DROP TRIGGER {name} {table}")
    heartbeat.heartbeat()
    event = AuditEvent.objects.filter(kind="seal").latest("pk")
    assert json.loads(str(event.body))["fields"]["triggers"] == 1


def test_one_call_a_day_brings_a_heartbeat_and_seals_it(log_key: notes.Signer) -> None:
    assert heartbeat.heartbeat_is_due()
    for _ in range(2):
        call_command("audit_seal", verbosity=0)
        assert AuditEvent.objects.filter(kind="seal").count() == 1
    assert unsealed_count() == 0
    assert not heartbeat.heartbeat_is_due()


# --- privileges and locks ------------------------------------------------------------------------
@on_postgresql
def test_sealer_needs_no_more_than_to_read_and_to_add(log_key: notes.Signer) -> None:
    happen(3)
    sql("CREATE ROLE ecp_sealer_test")
    sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO ecp_sealer_test")
    for model in (AuditEvent, AuditLeaf, AuditCheckpoint):
        sql(f"GRANT INSERT ON {model._meta.db_table} TO ecp_sealer_test")
    sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ecp_sealer_test")
    sql("SET ROLE ecp_sealer_test")
    try:
        sealer.seal(full=True)
        heartbeat.heartbeat()
        assert sealer.seal().count == 1
        succession.rotate()
    finally:
        sql("RESET ROLE")


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_while_another_sealer_is_at_work_nothing_is_signed(sealed: sealer.Sealed) -> None:
    happen()
    parameters = connection.get_connection_params()
    names = {key: parameters[key] for key in ("dbname", "user", "host") if parameters.get(key)}
    with psycopg.connect(**names) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (sealer._ADVISORY_LOCK,))
        assert sealer.seal().count == 0
        with pytest.raises(WillNotSign, match="Another sealer"):
            succession.rotate()
        assert sealer.seal(full=True).count == 0
    assert sealer.seal().count == 1
