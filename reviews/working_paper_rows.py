"""What the pages of populations and samples show of each listed change."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reviews.columns import STATES, redacted
from reviews.completeness import TITLES
from reviews.models import Population, PopulationRow, SampleItem

SHORT = ("Label", "Incident", "Approval", "Executed", "Review")
"""The five items as the heads of narrow columns."""

STATE_OF = {words: state for state, words in STATES.items()}


@dataclass(frozen=True)
class Tick:
    """One of the five items in a row: its title, its state, and the state in words."""

    title: str
    short: str
    state: str
    words: str


@dataclass
class ShownRow:
    """A row on a page; `change` is None where the reader may not see the change."""

    number: str
    change: int | None
    values: dict[str, str]
    ticks: list[Tick]
    samples: list[str] = field(default_factory=list)

    @property
    def remarks(self) -> bool:
        """Whether something is told of it besides its items; never of what is redacted."""
        told = ("exceptions", "recorded_late", "open_items")
        return self.change is not None and any(self.values.get(name) for name in told)

    @property
    def has_exceptions(self) -> bool:
        return bool(self.values.get("exceptions"))

    @property
    def opened_at(self) -> datetime | None:
        """When it was opened; None where that is not shown."""
        try:
            return datetime.fromisoformat(self.values["opened_at"])
        except ValueError:
            return None


def shown_rows(
    population: Population, rows: list[PopulationRow], hidden: frozenset[int]
) -> list[ShownRow]:
    """Return the rows with their ticks, and the samples in which each change is; one query."""
    keys = list(population.headings())
    sampled = defaultdict(list)
    found = SampleItem.objects.filter(
        sample__population=population, change__in=[row.change_id for row in rows]
    ).order_by("sample")
    for change, number in found.values_list("change_id", "sample__number"):
        sampled[change].append(number)
    return [_shown(row, keys, row.change_id in hidden, sampled[row.change_id]) for row in rows]


def _shown(row: PopulationRow, keys: list[str], is_hidden: bool, samples: list[str]) -> ShownRow:
    cells: list[Any] = row.values()
    values = dict(zip(keys, redacted(cells, keys) if is_hidden else cells, strict=True))
    ticks = [
        Tick(title, short, STATE_OF[words], words)
        for place, (title, short) in enumerate(zip(TITLES, SHORT, strict=True), 1)
        if (words := values.get(f"item_{place}", "")) in STATE_OF
    ]
    return ShownRow(row.number, None if is_hidden else row.change_id, values, ticks, samples)
