"""When a reminder that can wait may arrive: outside the quiet hours, where its reader lives."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from changes.models import Policy
from changes.models.policy import WEEKDAYS
from ecportal.accounts.models import User


def zone_of(person: User | None) -> ZoneInfo:
    """Return the person's time zone, else the company's."""
    return ZoneInfo((person.time_zone if person else "") or settings.TIME_ZONE)


def next_waking(moment: datetime, zone: ZoneInfo, policy: Policy) -> datetime:
    """Return `moment` itself where it is not quiet there, else the end of the quiet time, in UTC.

    A weekday that the policy does not name is quiet as a whole.
    """
    days = set(policy.reminder_days.split())
    today = moment.astimezone(zone).date()
    for ahead in range(8):  # by the same weekday of the next week it was not quiet at least once
        day = today + timedelta(days=ahead)
        if WEEKDAYS[day.weekday()] in days:
            for begin, end in _waking(day, zone, policy):
                if moment < end:
                    return max(moment, begin)
    return moment


def _waking(day: date, zone: ZoneInfo, policy: Policy) -> Iterator[tuple[datetime, datetime]]:
    """Yield the hours of the local day that are not quiet, as UTC, the earlier first."""

    def at(when: date, clock_time: time) -> datetime:
        return datetime.combine(when, clock_time, zone).astimezone(UTC)

    begin, end = at(day, time.min), at(day + timedelta(days=1), time.min)
    quiet_from, quiet_until = at(day, policy.quiet_from), at(day, policy.quiet_until)
    if policy.quiet_from > policy.quiet_until:  # over midnight
        yield quiet_until, quiet_from
    elif policy.quiet_from == policy.quiet_until:
        yield begin, end
    else:
        yield begin, quiet_from
        yield quiet_until, end
