"""Declares an emergency from Slack: the six answers of the declare form in a dialog."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from changes.authority import Deciders
from changes.declaring import declare
from changes.forms import DeclareForm
from changes.models import Approval, EmergencyChange
from ecportal.accounts.models import User
from ecportal.accounts.permissions import may
from ecportal.integrations import slack_blocks as blocks
from ecportal.integrations.slack_dialogs import DECLARE, DIALOGS, Dialog, Opening, Refused
from incidents.models import Determination, Incident

OFFERED: Final = 50
"""Incidents that are still open, the newest; any other is declared in the portal."""

SAID: Final = ("said_by", "channel", "said")


def ask(person: User, opening: Opening) -> dict[str, Any]:
    """Return the dialog: `opening.said` names the incident, or says what will be changed."""
    page = f"{settings.PORTAL_URL}{reverse('admin:changes_emergencychange_declare_any')}"
    if not may(person, "open", EmergencyChange):
        raise Refused(all="Your role does not include opening emergency changes. Ask an Engineer.")
    live = Incident.objects.live().order_by("-pk").prefetch_related("affected")
    incidents = list(live[:OFFERED])
    if not incidents:
        raise Refused(all=f"No incident is open. Record it and declare the emergency: {page}")
    said = opening.said.strip()
    named = next((one for one in incidents if one.number == said.upper()), None)
    form = DeclareForm(incident=named or incidents[0], user=person)
    fields = [
        blocks.choice("incident", "Which incident?", _incidents(incidents),
                      value=(named or incidents[0]).pk),
        blocks.choice("criterion", _label(form, "criterion"), Determination.Criterion.choices),
        blocks.line("why_not_normal", _label(form, "why_not_normal")),
        blocks.line("scope", _label(form, "scope"), value="" if named else said,
                    hint=str(form.fields["scope"].help_text)),
        blocks.choice("risk", _label(form, "risk"), EmergencyChange.Risk.choices),
        blocks.line("rollback_plan", _label(form, "rollback_plan")),
        blocks.choice("route", _label(form, "route"), form.fields["route"].choices,  # type: ignore[attr-defined]
                      value=DeclareForm.ASK),
        *_said_fields(incidents, person),
    ]  # fmt: skip
    return blocks.dialog(DECLARE, "Declare an emergency", "Declare", fields, "")


def _incidents(incidents: list[Incident]) -> list[tuple[int, str]]:
    return [(one.pk, f"{one.get_severity_display()} {one}") for one in incidents]


def _label(form: DeclareForm, name: str) -> str:
    return str(form.fields[name].label)


def _said_fields(incidents: list[Incident], person: User) -> list[blocks.Block]:
    """Return what is asked only of who says that a Lead already said yes.

    Whoever may decide on any of the incidents is offered: it is chosen in the same dialog.
    """
    deciders = Deciders()
    systems = {tuple(link.system_id for link in one.affected.all()) for one in incidents}
    able = {lead for some in systems for lead in deciders.on(some, besides=[person.pk])}
    leads = [(lead.pk, str(lead)) for lead in deciders.leads if lead in able]
    if not leads:
        return []
    return [
        blocks.choice("said_by", "Only then: who said yes?", leads, optional=True),
        blocks.choice("channel", "How?", Approval.Channel.choices, optional=True),
        blocks.line("said", "What was said?", optional=True),
    ]


def submit(person: User, answers: Mapping[str, str], private: str) -> str:
    """Declare it as the form on the page does, by the same rules and with the same sentences."""
    key = answers.get("incident", "")
    found = Incident.objects.filter(pk=int(key)) if _is_key(key) else Incident.objects.none()
    incident = found.prefetch_related("affected__system").first()
    if incident is None:
        raise Refused(incident="Choose one of the incidents.")
    names = (*DeclareForm.REQUIRED, *SAID)
    form = DeclareForm({name: answers.get(name, "") for name in names}, incident=incident,
                       user=person)  # fmt: skip
    if not form.is_valid():
        raise Refused(**{
            name if name in names else "incident": sentence
            for name, sentence in form.sentences().items()
        })  # fmt: skip
    change = declare(incident, form.cleaned_data, by=person)
    return f"{change.number} declared by {person}."


def _is_key(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


DIALOGS[DECLARE] = Dialog(ask, submit)
