"""What may be typed to declare, change and submit an emergency change."""

from datetime import timedelta
from typing import Any

from django import forms
from django.utils import timezone

from changes.authority import deciders, deciders_on, with_delegates
from changes.forms.deciding import CALL_LOG_LIMIT
from changes.models import Approval, EmergencyChange, Policy
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.forms import (
    AskingForm,
    Cards,
    PlainAct,
    RevisingForm,
    link,
    moment,
    reads_as_written,
    words,
)
from incidents.forms import KINDS, people, system_choice
from incidents.models import Determination


class ReviseForm(RevisingForm):
    title = forms.CharField(max_length=200, validators=[reads_as_written])
    scope = words("What exactly will you change?")
    systems = system_choice()
    risk = forms.ChoiceField(choices=EmergencyChange.Risk, widget=Cards(look="segments"))
    risk_assessment = words("Risk assessment", required=False)
    rollback_plan = words("How do you go back if it makes things worse?")
    reason = words("Why it is changed", rows=2)

    def prepare(self) -> None:
        super().prepare()
        assert isinstance(self.record, EmergencyChange)
        self.fields["systems"].initial = self.record.systems.values_list("system", flat=True)


class SubmitForm(PlainAct):
    asked_approver = forms.ModelChoiceField(
        label="Whom do you ask?", queryset=User.objects.none(), required=False,
        empty_label="Whoever is first of the Leads",
    )  # fmt: skip
    reason = words("A word to the approver", rows=2)

    def prepare(self) -> None:
        assert isinstance(self.record, EmergencyChange)
        keys = [lead.pk for lead in deciders_on(self.record)]
        self.fields["asked_approver"].queryset = people().filter(pk__in=keys)  # type: ignore[attr-defined]
        self.fields["reason"].initial = "Asked for approval."


SAID_AT_LEAST = {
    "said_by": "Choose who said it.",
    "said": "Write what was said.",
    "channel": "Choose how it was said.",
}


class DeclareForm(AskingForm):
    """Six answers; the rest comes from the incident and the session."""

    ASK, CLAIM = "ask", "claim"

    criterion = forms.ChoiceField(
        label="What kind of emergency is it?",
        choices=Determination.Criterion,
        widget=Cards(KINDS),
    )
    why_not_normal = words("Why can it not wait for the normal process?", rows=2)
    scope = words(
        "What exactly will you change?", rows=2,
        help_text="The approver sees these words. Name versions, settings and counts.",
    )  # fmt: skip
    risk = forms.ChoiceField(
        label="How risky is the change itself?",
        choices=EmergencyChange.Risk,
        widget=Cards(look="segments"),
    )
    rollback_plan = words("How do you go back if it makes things worse?", rows=2)
    route = forms.ChoiceField(
        label="How do you get approval?",
        choices=[(ASK, "Ask in the portal"), (CLAIM, "A Lead already said yes")],
        widget=Cards(),
        initial=ASK,
    )
    # Filled in; there to be changed.
    title = forms.CharField(max_length=200, required=False, validators=[reads_as_written])
    systems = system_choice(required=False)
    imminence = forms.ChoiceField(
        label="Now or soon?", choices=Determination.Imminence, required=False
    )
    basis = forms.ChoiceField(label="Based on", choices=Determination.Basis, required=False)
    approver = forms.ModelChoiceField(
        label="Who decides", queryset=User.objects.none(), required=False,
        empty_label="Whoever is first of the Leads",
    )  # fmt: skip
    risk_assessment = words("More about the risk", required=False, rows=2)
    confidential = forms.BooleanField(
        label="Confidential: a security matter", required=False,
        help_text="Visible to Leads, Auditors and people it is shared with.",
    )  # fmt: skip
    # Only where a Lead already said yes.
    said_by = forms.ModelChoiceField(
        label="Who said yes?", queryset=User.objects.none(), required=False, empty_label="Choose"
    )
    said = words("What was said?", required=False, rows=2)
    channel = forms.ChoiceField(
        label="How?", choices=Approval.Channel, required=False, widget=Cards(look="segments"),
        initial=Approval.Channel.PHONE,
    )  # fmt: skip
    said_at = moment("When?", now=True)
    call_log = link("Link to the message or call log", limit=CALL_LOG_LIMIT)

    REQUIRED = ("criterion", "why_not_normal", "scope", "risk", "rollback_plan", "route")
    FILLED_IN = (
        "title", "systems", "imminence", "basis", "approver", "risk_assessment", "confidential",
    )  # fmt: skip
    SAID = ("said", "said_by", "said_at", "channel", "call_log")

    def __init__(self, *args: Any, incident: Any, user: User, **options: Any) -> None:
        super().__init__(*args, **options)
        affected = [link.system_id for link in incident.affected.all()]
        self.fields["title"].help_text = "Empty: the first line of what you will change."
        self.fields["systems"].initial = affected
        if incident.source_key:  # a machine told of it
            self.fields["basis"].initial = Determination.Basis.ALERT
        leads = deciders(affected, besides=[user.pk])
        named = people().filter(pk__in=[lead.pk for lead in leads])
        for name in ("approver", "said_by"):
            self.fields[name].queryset = named  # type: ignore[attr-defined]
        self.fields["said_by"].initial = leads[0].pk if leads else None
        self.first_lead = leads[0] if leads else None
        self.incident = incident
        self.stand_ins = with_delegates(leads[:1], affected, besides=[user.pk])[1:]
        if not self.is_bound:
            self.fields["criterion"].widget.attrs["autofocus"] = True
        self._tell_the_routes()

    def _tell_the_routes(self) -> None:
        """Say whom the portal asks, and by when a Lead must confirm what was said."""
        self.policy = Policy.in_force()
        time_left = timedelta(hours=self.policy.confirmation_hours)
        confirm_by = timezone.localtime(clock.now() + time_left)
        asked = f"We ask {self.first_lead} now." if self.first_lead else "Nobody can be asked yet."
        widget = self.fields["route"].widget
        widget.hints = {
            self.ASK: f"{asked} Wait for the answer.",
            self.CLAIM: f"To be confirmed in writing by {confirm_by:%a %H:%M}.",
        }

    def group(self, names: tuple[str, ...]) -> list[forms.BoundField]:
        return [self[name] for name in names]

    @property
    def required_fields(self) -> list[forms.BoundField]:
        return self.group(self.REQUIRED)

    @property
    def filled_in_fields(self) -> list[forms.BoundField]:
        return self.group(self.FILLED_IN)

    @property
    def filled_in_wrong(self) -> bool:
        return bool(set(self.FILLED_IN) & set(self.errors))

    @property
    def said_fields(self) -> list[forms.BoundField]:
        return self.group(self.SAID)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("route") == self.CLAIM:
            for name, sentence in SAID_AT_LEAST.items():
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, sentence)
        if not data.get("systems") and not self.incident.affected.all():
            self.add_error("systems", "Choose at least one system.")
        return data
