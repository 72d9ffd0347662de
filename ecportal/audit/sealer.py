"""The sealer: gives each event its leaf, and signs the root; the only holder of the signing key.

What was signed before is in the state file beside the key and is never asked of the database: a log
must not sign two histories, however well the second one is told. Whatever contradicts the state
stops the sealer until a person has looked.
"""

import json
import logging
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from ecportal import clock
from ecportal.audit import attestation, bodies, drift, keys, notes, protection, publishing
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.tree import Frontier

logger = logging.getLogger(__name__)

SEAL, KEY, RECOVERY = "seal", "key", "recovery"
BATCH: Final = 500
BACKLOG_BATCH: Final = 5_000
"""Events in one transaction where many wait: SQLite's writers wait about a tenth of a second."""
LOOK_BACK: Final = 1_000
"""Ids become visible out of order on PostgreSQL; this far behind the newest leaf, each look looks.
What a longer transaction wrote is found by the next full look."""
OTHER_SEALER: Final = "Another sealer is at work on this database. Stop it first."
_ADVISORY_LOCK: Final = 7_310_962


class WillNotSign(Exception):
    """The log contradicts what was signed before; the message says how, and what to do."""


@dataclass(frozen=True)
class Sealed:
    """What one call did: how many events it sealed, and the log's size and newest note after."""

    count: int
    size: int
    note: str | None


class _Event(NamedTuple):
    pk: int
    body: str
    is_ours: bool


def seal(*, full: bool = False, stop: threading.Event | None = None) -> Sealed:
    """Seal everything that waits, in batches; WillNotSign and KeyMissing leave it unsealed.

    A full look finds stragglers of any age and compares every leaf with the state. `stop` ends the
    call after a batch. Call it outside of transactions.
    """
    _make_commits_last()
    if full:
        with keys.held():
            _check_every_leaf()
    after = 0 if full else _first_look()
    count, size, note, limit = 0, 0, None, BATCH
    while not (stop and stop.is_set()):
        with keys.held():
            current = keys.signer()
            found, frontier, made = _seal_batch([current], after, limit)
        size, note = frontier.size, made or note
        count += len(found)
        if len(found) < limit:
            break
        after, limit = found[-1].pk, BACKLOG_BATCH
    return Sealed(count, size, note)


def something_waits() -> bool:
    """Whether a look would find an unsealed event; takes no lock and reads no table whole."""
    return bool(_unsealed(_first_look(), 1))


def _make_commits_last() -> None:
    # Else a power cut could take back from SQLite what the state file says was signed.
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous = FULL")


def _first_look() -> int:
    newest = AuditLeaf.objects.order_by("-event_id").values_list("event_id", flat=True).first()
    return max(0, (newest or 0) - LOOK_BACK)


def _unsealed(after: int, limit: int) -> list[_Event]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, e.body, e.mac FROM audit_auditevent e"
            " LEFT JOIN audit_auditleaf l ON l.event_id = e.id"
            " WHERE l.idx IS NULL AND e.id > %s ORDER BY e.id LIMIT %s",
            (after, limit),
        )
        return [
            # A body that was taken away is sealed as an empty one: evidence that it is gone.
            _Event(pk, body or "", body is not None and attestation.is_ours(body, mac))
            for pk, body, mac in cursor.fetchall()
        ]


def unsealed_count() -> int:
    """Return how many events have no leaf, of any age."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT COUNT(*) FROM audit_auditevent e"
            " LEFT JOIN audit_auditleaf l ON l.event_id = e.id WHERE l.idx IS NULL"
        )
        return int(cursor.fetchone()[0])


@contextmanager
def _alone() -> Iterator[bool]:
    """Open the transaction of a batch; yield whether this is the only sealer of this database."""
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
                yield bool(cursor.fetchone()[0])
        else:
            yield True  # SQLite has one writer, and IMMEDIATE made it this one


def _seal_batch(
    signers: list[notes.Signer], after: int, limit: int, *, sign_anyway: bool = False
) -> tuple[list[_Event], Frontier, str | None]:
    origin = signers[0].name
    with _alone() as alone:
        if not alone:
            return [], Frontier(), None
        frontier = _trusted(signers[0])
        found = _unsealed(after, limit)
        if not (found or sign_anyway):
            return [], frontier, None
        _add_leaves(frontier, found)
        checkpoint = notes.Checkpoint(origin, frontier.size, frontier.root())
        note = notes.sign(checkpoint, *signers)
        AuditCheckpoint.objects.create(size=frontier.size, note=note, created_at=clock.real())
    keys.write_state(keys.State(origin, frontier))
    publishing.append(note)
    _alert([event.pk for event in found if not event.is_ours])
    return found, frontier, note


def _add_leaves(frontier: Frontier, found: list[_Event]) -> None:
    if not found:
        return
    rows = []
    for event in found:
        digest = attestation.leaf_hash(event.body)
        rows.append((frontier.size, event.pk, digest))
        frontier.push(bytes.fromhex(digest))
    columns = "INSERT INTO audit_auditleaf (idx, event_id, leaf_hash)"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sql = f"{columns} SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::text[])"
            cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
        else:
            cursor.executemany(f"{columns} VALUES (%s, %s, %s)", rows)


def _alert(forged: list[int]) -> None:
    if forged:
        some = ", ".join(map(str, forged[:20]))
        logger.error(
            "%d events were sealed as evidence that the portal did not write, or not so: %s%s. "
            "`manage.py audit_verify` names the records.",
            len(forged),
            some,
            ", …" if len(forged) > 20 else "",
        )


def _trusted(signer: notes.Signer) -> Frontier:
    """Return the frontier to go on from, after comparing the log with the state."""
    state = keys.read_state()
    newest = AuditLeaf.objects.order_by("-idx").values_list("idx", flat=True).first()
    size = 0 if newest is None else newest + 1
    if state is None:
        if size or AuditCheckpoint.objects.exists():
            raise WillNotSign(
                f"The log has leaves, but {keys.beside('.state')} is gone, which says what was "
                "signed. Recover with the newest checkpoint that left this machine: "
                "`manage.py audit_seal --recover --checkpoint FILE`."
            )
        return Frontier()
    if state.origin != signer.name:
        raise WillNotSign(
            f"{keys.beside('.state')} is of the log {state.origin}, the key is of {signer.name}."
        )
    if size < state.frontier.size:
        raise WillNotSign(_contradiction(f"has {size} leaves", state.frontier.size))
    window = max(0, state.frontier.size - LOOK_BACK)
    there = AuditLeaf.objects.filter(idx__gte=window, idx__lt=state.frontier.size).count()
    if there != state.frontier.size - window:
        raise WillNotSign(_contradiction("lacks some of its leaves", state.frontier.size))
    if size > state.frontier.size:
        return _adopted(state.frontier, size, [signer])
    return state.frontier


def _contradiction(what: str, size: int) -> str:
    return (
        f"The log in the database {what}, which contradicts the {size} that were signed. Nothing "
        "is signed until somebody has found out why: `manage.py audit_verify` says what differs. "
        "A new database needs a new key and an own AUDIT_SIGNING_KEY; a demo, `make clean`."
    )


def _adopted(frontier: Frontier, size: int, verifiers: list[notes.Signer]) -> Frontier:
    """Go on after a crash between the commit of a batch and the writing of the state.

    Only the sealer's own signature in that same batch shows that the leaves are the sealer's.
    """
    signed_size = frontier.size
    for digest in _leaf_hashes(signed_size, size):
        frontier.push(digest)
    newest = AuditCheckpoint.objects.order_by("-pk").values_list("note", flat=True).first()
    try:
        checkpoint = notes.open_checkpoint(newest or "", verifiers)
    except notes.NoteRejected:
        checkpoint = None
    expected = notes.Checkpoint(verifiers[0].name, frontier.size, frontier.root())
    if checkpoint != expected or frontier.size != size:
        raise WillNotSign(_contradiction(f"has {size} leaves that nobody signed", signed_size))
    return frontier


def _leaf_hashes(first: int, end: int) -> Iterator[bytes]:
    rows = AuditLeaf.objects.filter(idx__gte=first, idx__lt=end).order_by("idx")
    for idx, digest in rows.values_list("idx", "leaf_hash").iterator(BACKLOG_BATCH):
        try:
            yield bytes.fromhex(digest)
        except ValueError:
            raise WillNotSign(_contradiction(f"has no hash in leaf {idx}", end)) from None


def _check_every_leaf() -> None:
    """WillNotSign unless the leaves in the database are those that were signed, every one."""
    state = keys.read_state()
    if state is None:
        return  # the first batch decides whether that may be
    size, again = state.frontier.size, Frontier()
    for digest in _leaf_hashes(0, size):
        again.push(digest)
    if (again.size, again.root()) != (size, state.frontier.root()):
        what = "holds other leaves" if again.size == size else f"has {again.size} leaves"
        raise WillNotSign(_contradiction(what, size))


def heartbeat_is_due() -> bool:
    """Whether there was none yet on this day (UTC)."""
    newest = AuditEvent.objects.filter(kind=SEAL).order_by("-pk").first()
    if newest is None or newest.body is None:
        return True
    day = str(json.loads(newest.body)["at"])[:10]
    return day != clock.real().date().isoformat()


def heartbeat() -> None:
    """Write the event that shows that the controls operated: at start and once a day."""
    with transaction.atomic():
        attestation.record(
            SEAL,
            time=bodies.plain(clock.real()),
            triggers=len(protection.findings()),
            drift=sum(1 for model in drift.tracked_models() for _ in drift.drifts(model)),
            unsealed=unsealed_count(),
            version=software_version(),
        )


@cache
def software_version() -> str:
    """Return the version that pyproject.toml names."""
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def rotate() -> tuple[notes.Signer, notes.Signer]:
    """Let a new key follow the current one; return both, the new one first.

    The log names the new key in an event, and both keys sign the checkpoint that covers it: who
    trusts the old key learns the new one from the log itself.
    """
    with keys.held():
        old = keys.signer()
        new = keys.successor(old)
        with _alone() as alone:
            if not alone:
                raise WillNotSign(OTHER_SEALER)
            attestation.record(KEY, vkey=new.vkey, previous=old.vkey)
        after = 0
        while True:
            found, _frontier, note = _seal_batch([old, new], after, BACKLOG_BATCH, sign_anyway=True)
            if note is None:
                raise WillNotSign(OTHER_SEALER)
            if len(found) < BACKLOG_BATCH:
                break
            after = found[-1].pk
        keys.promote(old, new)
    return new, old


def recover(text: str) -> Frontier:
    """Write the lost state anew from the log, if it agrees with these notes from elsewhere.

    Leaves beyond the notes count as far as the newest checkpoint in the database covers them.
    """
    with keys.held():
        current = keys.signer()
        if keys.beside(".state").exists():
            raise WillNotSign(
                f"{keys.beside('.state')} is not lost. Recovery would forget what it says was "
                "signed; find out first why it and the database differ."
            )
        given = [notes.open_checkpoint(n, keys.verifiers()) for n in notes.split_notes(text)]
        if not given:
            raise WillNotSign("There is no checkpoint in that file.")
        with _alone() as alone:
            if not alone:
                raise WillNotSign(OTHER_SEALER)
            frontier = _agreeing(given, current)
            attestation.record(RECOVERY, size=frontier.size, known=max(c.size for c in given))
        keys.write_state(keys.State(current.name, frontier))
    logger.warning("The sealer's state was recovered at %d leaves.", frontier.size)
    return frontier


def _agreeing(given: list[notes.Checkpoint], signer: notes.Signer) -> Frontier:
    frontier = Frontier()
    newest = AuditLeaf.objects.order_by("-idx").values_list("idx", flat=True).first()
    size = 0 if newest is None else newest + 1
    for checkpoint in sorted(given, key=lambda c: c.size):
        for digest in _leaf_hashes(frontier.size, checkpoint.size):
            frontier.push(digest)
        here = notes.Checkpoint(signer.name, frontier.size, frontier.root())
        if checkpoint != here:
            raise WillNotSign(
                f"The checkpoint of {checkpoint.size} leaves does not agree with the log in the "
                f"database, which has {size}. Restore the newest backup."
            )
    if frontier.size == size:
        return frontier
    return _adopted(frontier, size, [signer])
