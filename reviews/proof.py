"""The proof of a population: what was asked, what came, the fingerprints, and the run compared."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.conf import settings

from ecportal import clock
from ecportal.accounts.models import User
from reviews.columns import HEADINGS, as_text, redacted
from reviews.listing import Export, Listing
from reviews.models import Population, PopulationRow
from reviews.numbering import split
from reviews.period import Period
from reviews.population import BATCH, changes_of, snapshot
from reviews.renderings import FORMATS, Sink

NAMED = 50
"""How many numbers that came since are named on a page."""


def period_of(population: Population) -> Period:
    return Period(population.first_day, population.last_day, population.by, population.time_zone)


@dataclass
class KeptTotals:
    """What stands below the rows of a kept population."""

    count: int
    first: str
    last: str
    gaps: list[str]

    @classmethod
    def of(cls, population: Population) -> "KeptTotals":
        first, last = population.first_number, population.last_number
        return cls(population.count, first, last, population.gaps())


def kept_rows(
    population: Population, hidden: frozenset[int], keys: Iterable[str]
) -> Iterator[list[str]]:
    """Yield the rows as they were listed; those of changes in `hidden` are redacted."""
    rows: Iterator[PopulationRow] = population.rows.iterator(chunk_size=BATCH)
    for row in rows:
        values = row.values()
        yield redacted(values, keys) if row.change_id in hidden else values


def write_again(
    population: Population, form: str, out: IO[bytes] | None, hidden: frozenset[int]
) -> Sink:
    """Write the kept rows: the bytes of the day on which it was generated, whatever came since."""
    sink, columns = Sink(out), population.headings()
    rendering = FORMATS[form][0](sink, period_of(population), columns)
    with snapshot():
        for row in kept_rows(population, hidden, columns):
            rendering.row(row)
    rendering.end(KeptTotals.of(population))
    return sink


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


# --- as a file beside the file ------------------------------------------------------------------
def of_kept(population: Population, hidden: frozenset[int]) -> dict[str, Any]:
    """Return the proof of a kept population, with the fingerprints of what this reader gets."""
    totals, zone = KeptTotals.of(population), ZoneInfo(population.time_zone)
    sinks = {form: write_again(population, form, None, hidden) for form in FORMATS}
    again = compare(population, hidden)
    files = {
        form: {
            "sha256": sink.sha256,
            "bytes": sink.size,
            "sha256_when_generated": population.sha256(form),
        }
        for form, sink in sinks.items()
    }
    return {
        "population": population.number,
        **_query(period_of(population)),
        "period_was_over": population.period_over,
        **_totals(totals, population.cancelled, population.of_other_periods),
        "redacted_for_this_reader": population.rows.filter(change__in=hidden).count(),
        "generated_by": str(population.generated_by),
        "generated_at": as_text(population.generated_at, zone),
        "portal_version": population.portal_version,
        "files": files,
        "run_again": _comparison(again, zone),
    }


def of_export(done: Export, name: str, by: str) -> dict[str, Any]:
    """Return the proof of a file that was written straight from the records."""
    listing, period = done.listing, done.listing.period
    now = clock.now()
    return {
        **_query(period),
        "period_was_over": period.is_over(now),
        **_totals(listing, listing.cancelled, listing.of_other_periods),
        "redacted": listing.withheld,
        "generated_by": by,
        "generated_at": as_text(now, ZoneInfo(period.zone)),
        "portal_version": settings.VERSION,
        "files": {name: {"sha256": done.sha256, "bytes": done.size}},
    }


def _query(period: Period) -> dict[str, Any]:
    zone = ZoneInfo(period.zone)
    return {
        "query": period.in_words(),
        "filters": "none",
        "from": str(period.first),
        "to": str(period.last),
        "by": period.by,
        "begins_at": as_text(period.begins_at, zone),
        "ends_before": as_text(period.ends_before, zone),
        "time_zone": period.zone,
    }


def _totals(totals: Any, cancelled: int, of_other_periods: int) -> dict[str, Any]:
    return {
        "count": totals.count,
        "of_these_cancelled": cancelled,
        "first_number": totals.first,
        "last_number": totals.last,
        "missing_numbers": totals.gaps,
        "numbers_between_that_belong_to_other_periods": of_other_periods,
    }


def _comparison(found: Comparison, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "at": as_text(found.at, zone),
        "same": found.same,
        "count": found.count,
        "came_since": found.added,
        "gone": found.gone,
        "read_differently": found.changed,
    }


def reader(user: User) -> str:
    return f"{user} ({user.username})"
