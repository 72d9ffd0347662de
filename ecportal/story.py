"""What happened on a record as its page tells it: acts in an order, by day, small ones left out."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from typing import Final

from django.utils import timezone

from ecportal.clock import duration
from ecportal.timeline import CLAIMED_AFTER, Entry

HAPPENED: Final = "happened"
RECORDED: Final = "recorded"


@dataclass(frozen=True)
class Told:
    """One act, or a run of alike ones, with its two clocks as they stand under `day`."""

    entry: Entry
    day: date
    last_leaf: int | None = None

    @property
    def is_claimed(self) -> bool:
        """Whether a person says when it happened: the server itself saw it otherwise."""
        return self.entry.lag >= CLAIMED_AFTER

    @property
    def happened(self) -> str:
        return self._time(self.entry.happened_at, "%H:%M")

    @property
    def recorded(self) -> str:
        return self._time(self.entry.recorded_at, "%H:%M:%S")

    @property
    def lag(self) -> str:
        return duration(self.entry.lag)

    @property
    def written_down(self) -> str:
        return f"Written down {self.lag} later"

    @property
    def place(self) -> str:
        """Return the number of its sealed event, of a run the first and the last."""
        if self.entry.leaf is None:
            return ""
        more = self.last_leaf not in (None, self.entry.leaf)
        return f"#{self.entry.leaf} to #{self.last_leaf}" if more else f"#{self.entry.leaf}"

    def _time(self, moment: datetime, form: str) -> str:
        local = timezone.localtime(moment)
        other = f"{local:%a} {local.day} {local:%b} " if local.date() != self.day else ""
        return f"{other}{local:{form}}"


Day = tuple[date, list[Told]]


@dataclass(frozen=True)
class Story:
    """The acts to show, by day, and how many were left to the history."""

    days: list[Day]
    order: str
    left_out: int = 0


def order_asked(word: str | None) -> str:
    """Return the order that an address asks for; any other word means by what happened."""
    return RECORDED if word == RECORDED else HAPPENED


def tell(
    acts: Iterable[Entry], order: str, *, small: Collection[str] = (), batch: str = ""
) -> Story:
    """Put the acts in order, leave out the verbs in `small`, join a run of `batch` by one hand.

    What was written down late is never left out.
    """

    told = sorted(acts, key=lambda act: (_time(act, order), act.recorded_at))
    kept = [act for act in told if act.verb not in small or act.is_late]
    return Story(_days(_runs(kept, batch), order), order, len(told) - len(kept))


def under_days(acts: Iterable[Entry]) -> list[Day]:
    """Return the acts in their order under the days on which they were recorded."""
    return _days(((act, None) for act in acts), RECORDED)


def _time(act: Entry, order: str) -> datetime:
    return act.recorded_at if order == RECORDED else act.happened_at


def _days(acts: Iterable[tuple[Entry, int | None]], order: str) -> list[Day]:
    runs = (Told(act, timezone.localdate(_time(act, order)), last) for act, last in acts)
    return [(day, list(some)) for day, some in groupby(runs, lambda run: run.day)]


def _runs(acts: Sequence[Entry], batch: str) -> Iterator[tuple[Entry, int | None]]:
    """Yield the acts; of a run of alike ones the first, counted, with the last one's place."""
    for (verb, _who, late), alike in groupby(acts, lambda act: (act.verb, act.who, act.is_late)):
        run = list(alike)
        if verb != batch or not batch or late or len(run) == 1:
            yield from ((act, None) for act in run)
            continue
        reasons = "\n".join(act.reason for act in run)
        yield replace(run[0], did=f"{run[0].did}, {len(run)} pieces", reason=reasons), run[-1].leaf
