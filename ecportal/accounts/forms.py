"""What may be typed about people."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password

from ecportal.accounts.models import User, validate_time_zone
from ecportal.accounts.roles import ROLES
from ecportal.forms import PlainAct, RevisingForm, moment, words


class DetailFields(forms.Form):
    first_name = forms.CharField(max_length=150)
    last_name = forms.CharField(max_length=150, required=False)
    email = forms.EmailField(label="E-mail address", max_length=254)
    time_zone = forms.CharField(
        max_length=60, required=False, validators=[validate_time_zone],
        help_text="Such as Europe/Berlin. Empty: the company’s.",
    )  # fmt: skip
    access_from = moment("Access from", help_text="Empty: at once.")
    access_until = moment("Access until", help_text="Empty: no end. For auditors, set both.")

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        begins, ends = data.get("access_from"), data.get("access_until")
        if begins and ends and ends <= begins:
            self.add_error("access_until", "Access must end after it begins.")
        return data


class EnrollForm(DetailFields, PlainAct):
    on_record = (
        "username", "first_name", "last_name", "email", "time_zone", "access_from", "access_until",
    )  # fmt: skip

    username = forms.CharField(max_length=150, validators=[User.username_validator])
    password = forms.CharField(
        label="First password", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        validators=[validate_password], help_text="They can change it after signing in.",
    )  # fmt: skip
    reason = words("Why", rows=2)

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if User.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError("Somebody has this user name already.")
        return name


class ReviseForm(DetailFields, RevisingForm):
    reason = words("Why", rows=2)


class RoleForm(PlainAct):
    role = forms.ModelChoiceField(queryset=Group.objects.none())

    def prepare(self) -> None:
        self.fields["role"].queryset = Group.objects.filter(name__in=ROLES)  # type: ignore[attr-defined]
