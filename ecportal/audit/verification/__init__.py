"""Compares everything with everything: history, events, tree, signatures, live records, files."""

from collections.abc import Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection

from ecportal import clock
from ecportal.audit import keys, protection
from ecportal.audit.drift import history_of, tracked_models
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.notes import Verifier
from ecportal.audit.tree import Frontier
from ecportal.audit.verification import events, live, log, rows, scope
from ecportal.audit.verification.orders import erasures
from ecportal.audit.verification.receipts import Receipt
from ecportal.audit.verification.receipts import check as check_receipts
from ecportal.audit.verification.report import CannotVerify, Finding, Report
from ecportal.audit.verification.snapshot import snapshot

__all__ = ["CannotVerify", "Finding", "Report", "verify"]


def verify(
    *,
    checkpoints: Sequence[str] = (),
    receipts: Sequence[Receipt] = (),
    record: str | None = None,
    files: bool = True,
) -> Report:
    """Return what is not as it was written, as of one moment; CannotVerify if that stays unknown.

    `checkpoints` are notes, and `receipts` events with their leaf hashes, that were kept elsewhere.
    `record`, such as EC-2026-0001 or incidents.incident:7, restricts to that record and what refers
    to it by a foreign key; the log is compared whole all the same. `files=False` leaves stored
    files out. Takes about a minute for a million rows; memory does not grow with them.
    """
    report = Report()
    verifiers = _verifiers()
    # Both before the snapshot: what the sealer wrote down is then in it, and nothing is too late.
    state, now = _state(report), clock.real()
    try:
        with snapshot():
            _need_tables()
            check_receipts(report, receipts)
            chosen = scope.of(record) if record else None
            log.check(report, verifiers, checkpoints, state)
            _compare(events.Examiner(report, erasures(), now), chosen, files)
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        raise CannotVerify(f"The database cannot be read: {reason}") from error
    return report


def _verifiers() -> list[Verifier]:
    try:
        return keys.verifiers()
    except keys.KeyMissing as missing:
        raise CannotVerify(str(missing)) from None
    except (OSError, ValueError) as error:
        raise CannotVerify(f"The public keys of the trail cannot be read: {error}.") from None


def _state(report: Report) -> Frontier | None:
    try:
        state = keys.read_state()
    except (keys.KeyMissing, OSError):
        report.state = "the sealer's state file was not compared: it cannot be read here"
        return None
    if state is None:
        report.state = "the sealer's state file was not compared: there is none here"
        return None
    return state.frontier


def _need_tables() -> None:
    there = set(connection.introspection.table_names())
    needed = [m._meta.db_table for m in (AuditEvent, AuditLeaf, AuditCheckpoint)]
    needed += [history_of(m)._meta.db_table for m in tracked_models()]
    missing = [table for table in needed if table not in there]
    if missing:
        raise CannotVerify(
            f"The database has no table {missing[0]}. Run `manage.py migrate`, "
            "or restore the newest backup if the table was there."
        )


def _compare(examiner: events.Examiner, chosen: scope.Scope | None, files: bool) -> None:
    report = examiner.report
    for sentence in protection.findings():
        report.find("TRIGGER", f"The protection of history is not in place: {sentence}")
    if chosen is None:
        _everything(examiner, files)
    else:
        report.scope = chosen.name
        _chosen(examiner, chosen, files)
    examiner.conclude()
    examiner.check_schema()


def _everything(examiner: events.Examiner, files: bool) -> None:
    past: list[Any] = [history_of(model) for model in tracked_models()]
    for model in past:
        rows.compare(examiner, model)
    events.beside_the_rows(examiner, [model._meta.label_lower for model in past])
    for tracked in tracked_models():
        live.records(examiner.report, tracked)
        if files:
            live.files(examiner.report, tracked)
    live.memberships(examiner.report)


def _chosen(examiner: events.Examiner, chosen: scope.Scope, files: bool) -> None:
    for model, keys_of_rows in chosen.rows.items():
        rows.compare(examiner, model, keys_of_rows)
    events.heartbeat_only(examiner)
    for tracked in tracked_models():
        if history_of(tracked) in chosen.rows or tracked is chosen.model:
            only = chosen.keys(tracked)
            live.records(examiner.report, tracked, only)
            if files:
                live.files(examiner.report, tracked, only)
    if chosen.model is get_user_model():
        live.memberships(examiner.report)
