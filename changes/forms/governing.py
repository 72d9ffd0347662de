"""What may be typed about delegations and the policy."""

from datetime import timedelta
from typing import Any

from django import forms

from changes.models import Policy
from changes.models.policy import WEEKDAYS
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.forms import PlainAct, RevisingForm, moment, words
from incidents.forms import people, system_choice


class DelegateForm(PlainAct):
    on_record = ("delegate", "begins_at", "ends_at")

    delegate = forms.ModelChoiceField(label="To whom", queryset=User.objects.none())
    begins_at = moment("From", required=True)
    ends_at = moment("Until", required=True, help_text="It ends by itself then.")
    systems = system_choice(required=False)
    reason = words("Why", rows=2)

    def prepare(self) -> None:
        self.fields["delegate"].queryset = people().exclude(pk=self.user.pk)  # type: ignore[attr-defined]
        self.fields["systems"].label = "For which systems?"
        self.fields["systems"].help_text = "None chosen: all systems."
        now = clock.now()
        self.fields["begins_at"].initial = now
        self.fields["ends_at"].initial = now + timedelta(days=7)


class ClockInput(forms.TimeInput):
    """The browser's own picker."""

    input_type = "time"

    def __init__(self) -> None:
        super().__init__(format="%H:%M")


class PolicyForm(RevisingForm):
    approval_minutes = forms.IntegerField(min_value=1, max_value=24 * 60)
    confirmation_hours = forms.IntegerField(min_value=1, max_value=30 * 24)
    documentation_hours = forms.IntegerField(min_value=1, max_value=30 * 24)
    observation_minutes = forms.IntegerField(min_value=0, max_value=7 * 24 * 60)
    verifier_differs = forms.BooleanField(required=False)
    quiet_from = forms.TimeField(widget=ClockInput())
    quiet_until = forms.TimeField(widget=ClockInput())
    reminder_days = forms.MultipleChoiceField(
        choices=[(day, day) for day in WEEKDAYS], widget=forms.CheckboxSelectMultiple
    )
    window_from = forms.TimeField(widget=ClockInput())
    window_until = forms.TimeField(widget=ClockInput())

    def prepare(self) -> None:
        super().prepare()
        for name, field in self.fields.items():
            if name != "reason":
                of_model: Any = Policy._meta.get_field(name)
                field.label = str(of_model.verbose_name).capitalize()
                field.help_text = of_model.help_text
        self.fields["reminder_days"].initial = str(self.fields["reminder_days"].initial).split()

    def clean_reminder_days(self) -> str:
        chosen = self.cleaned_data["reminder_days"]
        return " ".join(day for day in WEEKDAYS if day in chosen)
