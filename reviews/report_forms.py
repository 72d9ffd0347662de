"""What is asked on the page of a report: its period."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms

from ecportal import clock
from ecportal.forms import DayField
from reviews.period import Period


class ReportForm(forms.Form):
    """Asks for a period; the year up to today where nothing is asked."""

    first = DayField(label="From")
    last = DayField(label="To")

    @classmethod
    def asked(cls, query: Mapping[str, str]) -> "ReportForm":
        """Return the form with what the address asks for, and the default for what it does not."""
        today = clock.company_day(clock.now())
        default = {"first": today - timedelta(days=365), "last": today}
        return cls({name: query.get(name) or f"{day}" for name, day in default.items()})

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if {"first", "last"} <= set(data):
            data["period"] = Period(data["first"], data["last"])
        return data

    @property
    def period(self) -> Period:
        """Return what was chosen, or the default where that cannot be read."""
        if not self.is_valid():
            return ReportForm.asked({}).period
        chosen: Period = self.cleaned_data["period"]
        return chosen
