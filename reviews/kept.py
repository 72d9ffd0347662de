"""The rows of a kept population, written again as they were on the day they were listed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from reviews.columns import redacted
from reviews.models import Population, PopulationRow
from reviews.period import Period
from reviews.population import BATCH, snapshot
from reviews.renderings import FORMATS, Sink


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
