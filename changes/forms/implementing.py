"""What may be typed while a change is implemented."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from changes.models import Deviation, EmergencyChange, ExecutionEntry
from ecportal import clock
from ecportal.forms import ActForm, Cards, DayField, PlainAct, link, moment, words

Source = ExecutionEntry.Source
# What a person may say; a detached deployment proves nothing any more.
SOURCES = [one for one in Source.choices if one[0] != Source.DETACHED]


class StartForm(ActForm):
    reason = words("What begins now", rows=2)
    happened_at = moment("When did it start?", now=True)

    def prepare(self) -> None:
        self.fields["reason"].initial = "Started implementing."


class StartUnapprovedForm(ActForm):
    intro = (
        "No approval is recorded. Starting now is possible; it is flagged, an exception is "
        "registered, and a Lead must decide retroactively by the end of the next business day."
    )
    reason = words("Why could it not wait for an approval?")
    happened_at = moment("When did it start?", now=True)


def in_a_week() -> date:
    return timezone.localdate(clock.now()) + timedelta(days=7)


class DeviationFields(forms.Form):
    skipped = words("Standard tests that were skipped", required=False, rows=2)
    catch_up_on = DayField(label="Catch up by", required=False, initial=in_a_week)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("skipped") and not data.get("catch_up_on") and "catch_up_on" not in self.errors:
            self.add_error("catch_up_on", "Say by when the test is caught up on.")
        return data


class ExecutionForm(ActForm):
    source = forms.ChoiceField(
        label="Where is it from?", choices=SOURCES, widget=Cards(look="segments")
    )
    reason = words("Log lines with their time stamps, or what was done")
    link = link("Link to the deployment or log")
    happened_at = moment("Time stamp of the log or deployment", now=True)


class FinishForm(DeviationFields, ActForm):
    outcome = forms.ChoiceField(
        label="How did it go?", choices=EmergencyChange.Outcome, widget=Cards(look="segments")
    )
    source = forms.ChoiceField(
        label="What proves when it was done?",
        choices=SOURCES,
        widget=Cards(look="segments"),
        initial=Source.DEPLOYMENT,
    )
    link = link("Link to the deployment or log")
    no_deviations = forms.BooleanField(label="No standard test was skipped", required=False)
    why = words("Why were they skipped?", required=False, rows=2)
    reason = words("Log lines with their time stamps, or what was done")
    happened_at = moment("When was it finished?", now=True)

    def prepare(self) -> None:
        self.order_fields([
            "outcome", "reason", "source", "link", "happened_at", "no_deviations", "skipped",
            "why", "catch_up_on",
        ])  # fmt: skip


class DeviationForm(DeviationFields, PlainAct):
    reason = words("Why was it skipped?", rows=2)

    def prepare(self) -> None:
        self.fields["skipped"].required = True


class CatchUpForm(ActForm):
    deviation = forms.ModelChoiceField(
        label="Which skipped test?", queryset=Deviation.objects.none(), widget=forms.RadioSelect(),
        empty_label=None,
    )  # fmt: skip
    reason = words("Result of the test", rows=2)

    def prepare(self) -> None:
        assert isinstance(self.record, EmergencyChange)
        waiting = self.record.deviations.filter(caught_up_at=None, catch_up_on__isnull=False)
        self.fields["deviation"].queryset = waiting  # type: ignore[attr-defined]
        self.fields["deviation"].initial = waiting.first()
