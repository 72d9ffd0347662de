"""Decisions made in Slack: by a button, or by the dialog that asks for the reason of a no."""

from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings
from django.db import IntegrityError
from django.urls import reverse

from changes.answering import answered_twice
from changes.decisions import STALE
from changes.forms import RejectForm
from changes.guards import waiting_claim
from changes.lifecycle import CHANGES
from changes.models import Approval, EmergencyChange
from ecportal.accounts.models import User
from ecportal.forms import Cards
from ecportal.integrations import slack_blocks as blocks
from ecportal.integrations import slack_people
from ecportal.integrations.facts import ActionHeard
from ecportal.integrations.hearing import hears
from ecportal.integrations.slack_dialogs import DIALOGS, REJECT, Dialog, Opening, Refused
from ecportal.lifecycle import TransitionRefused

REASONS: Final = {
    "approve": "Approved as shown in Slack.",
    "confirm_approval": "I approved it as written down; answered in Slack.",
}
SECONDS: Final = 5.0
"""For each of two questions about somebody whom Slack did not name when the button was pressed."""


@hears(ActionHeard)
def decide(heard: ActionHeard) -> str:
    """Decide as the person who pressed the button; a refusal is said to them alone."""
    change = EmergencyChange.objects.filter(number=heard.number).first()
    if change is None or heard.verb not in REASONS:
        return ""
    person = slack_people.meet(heard.team, heard.user, SECONDS)
    if person is None:
        _answer(heard, slack_people.NOBODY)
        return f"{heard.team}/{heard.user} has no account here."
    said = _said_before(change, heard.verb, person, heard.fingerprint)
    if said:
        _answer(heard, said)
        return said
    try:
        _perform(change, heard, person)
    except (TransitionRefused, IntegrityError) as refused:
        change = EmergencyChange.objects.get(pk=change.pk)
        sentence = str(refused) if isinstance(refused, TransitionRefused) else STALE
        if heard.verb == "approve" and _knows_of_approval(change, person):
            sentence = f"{change.approver} approved this already."
        sentence = _said_before(change, heard.verb, person, heard.fingerprint) or sentence
        _answer(heard, f"{sentence} {page_of(change)}")
        return f"{person} was refused: {sentence}"
    return f"{change.number}: {heard.verb} by {person}."


def _perform(change: EmergencyChange, heard: ActionHeard, person: User) -> None:
    """Ask every guard again, on exactly what the message showed."""
    refusal = CHANGES.refusal(change, heard.verb, person)
    if refusal is None and heard.fingerprint != change.fingerprint():
        raise TransitionRefused(STALE, "fingerprint")
    asked_at = change.submitted_at or heard.at  # by our clock; the press came after it
    seen = {"fingerprint": heard.fingerprint} if heard.verb == "approve" else {}
    CHANGES.perform(
        change,
        heard.verb,
        by=person,
        reason=REASONS[heard.verb],
        happened_at=max(heard.at, asked_at),
        **seen,
    )


def _knows_of_approval(change: EmergencyChange, person: User) -> bool:
    """Whether somebody approved it already, and this person may know."""
    seen = EmergencyChange.objects.visible_to(person).filter(pk=change.pk)
    return change.approver_id is not None and waiting_claim(change) is None and seen.exists()


def _said_before(change: EmergencyChange, verb: str, person: User, seen: str) -> str:
    rows = Approval.objects.filter(change=change)
    return answered_twice(change, rows, verb, person, seen) or ""


def _answer(heard: ActionHeard, text: str) -> None:
    subject = f"{heard.number}: answer to {heard.user} in Slack"
    escaped = blocks.escaped(text)
    slack_people.whisper(heard.channel, heard.user, escaped, subject=subject, thread=heard.thread)


def page_of(change: EmergencyChange) -> str:
    page = reverse("admin:changes_emergencychange_decide", args=[change.pk])
    return f"{settings.PORTAL_URL}{page}"


# --- the dialog of a no -------------------------------------------------------------------------
def ask_why(person: User, opening: Opening) -> dict[str, Any]:
    """Return the dialog, for whom the portal would let reject."""
    number, _space, fingerprint = opening.said.partition(" ")
    change = _named(number)
    said = _said_before(change, "reject", person, fingerprint)
    refusal = said or CHANGES.refusal(change, "reject", person)
    if not refusal and fingerprint != change.fingerprint():
        refusal = STALE
    if refusal:
        raise Refused(all=f"{refusal} {page_of(change)}")
    form = RejectForm(record=change, user=person)
    kind, why = form.fields["rejection"], form.fields["reason"]
    assert isinstance(kind.widget, Cards)
    kinds = [(key, f"{words}: {kind.widget.hints[key]}") for key, words in kind.widget.choices]
    fields = [
        *blocks.said(f"*{number}* {'' if change.confidential else blocks.escaped(change.title)}"),
        blocks.choice("rejection", str(kind.label), kinds),
        blocks.line("reason", str(why.label), hint=str(why.help_text)),
    ]
    return blocks.dialog(REJECT, f"Reject {number}", "Reject", fields, opening.said)


def reject(person: User, answers: Mapping[str, str], private: str) -> str:
    """Reject what the dialog was opened for, as the message showed it, by the form's rules."""
    number, _space, fingerprint = private.partition(" ")
    change = _named(number)
    form = RejectForm({**answers, "fingerprint": fingerprint}, record=change, user=person)
    if not form.is_valid():
        raise Refused(**form.sentences())
    CHANGES.perform(change, "reject", by=person, reason=form.reason_given(), **form.act_data())
    return f"{number} rejected by {person}."


def _named(number: str) -> EmergencyChange:
    change = EmergencyChange.objects.filter(number=number).first()
    if change is None:
        raise Refused(all="No change has this number.")
    return change


DIALOGS[REJECT] = Dialog(ask_why, reject)
