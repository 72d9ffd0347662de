"""The emergency changes of a period, read in batches with everything that a population tells."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
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
from changes.models.change import ChangeQuerySet
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
    "submitted_at", "risk", "rejection", "without_approval", "implementer_id",
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


def changes_of(period: Period) -> ChangeQuerySet:
    """Return the changes of the period in the order of their numbers."""
    series = Substr("number", 1, SERIES_LENGTH)
    found: ChangeQuerySet = EmergencyChange.objects.filter(**within(period))
    return found.order_by(series, Length("number"), "number")


def within(period: Period, path: str = "") -> dict[str, datetime]:
    """Return the condition that a change, or the one at `path`, belongs to the period."""
    field = f"{path}{FIELDS[period.by]}"
    return {f"{field}__gte": period.begins_at, f"{field}__lt": period.ends_before}


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
    """Yield each change of the period once, in the order of the numbers; six queries a batch."""
    names = people()
    rows = changes_of(period).values(*CHANGE_FIELDS).iterator(chunk_size=BATCH)
    delegations = _delegations(names)
    while batch := list(islice(rows, BATCH)):
        yield from _complete(batch, period, names, delegations)


def people() -> dict[int, str]:
    """Return everybody's name by key, as `str(User)` gives it."""
    rows = User.objects.values_list("pk", "first_name", "last_name", "username")
    return {key: f"{first} {last}".strip() or username for key, first, last, username in rows}


def _delegations(names: dict[int, str]) -> dict[int, str]:
    """Return each delegation in words, as `Delegation.in_words` gives it."""
    rows = Delegation.objects.values_list("pk", "delegate_id", "delegator_id")
    return {key: f"{names[b]} for {names[a]} (delegation {key})" for key, b, a in rows}


class Belonging:
    """Reads what belongs to the changes of one batch, by change.

    Asks for a span of keys within the period: numbers and keys are given out together, so that is
    the batch itself, without naming each of its keys to the database.
    """

    def __init__(self, period: Period, keys: list[int]) -> None:
        span = {"change__gte": min(keys), "change__lte": max(keys)}
        self._where = {**span, **within(period, "change__")}

    def of(self, queryset: QuerySet[Any], *fields: str) -> dict[int, list[Any]]:
        """Return the rows by their change, in the order of the queryset."""
        found: dict[int, list[Any]] = defaultdict(list)
        for key, *values in queryset.filter(**self._where).values_list("change", *fields):
            found[key].append(values)
        return found


def _complete(
    batch: list[dict[str, Any]], period: Period, names: dict[int, str], delegations: dict[int, str]
) -> Iterator[Subject]:
    belonging = Belonging(period, [row["pk"] for row in batch])
    standing = Approval.objects.filter(status__in=Approval.STANDING)
    approvals = belonging.of(
        standing, "approver_id", "delegation_id", "kind", "status", "decided_at", "recorded_at"
    )
    logged = ExecutionEntry.objects.exclude(source=ExecutionEntry.Source.DETACHED)
    executions = belonging.of(logged, "source", "happened_at", "recorded_at")
    terms = belonging.of(
        Deadline.objects.all(), "kind", "owner_id", "due_at", "met_at", "voided_at"
    )
    checks = belonging.of(StabilityCheck.objects.all(), "happened_at", "recorded_at")
    exceptions = belonging.of(ControlException.objects.order_by("pk"), "kind", "status")
    systems = belonging.of(ChangeSystem.objects.order_by("system__name"), "system__name")
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
