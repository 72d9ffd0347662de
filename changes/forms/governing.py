"""What may be typed about delegations and the policy."""

from django import forms

from changes.models import Policy
from ecportal.accounts.models import User
from ecportal.forms import PlainAct, RevisingForm, moment, words
from incidents.forms import people, system_choice


class DelegateForm(PlainAct):
    on_record = ("delegate", "begins_at", "ends_at")

    delegate = forms.ModelChoiceField(label="To whom", queryset=User.objects.none())
    begins_at = moment("From", required=True)
    ends_at = moment("Until", required=True)
    systems = system_choice(required=False)
    reason = words("Why", rows=2)

    def prepare(self) -> None:
        self.fields["delegate"].queryset = people().exclude(pk=self.user.pk)  # type: ignore[attr-defined]
        self.fields["systems"].help_text = "None chosen: all systems."


class PolicyForm(RevisingForm):
    approval_minutes = forms.IntegerField(min_value=1, max_value=24 * 60)
    confirmation_hours = forms.IntegerField(min_value=1, max_value=30 * 24)
    documentation_hours = forms.IntegerField(min_value=1, max_value=30 * 24)
    observation_minutes = forms.IntegerField(min_value=0, max_value=7 * 24 * 60)
    verifier_differs = forms.BooleanField(required=False)

    def prepare(self) -> None:
        super().prepare()
        for name in self.fields:
            if name != "reason":
                self.fields[name].label = str(
                    Policy._meta.get_field(name).verbose_name  # type: ignore[union-attr]
                ).capitalize()
