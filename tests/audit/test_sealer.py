"""The sealer: every event once, no history but one, and nothing signed that contradicts it."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from ecportal import clock
from ecportal.audit import attestation, heartbeat, keys, notes, protection, sealer, succession
from ecportal.audit.agreement import WillNotSign
from ecportal.audit.counts import unsealed_count
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.tree import root_of
from tests.audit.rows import look, sql

pytestmark = pytest.mark.django_db
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own")


def happen(times: int = 1) -> list[AuditEvent]:
    return [attestation.record("denied", what=f"act {n}", why="a rule") for n in range(times)]


def copied(event: AuditEvent, pk: int) -> AuditEvent:
    """Write an event under an id of our choice, as a transaction that took long would."""
    return AuditEvent.objects.create(pk=pk, kind=event.kind, body=event.body, mac=event.mac)


def leaves() -> list[bytes]:
    found = AuditLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True)
    return [bytes.fromhex(digest) for digest in found]


@contextmanager
def by_a_hand_in_the_database() -> Iterator[None]:
    with protection.lifted([AuditEvent, AuditLeaf, AuditCheckpoint]):
        yield


@pytest.fixture
def sealed(log_key: notes.Signer) -> sealer.Sealed:
    """A log in which twenty events and what the installation wrote are sealed."""
    happen(20)
    return sealer.seal()


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


# --- what contradicts the state ------------------------------------------------------------------
def lose_the_state() -> None:
    keys.beside(".state").unlink()


def truncate() -> None:
    with by_a_hand_in_the_database():
        sql("DELETE FROM audit_auditleaf WHERE idx >= (SELECT MAX(idx) - 4 FROM audit_auditleaf)")


def empty() -> None:
    with by_a_hand_in_the_database():
        for table in ("leaf", "checkpoint"):
            sql(f"DELETE FROM audit_audit{table}")


def punch_a_hole() -> None:
    with by_a_hand_in_the_database():
        sql("DELETE FROM audit_auditleaf WHERE idx = 3")


def add_a_leaf() -> None:
    idx = AuditLeaf.objects.count()
    AuditLeaf.objects.create(idx=idx, event_id=happen()[0].pk, leaf_hash="00" * 32)


def add_a_leaf_signed_by_another() -> None:
    add_a_leaf()
    other = notes.Signer("portal.example.com", notes.Ed25519PrivateKey.generate())
    checkpoint = notes.Checkpoint(other.name, AuditLeaf.objects.count(), root_of(leaves()))
    AuditCheckpoint.objects.create(
        size=checkpoint.size, note=notes.sign(checkpoint, other), created_at=clock.real()
    )


def add_garbage_for_a_leaf() -> None:
    idx = AuditLeaf.objects.count()
    AuditLeaf.objects.create(idx=idx, event_id=happen()[0].pk, leaf_hash="no hash")


def rename_the_log() -> None:
    state = keys.read_state()
    assert state is not None
    keys.write_state(state._replace(origin="elsewhere.example.com"))


def erase_and_renumber() -> None:
    """An event is erased and the leaves are done anew, so that the sealer would sign that."""
    kept = [(event, digest) for n, event, digest in _rows() if n != 5]
    with by_a_hand_in_the_database():
        sql("DELETE FROM audit_auditevent WHERE id = %s", _rows()[5][1])
        sql("DELETE FROM audit_auditleaf")
    for n, (event, digest) in enumerate(kept):
        AuditLeaf.objects.create(idx=n, event_id=event, leaf_hash=digest)


def _rows() -> list[tuple[Any, ...]]:
    return look("SELECT idx, event_id, leaf_hash FROM audit_auditleaf ORDER BY idx")


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (lose_the_state, r"state is gone.*--recover --checkpoint FILE"),
        (truncate, r"has \d+ leaves, which contradicts"),
        (empty, "has 0 leaves, which contradicts"),
        (punch_a_hole, r"(lacks some of its|has \d+) leaves, which contradicts"),
        (add_a_leaf, "that nobody signed"),
        (add_a_leaf_signed_by_another, "that nobody signed"),
        (add_garbage_for_a_leaf, "has no hash in leaf"),
        (rename_the_log, "is of the log elsewhere.example.com"),
        (erase_and_renumber, r"(has \d+|holds other) leaves, which contradicts"),
    ],
)
def test_contradiction_stops_the_sealer(
    sealed: sealer.Sealed, attack: Callable[[], None], sentence: str
) -> None:
    happen()
    attack()
    before = (AuditLeaf.objects.count(), AuditCheckpoint.objects.count())
    state = keys.beside(".state").read_text() if attack is not lose_the_state else None
    for full in (False, True):
        with pytest.raises(WillNotSign, match=sentence):
            sealer.seal(full=full)
    assert (AuditLeaf.objects.count(), AuditCheckpoint.objects.count()) == before
    assert state is None or keys.beside(".state").read_text() == state


def test_altered_leaf_stops_the_full_look(sealed: sealer.Sealed) -> None:
    with by_a_hand_in_the_database():
        sql("UPDATE audit_auditleaf SET leaf_hash = %s WHERE idx = 2", "ab" * 32)
    with pytest.raises(WillNotSign, match="holds other leaves, which contradicts"):
        sealer.seal(full=True)


def test_crash_between_the_commit_and_the_state_is_no_contradiction(
    sealed: sealer.Sealed, log_key: notes.Signer
) -> None:
    before = keys.beside(".state").read_bytes()
    happen(11)
    sealer.seal()
    keys.beside(".state").write_bytes(before)  # the write of the state was lost
    happen(2)
    done = sealer.seal(full=True)
    assert (done.count, done.size) == (2, sealed.size + 13)
    opened = notes.open_checkpoint(str(done.note), [log_key])
    assert opened.root == root_of(leaves())


@pytest.mark.django_db(transaction=True)
def test_state_is_not_ahead_of_a_batch_that_failed(sealed: sealer.Sealed) -> None:
    state = keys.beside(".state").read_text()
    happen(3)
    sql("ALTER TABLE audit_auditcheckpoint RENAME TO away")
    with pytest.raises(DatabaseError):
        sealer.seal()
    sql("ALTER TABLE away RENAME TO audit_auditcheckpoint")
    assert AuditLeaf.objects.count() == sealed.size
    assert keys.beside(".state").read_text() == state
    assert sealer.seal().count == 3


# --- recovery ------------------------------------------------------------------------------------
def test_lost_state_is_recovered_with_a_checkpoint_from_elsewhere(
    sealed: sealer.Sealed, tmp_path: Path
) -> None:
    happen(4)
    sealer.seal()
    lose_the_state()
    mail = tmp_path / "mail.txt"
    mail.write_text(f"Hello,\n\n{sealed.note}\nbye")
    out = StringIO()
    call_command("audit_seal", "--recover", "--checkpoint", str(mail), stdout=out)
    assert f"recovered: {sealed.size + 4} leaves" in out.getvalue()
    event = AuditEvent.objects.get(kind="recovery")
    fields = json.loads(str(event.body))["fields"]
    assert fields == {"size": sealed.size + 4, "known": sealed.size}
    assert sealer.seal(full=True).count == 1


def test_recovery_refuses_a_log_that_is_not_the_one_of_the_checkpoint(
    sealed: sealer.Sealed,
) -> None:
    happen(4)
    newest = str(sealer.seal().note)
    lose_the_state()
    truncate()
    with pytest.raises(WillNotSign, match="does not agree with the log"):
        succession.recover(newest)
    assert keys.read_state() is None


def test_recovery_refuses_what_lies_beyond_the_checkpoint_unsigned(sealed: sealer.Sealed) -> None:
    add_a_leaf()
    lose_the_state()
    with pytest.raises(WillNotSign, match="that nobody signed"):
        succession.recover(str(sealed.note))


def test_recovery_is_for_a_lost_state_and_a_signed_checkpoint_only(
    sealed: sealer.Sealed, tmp_path: Path
) -> None:
    with pytest.raises(WillNotSign, match="is not lost"):
        succession.recover(str(sealed.note))
    lose_the_state()
    with pytest.raises(WillNotSign, match="no checkpoint in that file"):
        succession.recover("nothing")
    with pytest.raises(notes.NoteRejected):
        succession.recover(str(sealed.note).replace(f"\n{sealed.size}\n", "\n1\n"))
    file = tmp_path / "none"
    for arguments in (["--recover"], ["--checkpoint", "x"], ["--recover", "--full"]):
        with pytest.raises(CommandError, match="go together"):
            call_command("audit_seal", *arguments)
    with pytest.raises(CommandError, match="No such file"):
        call_command("audit_seal", "--recover", "--checkpoint", str(file))


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


# --- the process ---------------------------------------------------------------------------------
OUTPUT = "output.txt"


@contextmanager
def process(tmp_path: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the sealer as a service does, on the test's own database and key; its words in OUTPUT."""
    database = str(connection.settings_dict["NAME"])
    url = f"sqlite:///{database}"
    if connection.vendor == "postgresql":
        url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{database}"
    environment = {
        **os.environ,
        "ECPORTAL_VAR": str(settings.VAR_DIR),
        "DATABASE_URL": url,
        "AUDIT_SIGNING_KEY": str(settings.AUDIT_SIGNING_KEY),
        "AUDIT_CHECKPOINT_FILE": str(settings.AUDIT_CHECKPOINT_FILE),
    }
    command = [sys.executable, "manage.py", "audit_seal", *arguments]
    with (tmp_path / OUTPUT).open("wb") as output:
        streams: dict[str, Any] = {"stdout": output, "stderr": subprocess.STDOUT}
        started = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, **streams)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def until(holds: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait until it holds; return how long that took."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < seconds
        time.sleep(0.02)
    return time.monotonic() - begin


def beats() -> int:
    return AuditEvent.objects.filter(kind="seal").count()


def all_is_sealed() -> bool:
    return unsealed_count() == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_loop_seals_at_once_and_ends_cleanly(log_key: notes.Signer, tmp_path: Path) -> None:
    happen(3)
    with process(tmp_path, "--loop", "1") as started:
        until(lambda: beats() == 1 and all_is_sealed())
        happen()
        assert until(all_is_sealed) < 3
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 0
    assert (tmp_path / OUTPUT).read_text() == "The sealer has stopped.\n"
    assert sealer.seal(full=True).count == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_loop_outlives_a_database_that_is_away(log_key: notes.Signer, tmp_path: Path) -> None:
    gone, back = "audit_auditevent", "elsewhere"
    outages = 1 + (connection.vendor == "postgresql")

    def said(words: str) -> int:
        return (tmp_path / OUTPUT).read_text().count(words)

    with process(tmp_path, "--loop", "0.1") as started:
        until(lambda: beats() == 1 and all_is_sealed())
        if connection.vendor == "postgresql":
            sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            until(lambda: said("The sealer goes on.") == 1)
        sql(f"ALTER TABLE {gone} RENAME TO {back}")
        until(lambda: said("The sealer waits: ") == outages)
        sql(f"ALTER TABLE {back} RENAME TO {gone}")
        happen()
        until(all_is_sealed)
        until(lambda: said("The sealer goes on.") == outages)
        started.send_signal(signal.SIGINT)
        assert started.wait(10) == 0
    assert said("The sealer waits: ") == outages
    assert said("Traceback") == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_loop_that_will_not_sign_ends_with_the_sentence(
    log_key: notes.Signer, tmp_path: Path
) -> None:
    happen(3)
    sealer.seal()
    lose_the_state()
    with process(tmp_path, "--loop", "1") as started:
        assert started.wait(30) == 1
    output = (tmp_path / OUTPUT).read_text()
    assert output.startswith("CommandError: The log has leaves, but ")
    assert output.count("\n") == 1
    assert beats() == 0


@pytest.mark.parametrize("seconds", ["0", "nan", "-1"])
def test_loop_without_a_pause_is_refused(log_key: notes.Signer, seconds: str) -> None:
    with pytest.raises(CommandError, match=r"from 0\.05 on"):
        call_command("audit_seal", f"--loop={seconds}")
