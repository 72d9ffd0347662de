"""Which change an unclaimed incident, deployment or ticket may belong to; it never decides."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from django.db.models import prefetch_related_objects

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.clock import duration
from reviews.models import ReconciliationItem

NEAR: Final = timedelta(hours=24)
"""A change farther away in time than this is no candidate."""

MARGIN: Final = timedelta(minutes=30)
"""Two spans that lie so near to each other still overlap: clocks and people differ."""

MOST: Final = 200
"""The newest so many changes of the time are looked at."""


@dataclass(frozen=True)
class Span:
    """A time from which to which something lasted, what it touched, and who did it."""

    begin: datetime
    end: datetime
    systems: frozenset[int] = frozenset()
    people: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Suggestion:
    """A change that comes near, and what speaks for it; strong: same system and time."""

    change: EmergencyChange
    reasons: tuple[str, ...]
    strong: bool = False
    rank: tuple[int, float] = (0, 0.0)

    @property
    def in_words(self) -> str:
        return f"{', '.join(self.reasons)}."


def suggest(items: Sequence[ReconciliationItem], person: User) -> dict[int, Suggestion]:
    """Return the best suggestion for each open item by its key; the same number of queries always.

    Only changes that `person` may see and that were not cancelled.
    """
    waiting = [item for item in items if item.status == ReconciliationItem.Status.OPEN]
    if not waiting:
        return {}
    prefetch_related_objects(waiting, "incident__affected", "deployment__systems")
    spans = {item.pk: span_of(item) for item in waiting}
    first = min(span.begin for span in spans.values()) - NEAR
    last = max(span.end for span in spans.values()) + NEAR
    candidates = list(
        EmergencyChange.objects.visible_to(person)
        .filter(opened_at__gte=first, opened_at__lte=last)
        .exclude(status=EmergencyChange.Status.CANCELLED)
        .select_related("implementer", "requester")
        .prefetch_related("systems__system")
        .order_by("-pk")[:MOST]
    )
    found = {key: best(span, candidates) for key, span in spans.items()}
    return {key: suggestion for key, suggestion in found.items() if suggestion is not None}


def span_of(item: ReconciliationItem) -> Span:
    if item.incident is not None:
        end = item.incident.resolved_at or clock.now()
        systems = frozenset(link.system_id for link in item.incident.affected.all())
        return Span(item.incident.began_at, max(item.incident.began_at, end), systems)
    if item.deployment is not None:
        end = item.deployment.happened_at
        systems = frozenset(link.system_id for link in item.deployment.systems.all())
        begin = min(item.deployment.started_at or end, end)
        return Span(begin, end, systems, frozenset({item.deployment.actor.casefold()} - {""}))
    assert item.ticket is not None
    at = item.ticket.created_at or item.ticket.heard_at
    return Span(at, at)


def best(span: Span, candidates: Iterable[EmergencyChange]) -> Suggestion | None:
    """Return the candidate for which most speaks, the nearest of several; None: nothing does."""
    judged = (judge(span, change) for change in candidates)
    return max(filter(None, judged), key=lambda one: (one.rank, one.change.pk), default=None)


def judge(span: Span, change: EmergencyChange) -> Suggestion | None:
    """Return what speaks for this change, or None where nothing does."""
    of_change = _span(change)
    apart = max(of_change.begin - span.end, span.begin - of_change.end, timedelta())
    if apart > NEAR:
        return None
    shared = sorted(
        str(link.system) for link in change.systems.all() if link.system_id in span.systems
    )
    overlaps = apart <= MARGIN
    same_person = bool(span.people & of_change.people)
    if not (shared or overlaps or same_person):
        return None
    reasons = []
    if shared:
        reasons.append(f"Same system: {', '.join(shared)}")
    reasons.append(_when(span, change))
    if same_person:
        reasons.append("Same implementer")
    points = 4 * bool(shared) + 2 * overlaps + same_person
    away = abs((span.begin - change.opened_at).total_seconds())
    suggestion = Suggestion(change, tuple(reasons), rank=(points, -away))
    return replace(suggestion, strong=bool(shared) and overlaps)


def _span(change: EmergencyChange) -> Span:
    begin = min(change.opened_at, change.started_at or change.opened_at)
    end = change.finished_at or (clock.now() if change.started_at else change.opened_at)
    people: Collection[User] = [p for p in (change.implementer, change.requester) if p is not None]
    names = {str(name).casefold() for p in people for name in (p, p.username, p.email)}
    return Span(begin, max(begin, end), people=frozenset(names - {""}))


def _when(span: Span, change: EmergencyChange) -> str:
    done = change.finished_at or clock.now()
    if change.started_at and change.started_at <= span.end and span.begin <= done:
        return "While it was implemented"
    if span.begin >= change.opened_at:
        return f"{duration(span.begin - change.opened_at)} after the change was opened"
    return f"{duration(change.opened_at - span.begin)} before the change was opened"
