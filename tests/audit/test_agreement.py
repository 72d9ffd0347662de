"""A log that contradicts what was signed stops the sealer, until the state is recovered."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from ecportal import clock
from ecportal.audit import keys, notes, sealer, succession
from ecportal.audit.agreement import WillNotSign
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.tree import root_of
from tests.audit.rows import look, sql
from tests.audit.sealing import by_a_hand_in_the_database, happen, leaves, lose_the_state

pytestmark = pytest.mark.django_db


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
