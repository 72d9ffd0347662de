"""Business days: holidays, weekends and clock changes, in the company's own time zone."""

import sys
import threading
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from ecportal.calendar import BusinessCalendar

BERLIN = BusinessCalendar("DE", ZoneInfo("Europe/Berlin"))

# The last three change their clocks at midnight: a day there may have no 00:00, or two.
REGIONS = [
    ("DE", "Europe/Berlin"),
    ("US", "America/New_York"),
    ("NZ", "Pacific/Auckland"),
    ("IN", "Asia/Kolkata"),
    ("CN", "Asia/Shanghai"),
    ("CL", "America/Santiago"),
    ("EG", "Africa/Cairo"),
    ("CU", "America/Havana"),
]
CALENDARS = st.sampled_from([BusinessCalendar(code, ZoneInfo(zone)) for code, zone in REGIONS])


def around_clock_changes() -> list[datetime]:
    """Return the moments from 2024 to 2027 at which one of the zones changes its clock."""
    found = []
    for _code, name in REGIONS:
        zone, hour = ZoneInfo(name), datetime(2024, 1, 1, tzinfo=UTC)
        while hour.year < 2028:
            following = hour + timedelta(hours=1)
            if hour.astimezone(zone).utcoffset() != following.astimezone(zone).utcoffset():
                found.append(following)
            hour = following
    return found


ANY_TIME = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))
NEAR_A_CLOCK_CHANGE = st.builds(
    lambda change, minutes: change + timedelta(minutes=minutes),
    st.sampled_from(around_clock_changes()),
    st.integers(-5000, 120),
)
NEAR_A_YEAR_END = st.builds(
    lambda year, hours: datetime(year, 1, 1, tzinfo=UTC) + timedelta(hours=hours),
    st.integers(2021, 2035),
    st.integers(-300, 72),
)
MOMENTS = ANY_TIME | NEAR_A_CLOCK_CHANGE | NEAR_A_YEAR_END


def local(zone: str, *parts: int) -> datetime:
    return datetime(*parts, tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ((2026, 11, 20, 23, 0), date(2026, 11, 23)),  # Friday 23:00: Monday 24:00
        ((2026, 11, 21, 12, 0), date(2026, 11, 23)),  # Saturday noon: Monday 24:00
        ((2026, 11, 22, 23, 59), date(2026, 11, 23)),  # the last minute of Sunday
        ((2026, 11, 23, 0, 0), date(2026, 11, 24)),  # the first instant of Monday is Monday's
        ((2026, 11, 24, 9, 30), date(2026, 11, 25)),  # an ordinary Tuesday
        ((2026, 3, 27, 15, 0), date(2026, 3, 30)),  # over a night of 23 hours
        ((2026, 10, 23, 15, 0), date(2026, 10, 26)),  # over a day of 25 hours
        ((2026, 4, 2, 23, 0), date(2026, 4, 7)),  # Maundy Thursday: Easter Tuesday
        ((2026, 12, 24, 12, 0), date(2026, 12, 28)),  # Christmas Eve is a weekday here
        ((2026, 12, 31, 23, 59), date(2027, 1, 4)),  # a Thursday; New Year is a Friday
    ],
)
def test_next_business_day_ends_at_local_midnight(moment: tuple[int, ...], day: date) -> None:
    midnight = datetime.combine(day + timedelta(days=1), time.min, BERLIN.zone)
    assert BERLIN.end_of_next_business_day(local("Europe/Berlin", *moment)) == midnight


def test_local_day_counts_not_the_utc_day() -> None:
    auckland = BusinessCalendar("NZ", ZoneInfo("Pacific/Auckland"))
    thursday_noon_utc = datetime(2026, 11, 19, 12, 0, tzinfo=UTC)  # Friday 01:00 there
    monday_24 = local("Pacific/Auckland", 2026, 11, 24)
    assert auckland.end_of_next_business_day(thursday_noon_utc) == monday_24


def test_holiday_of_a_subdivision_counts_only_there() -> None:
    before_epiphany = local("Europe/Berlin", 2027, 1, 5, 12)
    bavaria = BusinessCalendar("DE", BERLIN.zone, subdivision="BY")
    bavarian = local("Europe/Berlin", 2027, 1, 8)
    assert bavaria.end_of_next_business_day(before_epiphany) == bavarian
    assert BERLIN.end_of_next_business_day(before_epiphany) == local("Europe/Berlin", 2027, 1, 7)


def test_company_day_is_no_business_day() -> None:
    closed = BusinessCalendar(
        "DE", BERLIN.zone, company_days={date(2026, 11, 23), date(2026, 11, 24)}
    )
    friday = local("Europe/Berlin", 2026, 11, 20, 23)
    assert closed.end_of_next_business_day(friday) == local("Europe/Berlin", 2026, 11, 26)


def test_skipped_midnight_is_the_first_instant_of_the_next_day() -> None:
    cairo = BusinessCalendar("EG", ZoneInfo("Africa/Cairo"))
    end = cairo.end_of_day(date(2026, 4, 23))  # a Thursday; its 24:00 becomes 01:00
    assert end.astimezone(cairo.zone).replace(tzinfo=None) == datetime(2026, 4, 24, 1)
    assert end == datetime(2026, 4, 23, 22, tzinfo=UTC)


@given(CALENDARS, st.dates(date(2020, 1, 1), date(2035, 12, 31)))
def test_day_ends_between_its_last_instant_and_the_next_days_first(
    calendar: BusinessCalendar, day: date
) -> None:
    end = calendar.end_of_day(day)
    before = end - timedelta(microseconds=1)
    assert before.astimezone(calendar.zone).date() == day
    assert end.astimezone(calendar.zone).date() == day + timedelta(days=1)


@given(CALENDARS, MOMENTS)
def test_due_time_ends_the_first_business_day_after_the_moment(
    calendar: BusinessCalendar, moment: datetime
) -> None:
    due = calendar.end_of_next_business_day(moment)
    assert due.tzinfo is UTC
    assert moment < due <= moment + timedelta(days=15)
    last = (due - timedelta(microseconds=1)).astimezone(calendar.zone).date()
    assert calendar.is_business_day(last)
    day = moment.astimezone(calendar.zone).date() + timedelta(days=1)
    while day < last:
        assert not calendar.is_business_day(day)
        day += timedelta(days=1)
    assert day == last


@given(CALENDARS, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=20)))
def test_later_moment_is_never_due_earlier(
    calendar: BusinessCalendar, moment: datetime, later: timedelta
) -> None:
    due = calendar.end_of_next_business_day(moment)
    assert due <= calendar.end_of_next_business_day(moment + later)


@given(CALENDARS, MOMENTS, st.integers(-30, 30).filter(bool))
def test_shift_passes_that_many_business_days(
    calendar: BusinessCalendar, moment: datetime, days: int
) -> None:
    begin = moment.astimezone(calendar.zone).date()
    assume(moment != calendar.end_of_day(begin - timedelta(days=1)))
    end = calendar.shift(moment, days).astimezone(calendar.zone).date()
    assert calendar.is_business_day(end)
    step = timedelta(days=1 if days > 0 else -1)
    passed = [begin + step * n for n in range(1, abs((end - begin).days) + 1)]
    assert sum(calendar.is_business_day(day) for day in passed) == abs(days)


@given(CALENDARS, MOMENTS, st.integers(-30, 30))
def test_shift_there_and_back_returns_to_the_same_business_day(
    calendar: BusinessCalendar, moment: datetime, days: int
) -> None:
    begin = moment.astimezone(calendar.zone)
    assume(moment != calendar.end_of_day(begin.date() - timedelta(days=1)))
    back = calendar.shift(calendar.shift(moment, days), -days).astimezone(calendar.zone)
    if calendar.is_business_day(begin.date()):
        assert back.date() == begin.date()
        moved = back.replace(tzinfo=None) - begin.replace(tzinfo=None)
        assert moved in (timedelta(0), timedelta(hours=1))  # an hour if it met a skipped one


@given(CALENDARS, MOMENTS, st.integers(1, 10))
@example(BusinessCalendar("EG", ZoneInfo("Africa/Cairo")), datetime(2026, 4, 22, 9, tzinfo=UTC), 1)
def test_shift_from_the_end_of_a_day_reaches_the_end_of_a_business_day(
    calendar: BusinessCalendar, moment: datetime, days: int
) -> None:
    """A day that is over has no hours left: Friday 24:00 and one business day is Monday 24:00."""
    due = calendar.end_of_next_business_day(moment)
    last = (due - timedelta(microseconds=1)).astimezone(calendar.zone).date()
    for _ in range(days):
        last = calendar.next_business_day(last)
    assert calendar.shift(due, days) == calendar.end_of_day(last)


def test_threads_that_ask_at_once_all_see_a_holiday() -> None:
    """A day read while its year's holidays are being listed would be frozen into a due time."""
    christmases = [date(year, 12, 25) for year in range(1995, 2020)]
    interval, wrong = sys.getswitchinterval(), []

    def ask(day: date, gate: threading.Barrier) -> None:
        gate.wait()
        if BERLIN.is_business_day(day):
            wrong.append(day)

    sys.setswitchinterval(1e-6)
    try:
        for day in christmases:
            gate = threading.Barrier(4)
            threads = [threading.Thread(target=ask, args=(day, gate)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert not wrong
