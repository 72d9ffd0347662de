"""A period of whole days in the company's time zone, chosen on the page of a report."""

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
    """Asks for a period; the twelve months up to today where nothing is asked."""

    first = DayField(label="From", required=False)
    last = DayField(label="To", required=False)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        today = timezone.localdate(clock.now(), timezone.get_default_timezone())
        data["last"] = data.get("last") or today
        data["first"] = data.get("first") or _a_year_before(data["last"])
        if data["first"] > data["last"]:
            raise forms.ValidationError("The period ends before it begins. Choose a later end.")
        return data

    @property
    def period(self) -> Period:
        """Return what was chosen, or the default where that cannot be read."""
        if not self.is_valid():
            default = PeriodForm({})
            assert default.is_valid()
            return default.period
        return Period(self.cleaned_data["first"], self.cleaned_data["last"])


def _a_year_before(day: date) -> date:
    return max(day - timedelta(days=365), date(2000, 1, 1))
