"""To whom a deadline goes next, and when, as far as its ladder says so already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ecportal import clock
from reviews.models import Deadline, EscalationRung, Watch

Audience, Unit = EscalationRung.Audience, EscalationRung.Unit

GOES_TO: Final = {
    Audience.NEXT_LEAD: "the next Lead",
    Audience.ALL_LEADS: "all Leads of the systems",
    Audience.EVERY_LEAD: "every Lead",
}
"""Whom a rung tells beside the one who owes it; the other audiences only remind."""


@dataclass(frozen=True)
class Onward:
    """The next rung: when it comes (aware), and whom it tells; empty: who owes it once more."""

    at: datetime
    to: str


def onward(deadlines: Iterable[Deadline], reached: Mapping[int, set[int]]) -> dict[int, Onward]:
    """Return the next rung of each running deadline that has one, by the deadline's key.

    One query, none where nothing runs. The deadlines come with their watch; `reached` are the keys
    of the rungs that each of them had. Business days are not counted here: the time of a rung in
    those is the one at which the sweep will look again, so before its first look there is none.
    """
    running = [one for one in deadlines if one.runs]
    if not running:
        return {}
    rungs = list(
        EscalationRung.objects.filter(
            status=EscalationRung.Status.IN_USE, kind__in={one.kind for one in running}
        )
    )
    found = {}
    for one in running:
        left = [r for r in rungs if r.kind == one.kind and r.pk not in reached.get(one.pk, ())]
        following = _next(one, left)
        if following is not None:
            found[one.pk] = following
    return found


def _next(deadline: Deadline, rungs: list[EscalationRung]) -> Onward | None:
    now = clock.now()
    timed = [(_time(deadline, rung), rung) for rung in rungs if rung.unit != Unit.BUSINESS_DAYS]
    later = [(at, rung) for at, rung in timed if at > now]
    counted = [rung for rung in rungs if rung.unit == Unit.BUSINESS_DAYS]
    look_at = _look_at(deadline)
    if counted and look_at is not None and look_at > now:
        later.append((look_at, min(counted, key=lambda rung: rung.offset)))
    if not later:
        return None
    at, rung = min(later, key=lambda one: one[0])
    named = rung.addresses if rung.audience == Audience.ADDRESSES else ""
    return Onward(at, named or GOES_TO.get(Audience(rung.audience), ""))


def _look_at(deadline: Deadline) -> datetime | None:
    """Return when the sweep looks again; None where that is to see that the deadline is late."""
    watch: Watch | None = getattr(deadline, "watch", None)
    if watch is None or watch.look_at is None:
        return None
    just_late = timedelta(0) <= watch.look_at - deadline.due_at < timedelta(seconds=1)
    return None if just_late else watch.look_at


def _time(deadline: Deadline, rung: EscalationRung) -> datetime:
    unit = timedelta(minutes=1) if rung.unit == Unit.MINUTES else timedelta(hours=1)
    return deadline.due_at + rung.offset * unit
