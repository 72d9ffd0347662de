"""The one clock: every time the portal records is read here.

Tests and the demo stop or shift it with `at`; nothing else in the code asks for the time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.utils import timezone

_stopped: ContextVar[datetime | None] = ContextVar("stopped_clock", default=None)


def now() -> datetime:
    """Return the server's time, aware, in UTC."""
    return _stopped.get() or real()


def real() -> datetime:
    """Return the server's time whatever `at` says: for the trail, which nobody may shift."""
    return timezone.now()  # noqa: TID251 - the one place


def is_set() -> bool:
    """Whether `at` stands in for the server's time now."""
    return _stopped.get() is not None


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Stop the clock at `moment` (aware) for the code inside."""
    if timezone.is_naive(moment):
        raise ValueError("The clock takes aware times only.")
    token = _stopped.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _stopped.reset(token)


def company_time(moment: datetime) -> datetime:
    """Return the same moment in the company's time zone."""
    return timezone.localtime(moment, timezone.get_default_timezone())


def company_day(moment: datetime) -> date:
    """Return the day on which the moment falls in the company's time zone."""
    return company_time(moment).date()


def duration(length: timedelta) -> str:
    """Return a length in at most two units: "4 h 32 min", "1 d 7 h", "0 min"."""
    minutes = int(length.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    while len(parts) > 1 and not parts[0][0]:
        parts.pop(0)
    return " ".join(f"{value} {unit}" for value, unit in parts[:2] if value or len(parts) == 1)


def due_day(due_at: datetime, zone: tzinfo | None = None) -> tuple[datetime, str]:
    """Return the local day that a deadline belongs to, and its time: midnight ends a day, 24:00."""
    local = timezone.localtime(due_at, zone)
    if local.time() == time.min:
        return local - timedelta(days=1), "24:00"
    return local, f"{local:%H:%M}"


def time_left(due_at: datetime, now: datetime) -> str:
    """Return what is left until `due_at`, or how late it is, in words."""
    if now > due_at:
        return f"{duration(now - due_at)} late"
    return f"{duration(due_at - now)} left"
