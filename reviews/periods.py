"""A period of whole days in the company's time zone, chosen on the page of a report."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from ecportal import clock
from ecportal.forms import DayField


@dataclass(frozen=True)
class Period:
    """Both days belong to it."""

    first: date
    last: date

    @property
    def begins_at(self) -> datetime:
        return _midnight(self.first)

    @property
    def ends_at(self) -> datetime:
        """Return the midnight after the last day; it does not belong to the period."""
        return _midnight(self.last + timedelta(days=1))

    def __str__(self) -> str:
        return f"{self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"

    @property
    def in_a_name(self) -> str:
        return f"{self.first:%Y-%m-%d}-to-{self.last:%Y-%m-%d}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone())


class PeriodForm(forms.Form):
    """Asks for a period; the year up to today where nothing is asked."""

    first = DayField(label="From")
    last = DayField(label="To")

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> "PeriodForm":
        """Return the form with what the address asks for, and the default for what it does not."""
        today = timezone.localdate(clock.now(), timezone.get_default_timezone())
        default = {"first": today - timedelta(days=365), "last": today}
        return cls({name: query.get(name) or f"{day}" for name, day in default.items()})

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and first > last:
            raise forms.ValidationError("The period ends before it begins. Choose a later end.")
        return data

    @property
    def period(self) -> Period:
        """Return what was chosen, or the default where that cannot be read."""
        if not self.is_valid():
            return PeriodForm.asked({}).period
        return Period(self.cleaned_data["first"], self.cleaned_data["last"])
