"""The period of a population: whole days in the company's time zone, both ends included."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError

from ecportal.clock import company_day

FIELDS = {"opened": "opened_at", "implemented": "finished_at", "closed": "closed_at"}
"""By which date a change belongs to a period, and the field that says it."""

BY = [(by, by.capitalize()) for by in FIELDS]


@dataclass(frozen=True)
class Period:
    """From the first day's midnight until before the midnight that ends the last day.

    Days of 23 and 25 hours are whole days. Raises ValidationError, with a sentence, for a period
    that ends before it begins.
    """

    first: date
    last: date
    by: str = "opened"
    zone: str = ""

    def __post_init__(self) -> None:
        if self.by not in FIELDS:
            raise ValidationError(f"{self.by!r} is no date to list by. Use one of {list(FIELDS)}.")
        if not (self.first.year >= 2000 and self.last.year < 2200):
            raise ValidationError("Enter days between 2000 and 2199.")
        if self.last < self.first:
            raise ValidationError("The period ends before it begins. Choose a later end.")
        if not self.zone:
            object.__setattr__(self, "zone", settings.TIME_ZONE)

    @property
    def begins_at(self) -> datetime:
        """The first instant of the period, as UTC."""
        return self._midnight(self.first)

    @property
    def ends_before(self) -> datetime:
        """The first instant after the period, as UTC."""
        return self._midnight(self.last + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, ZoneInfo(self.zone)).astimezone(UTC)

    def is_over(self, moment: datetime) -> bool:
        return moment >= self.ends_before

    def __str__(self) -> str:
        return f"{self.by} {self.days}"

    @property
    def days(self) -> str:
        return f"{self.first} to {self.last}"

    def in_words(self) -> str:
        """Return the query as it is run, without anything that differs from run to run."""
        zone, field = ZoneInfo(self.zone), FIELDS[self.by]
        begin, end = (at.astimezone(zone) for at in (self.begins_at, self.ends_before))
        return (
            f"emergency_change where {field} >= {begin:%Y-%m-%d %H:%M} and {field} < "
            f"{end:%Y-%m-%d %H:%M}, {self.zone}, order by number, no other filter"
        )


def quarter_begins(day: date) -> date:
    """Return the first day of the quarter of a year in which the day is."""
    return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def last_quarter(moment: datetime) -> tuple[date, date]:
    """Return the first and the last day of the latest quarter of a year that is over by then."""
    last = quarter_begins(company_day(moment)) - timedelta(days=1)
    return quarter_begins(last), last
