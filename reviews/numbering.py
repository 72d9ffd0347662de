"""Which reference numbers lie between the listed ones: of other periods, or missing."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count
from django.db.models.functions import Substr

from changes.models import EmergencyChange
from ecportal.models import NumberSequence

PREFIX = "EC"
SERIES_LENGTH = len("EC-2026")


def split(number: str) -> tuple[str, int]:
    """Return the series and the place in it: ("EC-2026", 31)."""
    series, _dash, place = number.rpartition("-")
    return series, int(place)


def missing_numbers() -> list[str]:
    """Return every number that was given out and that no change has; two queries when none is.

    A series is complete when it has as many changes as numbers were given out; only where it does
    not are its numbers read.
    """
    given = dict(NumberSequence.objects.filter(series__startswith=f"{PREFIX}-").values_list())
    by_series = EmergencyChange.objects.order_by().values_list(Substr("number", 1, SERIES_LENGTH))
    counted = dict(by_series.annotate(Count("pk")))
    missing = []
    for series, last in sorted(given.items()):
        if counted.get(series, 0) == last:
            continue
        numbers = EmergencyChange.objects.filter(number__startswith=f"{series}-")
        places = {split(number)[1] for number in numbers.values_list("number", flat=True)}
        missing += [f"{series}-{place:04d}" for place in range(1, last + 1) if place not in places]
    return missing


def given_out(missing: list[str], begin: datetime | None, end: datetime) -> list[str]:
    """Return those missing numbers that can have been given out in this time (end exclusive).

    A number was given out after the one before it and before the one after it: the opening times
    of these two say when. Without a beginning: at any time before the end.
    """
    found = []
    for number in missing:
        series, place = split(number)
        near = EmergencyChange.objects.filter(number__startswith=f"{series}-")
        times = [(split(other)[1], at) for other, at in near.values_list("number", "opened_at")]
        before = max((at for other, at in times if other < place), default=None)
        after = min((at for other, at in times if other > place), default=None)
        early_enough = before is None or before < end
        late_enough = begin is None or after is None or after >= begin
        if early_enough and late_enough:
            found.append(number)
    return found


@dataclass
class Sequence:
    """Follows the listed numbers in their order, and counts what lies between them.

    `before` gives the missing numbers between the one passed last and this one: a gap is shown in
    the row that follows it.
    """

    missing: list[str]
    first: str = ""
    last: str = ""
    count: int = 0
    _places: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._waiting = sorted(self.missing, key=split)

    def before(self, number: str) -> list[str]:
        """Take the next listed number; return the missing ones directly before it."""
        self.first = self.first or number
        self.last = number
        self.count += 1
        series, place = split(number)
        ends = self._places[series]
        ends[:] = [ends[0] if ends else place, place]
        gap = []
        while self._waiting and split(self._waiting[0]) < (series, place):
            gap.append(self._waiting.pop(0))
        return gap

    @property
    def of_other_periods(self) -> int:
        """Return how many numbers between the first and the last belong to other periods."""
        spans = sum(last - first + 1 for first, last in self._places.values())
        inside = sum(
            self._places[series][0] < place < self._places[series][1]
            for series, place in map(split, self.missing)
            if series in self._places
        )
        return spans - self.count - inside
