"""The query of a kept population run again: what came, what went, what reads differently."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from ecportal import clock
from reviews.columns import HEADINGS
from reviews.kept import kept_rows, period_of
from reviews.listing import Listing
from reviews.models import Population
from reviews.numbering import split
from reviews.population import changes_of, snapshot

NAMED = 50
"""How many numbers that came since are named on a page."""


@dataclass
class Comparison:
    """The query run again, laid beside the kept rows; numbers in the order of the list."""

    at: datetime
    count: int = 0
    added: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        return not (self.added or self.gone or self.changed)


def compare(population: Population, hidden: frozenset[int]) -> Comparison:
    """Run the query again and say which rows came, went or read differently, and in what."""
    found, listing = Comparison(clock.now()), Listing(period_of(population), hidden)
    columns = population.headings()
    with snapshot():
        now = (row for _subject, row in listing.rows())
        for was, row in _side_by_side(kept_rows(population, hidden, columns), now):
            if was is None or row is None:
                (found.gone if row is None else found.added).append((was or row or [""])[0])
                continue
            fresh = dict(zip(HEADINGS, row, strict=True))
            kept = dict(zip(columns, was, strict=True))
            differing = [columns[key] for key in kept if kept[key] != fresh.get(key)]
            if differing:
                found.changed[row[0]] = differing
    found.count = listing.count
    return found


def _side_by_side(
    one: Iterator[list[str]], other: Iterator[list[str]]
) -> Iterator[tuple[list[str] | None, list[str] | None]]:
    """Pair two lists of rows, each in the order of its numbers, by the number in front."""
    a, b = next(one, None), next(other, None)
    while a is not None or b is not None:
        if b is None or (a is not None and split(a[0]) < split(b[0])):
            yield a, None
            a = next(one, None)
        elif a is None or split(b[0]) < split(a[0]):
            yield None, b
            b = next(other, None)
        else:
            yield a, b
            a, b = next(one, None), next(other, None)


def came_since(population: Population) -> list[str]:
    """Return numbers that the query finds now and did not when it was run, at most NAMED."""
    listed = population.rows.values("change")
    now = changes_of(period_of(population)).exclude(pk__in=listed)
    return list(now.values_list("number", flat=True)[:NAMED])
