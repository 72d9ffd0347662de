"""The sealer: gives each event its leaf, and signs the root; the only holder of the signing key.

What was signed before must agree first, see `agreement`; what contradicts it is never signed over.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from django.db import connection, transaction

from ecportal import clock
from ecportal.audit import attestation, keys, notes, publishing
from ecportal.audit.agreement import check_every_leaf, trusted
from ecportal.audit.models import AuditCheckpoint, AuditLeaf
from ecportal.audit.tree import Frontier

logger = logging.getLogger(__name__)

BATCH: Final = 500
BACKLOG_BATCH: Final = 5_000
"""Events in one transaction where many wait: SQLite's writers wait about a tenth of a second."""
EVENTS_BACK: Final = 1_000
"""Ids become visible out of order on PostgreSQL; this far behind the newest leaf, each look looks.
What a longer transaction wrote is found by the next full look."""
_ADVISORY_LOCK: Final = 7_310_962


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
            check_every_leaf()
    after = 0 if full else _first_look()
    count, size, note, limit = 0, 0, None, BATCH
    while not (stop and stop.is_set()):
        with keys.held():
            current = keys.signer()
            found, frontier, made = seal_batch([current], after, limit)
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
    return max(0, (newest or 0) - EVENTS_BACK)


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


@contextmanager
def alone() -> Iterator[bool]:
    """Open the transaction of a batch; yield whether this is the only sealer of this database."""
    with transaction.atomic(durable=True):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (_ADVISORY_LOCK,))
                yield bool(cursor.fetchone()[0])
        else:
            yield True  # SQLite has one writer, and IMMEDIATE made it this one


def seal_batch(
    signers: list[notes.Signer], after: int, limit: int, *, sign_anyway: bool = False
) -> tuple[list[_Event], Frontier, str | None]:
    """Seal up to `limit` events after that key; return them, the frontier, and the note if any.

    Without one, nothing was to be signed, or another sealer is at work. Call it with the key held.
    """
    origin = signers[0].name
    with alone() as is_alone:
        if not is_alone:
            return [], Frontier(), None
        frontier = trusted(signers[0])
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
