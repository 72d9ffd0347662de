"""What may be typed about incidents and systems."""

from django import forms
from django.db.models import QuerySet

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from ecportal.forms import (
    ActForm,
    Cards,
    Choices,
    PlainAct,
    RevisingForm,
    moment,
    reads_as_written,
    words,
)
from incidents.models import Determination, Incident, System

KINDS: dict[str, str] = {
    Determination.Criterion.OUTAGE: "Customers are affected.",
    Determination.Criterion.SECURITY: "Being exploited, or exposed.",
    Determination.Criterion.INTEGRITY: "Data is lost or wrong.",
}
"""When it is which kind of emergency, in a line each."""


def system_choice(*, required: bool = True) -> Choices:
    return Choices(
        label="Affected systems",
        queryset=System.objects.filter(status=System.Status.ACTIVE),
        required=required,
    )


def people() -> QuerySet[User]:
    """Return the Engineers and Leads who are active: those who can be given something to do."""
    keys = User.objects.filter(is_active=True, groups__name__in=(roles.ENGINEER, roles.LEAD))
    return User.objects.filter(pk__in=keys.values("pk")).order_by("first_name", "username")


class RecordIncidentForm(ActForm):
    on_record: tuple[str, ...] = ("title", "severity", "began_at", "description", "source_url")
    asks_when = False

    title = forms.CharField(
        max_length=200,
        validators=[reads_as_written],
        widget=forms.TextInput(attrs={"autofocus": True}),
    )
    severity = forms.TypedChoiceField(
        choices=Incident.Severity, coerce=int, widget=Cards(look="segments"), initial=1
    )
    systems = system_choice()
    began_at = moment("Began or was detected", required=True)
    description = words("Description", required=False)
    source_url = forms.URLField(
        label="Link", required=False, max_length=500, assume_scheme="https",
        help_text="The alert, the ticket or the channel.",
    )  # fmt: skip
    reason = words("How we noticed", help_text="Monitoring, an alert, customers…", rows=2)

    def prepare(self) -> None:
        self.fields["began_at"].initial = clock.now()


class NewIncidentForm(RecordIncidentForm):
    """As much of a new incident as declaring an emergency needs; the rest can be added later."""

    on_record = ("title", "severity", "began_at")

    def prepare(self) -> None:
        super().prepare()
        for name in ("description", "source_url", "reason"):
            del self.fields[name]
        self.fields["title"].label = "What is broken?"
        if Incident.objects.live().exists():
            del self.fields["title"].widget.attrs["autofocus"]
        self.fields["systems"].label = "Which systems?"
        self.fields["severity"].label = "How bad is it?"
        self.fields["began_at"].label = "Since when?"

    def reason_given(self) -> str:
        return "Recorded to declare an emergency."


class ReviseIncidentForm(RevisingForm):
    title = forms.CharField(max_length=200, validators=[reads_as_written])
    severity = forms.TypedChoiceField(
        choices=Incident.Severity, coerce=int, widget=Cards(look="segments")
    )
    systems = system_choice()
    description = words("Description", required=False)
    source_url = forms.URLField(label="Link", required=False, max_length=500, assume_scheme="https")

    def prepare(self) -> None:
        super().prepare()
        assert isinstance(self.record, Incident)
        self.fields["systems"].initial = self.record.affected.values_list("system", flat=True)


class NoteForm(ActForm):
    reason = words("Note")


class DetermineForm(ActForm):
    """Step 1 by itself, for the record; declaring an emergency asks the same."""

    from_link = ("verdict",)

    verdict = forms.ChoiceField(
        label="Is it an emergency?",
        choices=Determination.Verdict,
        widget=Cards(),
        initial=Determination.Verdict.EMERGENCY,
    )
    criterion = forms.ChoiceField(
        label="What kind of emergency?",
        choices=Determination.Criterion,
        widget=Cards(KINDS),
        required=False,
    )
    imminence = forms.ChoiceField(
        label="Now or soon?",
        choices=Determination.Imminence,
        widget=Cards(look="segments"),
        initial=Determination.Imminence.OCCURRING,
    )
    basis = forms.ChoiceField(
        label="Based on",
        choices=Determination.Basis,
        widget=Cards(look="segments"),
        initial=Determination.Basis.MONITORING,
    )
    reason = words("Why the normal process cannot be used, or why it can")


class NameField(forms.Form):
    """A name that no other system has."""

    name = forms.CharField(max_length=100)

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        others = System.objects.filter(name__iexact=name)
        if others.exclude(pk=self.record.pk).exists():  # type: ignore[attr-defined]
            raise forms.ValidationError("A system has this name already.")
        return name


class SystemForm(NameField, ActForm):
    on_record = ("name",)
    asks_when = False

    description = words("Description", required=False)
    reason = words("Why", rows=2)


class ReviseSystemForm(NameField, RevisingForm):
    description = words("Description", required=False)


class ScopeForm(PlainAct):
    """Names the Lead who gets or loses the right to decide on a system."""

    person = forms.ModelChoiceField(queryset=User.objects.none(), label="Lead")

    def prepare(self) -> None:
        leads = people().filter(groups__name=roles.LEAD)
        self.fields["person"].queryset = leads  # type: ignore[attr-defined]
