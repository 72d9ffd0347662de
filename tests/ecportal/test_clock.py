"""The one clock: it tells the server's time, and stands still only where it is told to."""

import threading
import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ecportal import clock

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def test_clock_tells_the_servers_time_in_utc() -> None:
    before, told, after = time.time(), clock.now(), time.time()
    assert before <= told.timestamp() <= after
    assert told.utcoffset() == timedelta(0)


def test_stopped_clock_stands_still_inside_the_block_alone() -> None:
    with clock.at(NOON):
        assert clock.now() == NOON
        assert clock.now() == NOON
    assert abs(clock.now().timestamp() - time.time()) < 5


def test_inner_block_gives_the_outer_time_back() -> None:
    with clock.at(NOON):
        with clock.at(NOON + timedelta(hours=1)):
            assert clock.now() == NOON + timedelta(hours=1)
        assert clock.now() == NOON


def test_failing_block_sets_the_clock_going_again() -> None:
    with pytest.raises(LookupError), clock.at(NOON):
        raise LookupError
    assert clock.now() != NOON


def test_clock_refuses_a_time_without_a_zone() -> None:
    with pytest.raises(ValueError, match="aware"), clock.at(datetime(2026, 11, 20, 12, 0)):
        pass


def test_clock_of_another_thread_keeps_going() -> None:
    told: list[datetime] = []
    with clock.at(NOON):
        thread = threading.Thread(target=lambda: told.append(clock.now()))
        thread.start()
        thread.join()
    assert told[0] != NOON


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 min"),
        (0.9, "0 min"),
        (1, "1 min"),
        (59, "59 min"),
        (60, "1 h"),
        (272, "4 h 32 min"),
        (1440, "1 d"),
        (1441, "1 d"),
        (1860, "1 d 7 h"),
        (14400, "10 d"),
    ],
)
def test_duration_is_told_in_at_most_two_units(minutes: float, words: str) -> None:
    assert clock.duration(timedelta(minutes=minutes)) == words


def test_late_begins_after_the_due_time() -> None:
    minute = timedelta(minutes=1)
    assert clock.time_left(NOON, NOON - minute) == "1 min left"
    assert clock.time_left(NOON, NOON) == "0 min left"
    assert clock.time_left(NOON, NOON + minute) == "1 min late"


@pytest.mark.parametrize(
    ("due", "day", "at"),
    [
        ("2026-11-24T00:00+01:00", "2026-11-23", "24:00"),
        ("2026-11-24T00:01+01:00", "2026-11-24", "00:01"),
        ("2026-11-24T14:30+01:00", "2026-11-24", "14:30"),
    ],
)
def test_midnight_belongs_to_the_day_that_it_ends(due: str, day: str, at: str) -> None:
    found, words = clock.due_day(datetime.fromisoformat(due), ZoneInfo("Europe/Berlin"))
    assert (f"{found:%Y-%m-%d}", words) == (day, at)
