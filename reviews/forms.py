"""What may be typed about reviews, follow-up actions, exceptions and ladders."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.forms import ActForm, Cards, DayField, PlainAct, RevisingForm, words
from incidents.forms import people
from reviews.models import Deadline, EscalationRung
from reviews.models.escalation import MAX_OFFSET

YES_NO = [("yes", "Yes"), ("no", "No")]
FOLLOW_UPS = range(1, 4)
"""How many follow-up actions the review's form takes at once; more can be assigned afterwards."""


def in_two_weeks() -> date:
    return timezone.localdate(clock.now()) + timedelta(days=14)


def yes_or_no(label: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=YES_NO, coerce=lambda value: value == "yes",
        widget=Cards(look="segments"),
    )  # fmt: skip


class ReviewForm(ActForm):
    genuine = yes_or_no("Was it a genuine emergency?")
    procedure_followed = yes_or_no("Was the procedure followed?")
    reason = words("Was the change appropriate?", help_text="Your judgment, in a few sentences.")
    lessons = words("What was learned?", required=False)
    no_follow_up_reason = words(
        "Or why is no follow-up action needed?", required=False, rows=2,
        help_text="Only where there is none: one or the other must be said.",
    )  # fmt: skip

    def prepare(self) -> None:
        for number in FOLLOW_UPS:
            self.fields[f"title_{number}"] = forms.CharField(
                label=f"Follow-up action {number}", max_length=300, required=False
            )
            self.fields[f"owner_{number}"] = forms.ModelChoiceField(
                label="Owner", queryset=people(), required=False
            )
            self.fields[f"due_on_{number}"] = DayField(
                label="Due", required=False, initial=in_two_weeks
            )
        rows = [f"{name}_{n}" for n in FOLLOW_UPS for name in ("title", "owner", "due_on")]
        self.order_fields([
            "genuine", "procedure_followed", "reason", "lessons", *rows, "no_follow_up_reason",
        ])  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        for number in FOLLOW_UPS:
            names = [f"{name}_{number}" for name in ("title", "owner", "due_on")]
            given = [name for name in names if data.get(name)]
            begun = {f"title_{number}", f"owner_{number}"} & set(given)
            for name in names:
                if begun and name not in given and name not in self.errors:
                    self.add_error(name, "A follow-up action needs a text, an owner and a date.")
        return data

    def act_data(self) -> dict[str, Any]:
        data = super().act_data()
        rows = [
            {name: data.pop(f"{name}_{number}") for name in ("title", "owner", "due_on")}
            for number in FOLLOW_UPS
        ]
        return {**data, "follow_ups": [row for row in rows if row["title"]]}

    @property
    def follow_ups(self) -> list[list[forms.BoundField]]:
        """Return the rows of follow-up actions, for the page to group them."""
        return [[self[f"{name}_{n}"] for name in ("title", "owner", "due_on")] for n in FOLLOW_UPS]

    @property
    def judgment(self) -> list[forms.BoundField]:
        return [self[name] for name in ("genuine", "procedure_followed", "reason", "lessons")]


class FollowUpForm(PlainAct):
    on_record = ("change", "title", "owner", "due_on")
    from_link = ("change",)

    change = forms.ModelChoiceField(queryset=EmergencyChange.objects.none())
    title = forms.CharField(label="What is to be done", max_length=300)
    owner = forms.ModelChoiceField(queryset=User.objects.none())
    due_on = DayField(label="Due", initial=in_two_weeks)
    reason = words("Why", rows=2, required=False)

    def reason_given(self) -> str:
        return self.cleaned_data["reason"] or f"Assigned to {self.cleaned_data['owner']}."

    def prepare(self) -> None:
        visible = EmergencyChange.objects.visible_to(self.user)
        self.fields["change"].queryset = visible.exclude(status="cancelled")  # type: ignore[attr-defined]
        self.fields["owner"].queryset = people()  # type: ignore[attr-defined]


class ReassignForm(PlainAct):
    owner = forms.ModelChoiceField(label="New owner", queryset=User.objects.none())

    def prepare(self) -> None:
        self.fields["owner"].queryset = people()  # type: ignore[attr-defined]


class DoneForm(ActForm):
    reason = words("What was done?")


class DropForm(ActForm):
    reason = words("Why is it no longer needed?")


class AnswerForm(PlainAct):
    reason = words(
        "Management response", help_text="What happened, and what keeps it from happening again."
    )


class RungFields(forms.Form):
    kind = forms.ChoiceField(label="Of which deadline", choices=Deadline.Kind)
    offset = forms.IntegerField(
        min_value=-MAX_OFFSET, max_value=MAX_OFFSET,
        help_text="Below zero: before the due time. Zero: when due. Above: after.",
    )  # fmt: skip
    unit = forms.ChoiceField(choices=EscalationRung.Unit)
    audience = forms.ChoiceField(label="Who is told", choices=EscalationRung.Audience)
    addresses = forms.CharField(
        required=False, max_length=2000, help_text="Only for named addresses; commas between them."
    )
    respects_quiet_hours = forms.BooleanField(
        label="Respects quiet hours",
        required=False,
        help_text="Waits for the end of the quiet hours of the policy, where the recipient lives; "
        "never while the incident is open.",
    )

    def clean_addresses(self) -> str:
        text = str(self.cleaned_data["addresses"])
        for address in filter(None, (part.strip() for part in text.split(","))):
            try:
                validate_email(address)
            except ValidationError:
                raise ValidationError(f"{address} is no e-mail address.") from None
        return text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        named = data.get("audience") == EscalationRung.Audience.ADDRESSES
        if named and not data.get("addresses") and "addresses" not in self.errors:
            self.add_error("addresses", "Name at least one address.")
        return data


class RungForm(RungFields, PlainAct):
    reason = words("Why", rows=2)


class ReviseRungForm(RungFields, RevisingForm):
    reason = words("Why", rows=2)


class HolidayForm(PlainAct):
    on_record = ("day", "name")

    day = DayField()
    name = forms.CharField(max_length=100)
    reason = words("Why", rows=2)

    def clean_day(self) -> Any:
        day = self.cleaned_data["day"]
        if type(self.record)._default_manager.filter(day=day).exists():
            raise ValidationError("This day is on the list already.")
        return day
