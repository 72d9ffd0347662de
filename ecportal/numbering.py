"""Gives out reference numbers: EC-2026-0001, one after the other, none left out."""

from django.conf import settings

from ecportal import clock
from ecportal.models import NumberSequence


def take_number(prefix: str) -> str:
    """Return the next number of `prefix` in the company's current year.

    The series' row stays locked until the caller's transaction ends: a rollback gives the number
    back, and two at once get neighbors. Call it inside a transaction, as late as possible.
    """
    assert settings.USE_TZ
    year = clock.company_time(clock.now()).year
    series = f"{prefix}-{year}"
    NumberSequence.objects.get_or_create(series=series)
    sequence = NumberSequence.objects.select_for_update().get(series=series)
    sequence.last += 1
    sequence.save()
    return str(sequence)
