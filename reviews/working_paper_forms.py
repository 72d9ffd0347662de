"""What an auditor types: a period, a seed or numbers, a question; and what is answered."""

import re
from typing import Any

from django import forms

from ecportal import clock
from ecportal.forms import DayField, PlainAct, reads_as_written, words
from reviews.listing import take
from reviews.models import Population, Sample
from reviews.period import BY, Period, last_quarter
from reviews.sampling import new_seed
from reviews.working_papers import LARGEST_SAMPLE


class PeriodForm(PlainAct):
    """Whole days of the company; what is generated says who asked for it, so no reason is asked."""

    first_day = DayField(label="From")
    last_day = DayField(label="To", help_text="Included.")
    by = forms.ChoiceField(
        label="By the date on which it was", choices=BY, initial="opened",
        widget=forms.RadioSelect(),
    )  # fmt: skip

    def prepare(self) -> None:
        del self.fields["reason"]
        first, last = last_quarter(clock.now())
        self.fields["first_day"].initial, self.fields["last_day"].initial = first, last

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if {"first_day", "last_day", "by"} <= set(data):
            self.period = Period(data["first_day"], data["last_day"], data["by"])
        return data

    def reason_given(self) -> str:
        return f"Listed the changes {self.period}."

    def act_data(self) -> dict[str, Any]:
        """Run the query: the act carries what it found."""
        return {"taken": take(self.period)}


class DrawForm(PlainAct):
    on_record = ("population", "method")
    from_link = ("population", "method", "numbers")

    population = forms.ModelChoiceField(queryset=Population.objects.all())
    method = forms.ChoiceField(
        choices=Sample.Method, initial=Sample.Method.SEED, widget=forms.RadioSelect()
    )
    frame = forms.ChoiceField(
        label="From", choices=Sample.Frame, initial=Sample.Frame.NOT_CANCELLED,
        widget=forms.RadioSelect(),
    )  # fmt: skip
    size = forms.IntegerField(
        label="How many", required=False, min_value=1, max_value=LARGEST_SAMPLE,
        help_text="For a draw by a seed.",
    )  # fmt: skip
    seed = forms.CharField(
        required=False, max_length=100, validators=[reads_as_written],
        help_text="Proposed at random, before anything is drawn; you may type your own. The same "
        "seed always draws the same changes, and every draw stays on record.",
    )  # fmt: skip
    numbers = words(
        "Numbers", required=False, help_text="To choose by hand: such as EC-2026-0022, EC-2026-0027"
    )

    def prepare(self) -> None:
        del self.fields["reason"]
        self.fields["seed"].initial = new_seed()

    def clean_numbers(self) -> list[str]:
        return re.split(r"[\s,;]+", str(self.cleaned_data["numbers"]).strip(" \t\r\n,;"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        by_seed = data.get("method") == Sample.Method.SEED
        if by_seed and not data.get("seed") and "seed" not in self.errors:
            self.add_error("seed", "Enter a seed: any text that you can write down.")
        if by_seed and not data.get("size") and "size" not in self.errors:
            self.add_error("size", "Enter how many changes to draw.")
        if data.get("method") == Sample.Method.HAND and data.get("numbers") == [""]:
            self.add_error("numbers", "Name at least one number.")
        return data

    def reason_given(self) -> str:
        data = self.cleaned_data
        if data["method"] == Sample.Method.SEED:
            return f"Drew {data['size']} of {data['population'].number} by the seed {data['seed']}."
        return f"Chose {len(data['numbers'])} of {data['population'].number} by hand."


class RequestForm(PlainAct):
    reason = words("What do you ask for?", help_text="Leads and Engineers read it on their page.")


class ReplyForm(PlainAct):
    reason = words("Your answer", help_text="Attach files to the change itself, then name them.")
