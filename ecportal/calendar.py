"""Business days of a country and a company, in the company's time zone."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from threading import Lock
from zoneinfo import ZoneInfo

import holidays


@lru_cache(maxsize=8)
def _public_holidays(country: str, subdivision: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision or None)


# The library lists a year when it is first asked about; a second thread that asks meanwhile would
# see a holiday missing, and the wrong due time would be frozen into a deadline.
_listing = Lock()


def is_public_holiday(day: date, country: str, subdivision: str) -> bool:
    with _listing:
        return day in _public_holidays(country, subdivision)


@dataclass(frozen=True)
class BusinessCalendar:
    """A business day is a weekday that is no public holiday and none of the company's own.

    Source of the rule: the process's "Deadlines". `company_days` are the company's own days off.
    """

    country: str
    zone: ZoneInfo
    subdivision: str = ""
    company_days: Collection[date] = field(default_factory=frozenset)

    def is_business_day(self, day: date) -> bool:
        return (
            day.weekday() < 5
            and day not in self.company_days
            and not is_public_holiday(day, self.country, self.subdivision)
        )

    def next_business_day(self, day: date) -> date:
        """Return the first business day after `day`."""
        following = day + timedelta(days=1)
        while not self.is_business_day(following):
            following += timedelta(days=1)
        return following

    def previous_business_day(self, day: date) -> date:
        """Return the last business day before `day`."""
        preceding = day - timedelta(days=1)
        while not self.is_business_day(preceding):
            preceding -= timedelta(days=1)
        return preceding

    def end_of_day(self, day: date) -> datetime:
        """Return the midnight that ends `day` here, as UTC; days of 23 and 25 hours included."""
        midnight = datetime.combine(day + timedelta(days=1), time.min, self.zone)
        return midnight.astimezone(UTC)

    def end_of_next_business_day(self, moment: datetime) -> datetime:
        """Return the end of the business day after the local day of `moment`, as UTC.

        Friday 23:00 and Saturday noon both give Monday 24:00 local.
        """
        return self.end_of_day(self.next_business_day(moment.astimezone(self.zone).date()))

    def shift(self, moment: datetime, business_days: int) -> datetime:
        """Return the same local time so many business days later (or earlier, below zero), as UTC.

        Midnight ends a day when counting on and begins one when counting back: Friday 24:00 and one
        business day is Monday 24:00. A local time that a clock change skips is read with the offset
        before the change.
        """
        local = moment.astimezone(self.zone)
        day, forward = local.date(), business_days > 0
        ends_a_day = forward and moment == self.end_of_day(day - timedelta(days=1))
        if ends_a_day:
            day -= timedelta(days=1)
        for _ in range(abs(business_days)):
            day = self.next_business_day(day) if forward else self.previous_business_day(day)
        if ends_a_day:
            return self.end_of_day(day)
        return datetime.combine(day, local.time(), self.zone).astimezone(UTC)
