"""Runs the query of a population: rows in one go, with the totals that prove them complete."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from zoneinfo import ZoneInfo

from changes.models import EmergencyChange
from reviews.columns import HEADINGS, cells, redacted
from reviews.numbering import Sequence, given_out, missing_numbers
from reviews.period import Period
from reviews.population import Subject, snapshot, subjects
from reviews.renderings import FORMATS, Sink

CANCELLED = EmergencyChange.Status.CANCELLED


@dataclass
class Listing:
    """One run of the query. The totals stand once all rows were taken."""

    period: Period
    hidden: frozenset[int] = frozenset()
    gaps: list[str] = field(default_factory=list)
    cancelled: int = 0
    withheld: int = 0
    numbers: Sequence = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = Sequence([])

    @property
    def count(self) -> int:
        return self.numbers.count

    @property
    def first(self) -> str:
        return self.numbers.first

    @property
    def last(self) -> str:
        return self.numbers.last

    @property
    def of_other_periods(self) -> int:
        return self.numbers.of_other_periods

    def rows(self) -> Iterator[tuple[Subject, list[str]]]:
        """Yield each change with its row, as it stands in the database now; call it once."""
        begin = self.period.begins_at if self.period.by == "opened" else None
        self.gaps = given_out(missing_numbers(), begin, self.period.ends_before)
        self.numbers = Sequence(self.gaps)
        zone = ZoneInfo(self.period.zone)
        for subject in subjects(self.period):
            row = cells(subject, self.numbers.before(subject.change["number"]), zone)
            self.cancelled += subject.change["status"] == CANCELLED
            if subject.change["pk"] in self.hidden:
                self.withheld += 1
                row = redacted(row)
            yield subject, row


@dataclass(frozen=True)
class Export:
    """What was written: the run, and the fingerprint and size of the bytes."""

    listing: Listing
    sha256: str
    size: int


def export(period: Period, form: str, out: IO[bytes], hidden: frozenset[int]) -> Export:
    """Write the population to `out` in one of FORMATS; changes in `hidden` are redacted.

    Reads one state of the database, in batches: memory does not grow with the rows.
    """
    listing, sink = Listing(period, hidden), Sink(out)
    rendering = FORMATS[form][0](sink, period, HEADINGS)
    with snapshot():
        for _subject, row in listing.rows():
            rendering.row(row)
    rendering.end(listing)
    return Export(listing, sink.sha256, sink.size)


@dataclass
class Taken:
    """A run that is to be kept: its totals, fingerprints by format, and the rows in a file."""

    listing: Listing
    sha256: dict[str, str]
    _file: IO[bytes]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the key of each change and its row."""
        self._file.seek(0)
        for line in self._file:
            key, row = json.loads(line)
            yield key, row
        self._file.close()


def take(period: Period) -> Taken:
    """Run the query over one state of the database and hold the result for keeping."""
    listing = Listing(period)
    sinks = {form: Sink() for form in FORMATS}
    renderings = [FORMATS[form][0](sink, period, HEADINGS) for form, sink in sinks.items()]
    file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the rows were read
    with snapshot():
        for subject, row in listing.rows():
            file.write(json.dumps([subject.change["pk"], row]).encode() + b"\n")
            for rendering in renderings:
                rendering.row(row)
    for rendering in renderings:
        rendering.end(listing)
    return Taken(listing, {form: sink.sha256 for form, sink in sinks.items()}, file)
