"""What reviews add to the list of changes: who is waited for, until when, and the five items."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from changes.models import EmergencyChange, Policy
from ecportal import clock, lists, marks
from ecportal.site import signed_in
from reviews.agenda import needing
from reviews.completeness import WITH_ITEMS, five_items
from reviews.models import Deadline, RetrospectiveReview
from reviews.waiting import waiting_for

Status = EmergencyChange.Status
NOTHING = "–"


@admin.display(description="Waiting for")
def waiting(change: Any) -> SafeString | str:
    if change.debt is None:
        return NOTHING
    who = "You" if change.is_readers else change.debt.who
    return format_html('<strong>{}</strong><span class="sub">{}</span>', who, change.debt.to_do)


@admin.display(description="Deadline")
def deadline(change: Any) -> SafeString | str:
    """Say what runs next; of what is over, how its review was held or why there is none."""
    if change.debt is not None:
        return marks.due(change.debt.due_at) if change.debt.due_at else NOTHING
    if change.status == Status.CANCELLED:
        return format_html('<span class="quiet">{}</span>', "Number kept, no gap")
    if change.status == Status.REJECTED:
        return format_html('<span class="quiet">{}</span>', change.get_rejection_display())
    met = [d for d in change.deadlines.all() if d.kind == Deadline.Kind.REVIEW and d.met_at]
    return marks.held(met[0].due_at, met[0].met_at) if met else NOTHING


@admin.display(description="Evidence")
def evidence(change: Any) -> SafeString | str:
    if change.status == Status.CANCELLED:
        return NOTHING
    return marks.meter(five_items(change))


@lists.columns(EmergencyChange, waiting, deadline, evidence)
def load(request: HttpRequest, changes: Sequence[EmergencyChange]) -> None:
    """Load what the columns read of these changes, in a number of queries that they do not set."""
    policy, user = Policy.in_force(), signed_in(request)
    prefetch_related_objects(
        changes,
        *WITH_ITEMS,
        Prefetch("review", RetrospectiveReview.objects.select_related("reviewer")),
    )
    for change in changes:
        debt: Any = next(iter(waiting_for(change, policy)), None)
        change.debt = debt  # type: ignore[attr-defined]
        change.is_readers = debt is not None and debt.person == user  # type: ignore[attr-defined]


@lists.tab(EmergencyChange, "needs", "Needs you", place=1)
def needs_you(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.filter(needing(signed_in(request)))


@lists.tab(EmergencyChange, "overdue", "Overdue", place=3)
def overdue(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    late = Deadline.objects.overdue(clock.now())
    return found.filter(pk__in=late.values("change"))


@lists.tab(Deadline, "running", "Running")
def running(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.running()  # type: ignore[attr-defined, no-any-return]


@lists.tab(Deadline, "overdue", "Overdue")
def overdue_deadlines(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.overdue(clock.now())  # type: ignore[attr-defined, no-any-return]


@lists.tab(Deadline, "met", "Met")
def met(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.exclude(met_at=None)


@lists.tab(Deadline, "void", "Void")
def void(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.exclude(voided_at=None)
