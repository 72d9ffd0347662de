"""The log against what was signed of it: leaves, checkpoints, and the sealer's own record."""

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from ecportal.audit import notes
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.tree import Frontier
from ecportal.audit.verification.report import Report

CHUNK = 5000
_HASH = re.compile(r"[0-9a-f]{64}")


class _Signed(NamedTuple):
    where: str
    size: int
    root: bytes


def check(
    report: Report,
    verifiers: Sequence[notes.Verifier],
    external: Sequence[str],
    state: Frontier | None,
) -> None:
    """Compute the root at every signed size and compare; the whole log, from its first leaf."""
    signed, newest = _checkpoints(report, verifiers)
    for number, note in enumerate(external, 1):
        _open(report, signed, verifiers, note, f"The checkpoint {number} that was handed in")
    report.totals["external"] = len(external)
    if state is not None:
        signed.append(_Signed("What the sealer wrote down", state.size, state.root()))
    size = _compare(report, signed)
    report.totals["leaves"] = size
    if size and (newest is None or newest < size):
        said = "no checkpoint" if newest is None else f"the newest checkpoint is of {newest} leaves"
        report.find("UNSIGNED", f"The log has {size} leaves, but {said}: the rest is not signed.")
    _gone(report)


def _checkpoints(
    report: Report, verifiers: Sequence[notes.Verifier]
) -> tuple[list[_Signed], int | None]:
    """Return the signed checkpoints of the database, and the size in the newest, if any."""
    signed: list[_Signed] = []
    newest = None
    rows = AuditCheckpoint.objects.order_by("pk").values_list("pk", "size", "note")
    for pk, size, note in rows.iterator(CHUNK):
        report.totals["checkpoints"] += 1
        newest = size
        where = f"Checkpoint {pk}"
        opened = _open(report, signed, verifiers, note, where)
        if opened is not None and opened != size:
            report.find(
                "CHECKPOINT_SIG",
                f"{where} is signed over {opened} leaves, but its row says {size}.",
                record=where,
            )
    return signed, newest


def _open(
    report: Report,
    signed: list[_Signed],
    verifiers: Sequence[notes.Verifier],
    note: str,
    where: str,
) -> int | None:
    try:
        checkpoint = notes.open_checkpoint(note, verifiers)
    except notes.NoteRejected as rejected:
        report.find("CHECKPOINT_SIG", f"{where} is not accepted. {rejected}", record=where)
        return None
    signed.append(_Signed(where, checkpoint.size, checkpoint.root))
    return checkpoint.size


def _compare(report: Report, signed: list[_Signed]) -> int:
    """Go through the leaves once; return how many there are."""
    by_size: dict[int, list[_Signed]] = defaultdict(list)
    for checkpoint in signed:
        by_size[checkpoint.size].append(checkpoint)
    frontier, expected = Frontier(), 0
    rows = AuditLeaf.objects.order_by("idx").values_list("idx", "event_id", "leaf_hash")
    _at(report, frontier, by_size.pop(0, []))
    for idx, event_id, leaf_hash in rows.iterator(CHUNK):
        if idx != expected:
            report.find("GAP", f"Leaves {expected} to {idx - 1} are missing from the log.")
            expected = idx
        if not _HASH.fullmatch(leaf_hash):
            report.find("LEAF", f"Leaf {idx} holds no hash.", event_id=event_id)
            leaf_hash = "00" * 32
        expected += 1
        frontier.push(bytes.fromhex(leaf_hash))
        if frontier.size in by_size:
            _at(report, frontier, by_size.pop(frontier.size))
    _beyond(report, frontier.size, [c for size in sorted(by_size) for c in by_size[size]])
    _replayed(report)
    return frontier.size


def _at(report: Report, frontier: Frontier, signed: list[_Signed]) -> None:
    for checkpoint in signed:
        if checkpoint.root != frontier.root():
            report.find(
                "ROOT",
                f"{checkpoint.where} was signed over other events: the first {frontier.size} "
                "leaves of the log are not those that were signed.",
                record=checkpoint.where,
            )


def _beyond(report: Report, size: int, signed: list[_Signed]) -> None:
    for checkpoint in signed:
        report.find(
            "TRUNCATED",
            f"{checkpoint.where} was signed over {checkpoint.size} events, but the log has only "
            f"{size}: its end was cut off.",
            record=checkpoint.where,
        )


def _replayed(report: Report) -> None:
    """Find texts that stand twice: every event has a salt of its own, and so its own MAC."""
    leaf, event = AuditLeaf._meta.db_table, AuditEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT MIN(id), MAX(id) FROM {event} GROUP BY mac HAVING COUNT(*) > 1"
            f" UNION SELECT MIN(event_id), MAX(event_id) FROM {leaf}"
            " GROUP BY leaf_hash HAVING COUNT(*) > 1 ORDER BY 1"
        )
        for first, again in cursor.fetchall():
            report.find(
                "DUP",
                f"Event {again} is a copy of event {first}: it was put in a second time.",
                event_id=again,
            )


def _gone(report: Report) -> None:
    leaf, event = AuditLeaf._meta.db_table, AuditEvent._meta.db_table
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT l.idx, l.event_id FROM {leaf} l LEFT JOIN {event} e ON e.id = l.event_id"
            " WHERE e.id IS NULL ORDER BY l.idx"
        )
        while rows := cursor.fetchmany(CHUNK):
            for idx, pk in rows:
                report.find(
                    "EVENT_GONE",
                    f"Event {pk}, sealed as leaf {idx}, was deleted from the trail.",
                    event_id=pk,
                )
