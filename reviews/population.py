"""The emergency changes of a period, read in batches with everything that a population tells."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Length, Substr

from changes.models import (
    Approval,
    ChangeSystem,
    Delegation,
    EmergencyChange,
    ExecutionEntry,
    StabilityCheck,
)
from ecportal.accounts.models import User
from reviews.completeness import Item, items_of
from reviews.facts import APPROVAL_KINDS, HELD, Decision, Execution, Facts, Review, Term
from reviews.models import ControlException, Deadline
from reviews.numbering import SERIES_LENGTH
from reviews.period import FIELDS, Period

BATCH = 500
"""Changes read at once: with this many, a run takes the same few queries and little memory."""

CHANGE_FIELDS = (
    "pk", "number", "title", "status", "closed_late", "confidential", "opened_at", "requester_id",
    "submitted_at", "risk", "approver_id", "approved_at", "without_approval", "implementer_id",
    "started_at", "finished_at", "outcome", "verifier_id", "verified_at", "documenter_id",
    "documented_at", "reviewer_id", "closed_at", "incident__number", "incident__title",
    "incident__severity", "incident__began_at", "incident__recorded_at",
    "determination__verdict", "determination__criterion", "determination__decided_by_id",
    "determination__decided_at", "determination__recorded_at", "review__status",
    "review__reviewer_id", "review__held_at", "review__recorded_at",
)  # fmt: skip


class Subject(NamedTuple):
    """One change of a population, with what the columns are made of."""

    change: dict[str, Any]
    names: dict[int, str]
    facts: Facts
    items: list[Item]
    systems: list[str]
    checks: list[tuple[Any, Any]]
    exceptions: list[tuple[str, str]]


def changes_of(period: Period) -> QuerySet[EmergencyChange]:
    """Return the changes of the period in the order of their numbers."""
    field = FIELDS[period.by]
    within = {f"{field}__gte": period.begins_at, f"{field}__lt": period.ends_before}
    series = Substr("number", 1, SERIES_LENGTH)
    return EmergencyChange.objects.filter(**within).order_by(series, Length("number"), "number")


def hidden_from(user: User) -> frozenset[int]:
    """Return the keys of the confidential changes that the person may not see."""
    visible = EmergencyChange.objects.visible_to(user).values("pk")
    confidential = EmergencyChange.objects.filter(confidential=True)
    return frozenset(confidential.exclude(pk__in=visible).values_list("pk", flat=True))


@contextmanager
def snapshot() -> Iterator[None]:
    """Let all queries inside see one state of the database."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def subjects(period: Period) -> Iterator[Subject]:
    """Yield each change of the period once, in the order of the numbers; nine queries a batch."""
    names = people()
    rows = changes_of(period).values(*CHANGE_FIELDS).iterator(chunk_size=BATCH)
    delegations = _delegations(names)
    while batch := list(islice(rows, BATCH)):
        yield from _complete(batch, names, delegations)


def people() -> dict[int, str]:
    """Return everybody's name by key, as `str(User)` gives it."""
    rows = User.objects.values_list("pk", "first_name", "last_name", "username")
    return {key: f"{first} {last}".strip() or username for key, first, last, username in rows}


def _delegations(names: dict[int, str]) -> dict[int, str]:
    """Return each delegation in words, as `Delegation.in_words` gives it."""
    rows = Delegation.objects.values_list("pk", "delegate_id", "delegator_id")
    return {key: f"{names[b]} for {names[a]} (delegation {key})" for key, b, a in rows}


def _by_change(queryset: QuerySet[Any], batch: list[int], *fields: str) -> dict[int, list[Any]]:
    """Return the rows of the batch by their change, in the model's order."""
    found: dict[int, list[Any]] = defaultdict(list)
    for key, *values in queryset.filter(change__in=batch).values_list("change_id", *fields):
        found[key].append(values)
    return found


def _complete(
    batch: list[dict[str, Any]], names: dict[int, str], delegations: dict[int, str]
) -> Iterator[Subject]:
    keys = [row["pk"] for row in batch]
    standing = Approval.objects.filter(status__in=Approval.STANDING)
    approvals = _by_change(
        standing, keys, "approver_id", "delegation_id", "kind", "status", "decided_at",
        "recorded_at",
    )  # fmt: skip
    executions = _by_change(
        ExecutionEntry.objects.all(), keys, "source", "happened_at", "recorded_at"
    )
    terms = _by_change(
        Deadline.objects.all(), keys, "kind", "owner_id", "due_at", "met_at", "voided_at"
    )
    checks = _by_change(StabilityCheck.objects.all(), keys, "happened_at", "recorded_at")
    exceptions = _by_change(ControlException.objects.order_by("pk"), keys, "kind", "status")
    systems = _by_change(ChangeSystem.objects.order_by("system__name"), keys, "system__name")
    for row in batch:
        key = row["pk"]
        facts = Facts(
            row["opened_at"],
            f"{row['incident__number']} {row['incident__title']}",
            row["incident__began_at"],
            row["incident__recorded_at"],
            _decision(approvals[key], names, delegations),
            row["without_approval"],
            names.get(row["implementer_id"], ""),
            [Execution(*values) for values in executions[key]],
            [Term(kind, names.get(owner, ""), *ends) for kind, owner, *ends in terms[key]],
            _review(row, names),
        )
        yield Subject(
            row, names, facts, items_of(facts), [name for (name,) in systems[key]],
            checks[key], exceptions[key],
        )  # fmt: skip


def _decision(
    rows: Iterable[Any], names: dict[int, str], delegations: dict[int, str]
) -> Decision | None:
    for approver, delegation, kind, status, decided_at, recorded_at in rows:
        who = delegations[delegation] if delegation else names[approver]
        claimed = status == Approval.Status.CLAIMED
        return Decision(who, APPROVAL_KINDS[kind], claimed, decided_at, recorded_at)
    return None


def _review(row: dict[str, Any], names: dict[int, str]) -> Review | None:
    if row["review__status"] != HELD:
        return None
    reviewer = names[row["review__reviewer_id"]]
    return Review(reviewer, row["review__held_at"], row["review__recorded_at"])
