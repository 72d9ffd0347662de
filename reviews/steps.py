"""One of the seven steps as it is shown: its state, who, when, and one note."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone

from ecportal import clock
from ecportal.clock import due_day, duration

DONE, FLAGGED, NOW, TO_COME = "done", "flagged", "now", "to-come"
REJECTED, SKIPPED = "rejected", "skipped"

IN_WORDS = {
    DONE: "done",
    FLAGGED: "done, with a flag",
    NOW: "now",
    TO_COME: "to come",
    REJECTED: "rejected",
    SKIPPED: "not reached",
}

SHAPES = {DONE: "check", FLAGGED: "flag", REJECTED: "x", SKIPPED: "minus"}


@dataclass(frozen=True)
class Step:
    """One of the seven; `at` to `until` is when it happened, `due_at` when it has to (all aware).

    `since` is how long after the step before it happened, in words; empty where it did not follow.
    """

    number: int
    verb: str
    state: str
    person: str = ""
    at: datetime | None = None
    until: datetime | None = None
    due_at: datetime | None = None
    note: str = ""
    since: str = ""
    is_new_day: bool = True

    @property
    def shape(self) -> str:
        """Return the icon of the state; of what is now or to come the number stands for it."""
        waits = self.state == FLAGGED and "not confirmed" in self.note
        return "hourglass" if waits else SHAPES.get(self.state, "")

    @property
    def state_words(self) -> str:
        return IN_WORDS[self.state]

    @property
    def when(self) -> str:
        """Return when it happened or is due, in the reader's zone; the day where it is another."""
        if self.at is None:
            if self.due_at is None:
                return ""
            day, time = due_day(self.due_at)
            return f"due {_day(day)}{time}"
        local = timezone.localtime(self.at)
        begun = f"{_day(local) if self.is_new_day else ''}{local:%H:%M}"
        if self.until is None:
            return begun
        end = timezone.localtime(self.until)
        other = _day(end) if end.date() != local.date() else ""
        return f"{begun} to {other}{end:%H:%M}"


def _day(local: datetime) -> str:
    today = timezone.localdate(clock.now())
    if local.date() == today:
        return ""
    return f"{local:%a} {local.day} {local:%b} " + (f"{local:%Y} " * (local.year != today.year))


def in_a_row(steps: Iterable[Step]) -> Iterator[Step]:
    """Say how long after one another they happened, and the day only where it is another."""
    before: Step | None = None
    for step in steps:
        if step.at is None or before is None or before.at is None:
            yield step
        else:
            gap = step.at - (before.until or before.at)
            same = timezone.localdate(step.at) == timezone.localdate(before.until or before.at)
            since = f"+{duration(gap)}" if gap >= timedelta(0) else ""
            yield replace(step, since=since, is_new_day=not same)
        before = step if step.at is not None else None
