"""Answers Slack while a person waits: keeps buttons for the worker, opens and takes dialogs.

A dialog opens within three seconds of the press or not at all, and says at once what is wrong with
the answers; both therefore happen in the request. What is decided by a button is the worker's.
"""

import contextlib
import logging
from typing import Any, Final
from urllib.parse import parse_qsl

from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpResponse, JsonResponse

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import context
from ecportal.integrations import receiving, signatures, slack, slack_people
from ecportal.integrations.channels.answers import Unsent
from ecportal.integrations.channels.slack_calls import Slack
from ecportal.integrations.endpoints import ENDPOINTS, Endpoint, Received
from ecportal.integrations.models import Delivery, System
from ecportal.integrations.reading import Malformed, clean, decode, lenient_text, payload_in
from ecportal.integrations.slack_dialogs import (
    DECLARE,
    DIALOGS,
    Dialog,
    Opening,
    Refused,
    answers_in,
)
from ecportal.lifecycle import TransitionRefused

logger = logging.getLogger(__name__)

AT_ONCE: Final = 0.8
"""Seconds for each of at most three questions to Slack before a dialog has to be open."""

SLOW: Final = "Slack and the portal did not understand each other in time. Try again, or go to"
CROWDED: Final = "Somebody did the same at this moment. Look in the portal, then try again."


def interactive(received: Received) -> HttpResponse:
    """Take the press of a button, a shortcut, or the answers of a dialog."""
    payload = decode(payload_in(received.body))
    kind = lenient_text(payload, "type")
    if kind == "view_submission":
        return _submitted(received, payload)
    if kind == "block_actions":
        _meet_who_decides(payload)
    if not receiving.store(received, payload):
        return HttpResponse()
    if kind == "block_actions":
        action = slack.first_action(payload)
        name, value = lenient_text(action, "action_id"), lenient_text(action, "value")
    else:  # a shortcut
        name, value = lenient_text(payload, "callback_id"), ""
    if name in DIALOGS:
        channel = lenient_text(payload, "container", "channel_id")
        refusal = _open(payload, name, Opening(value))
        user = lenient_text(payload, "user", "id")
        thread = lenient_text(payload, "container", "thread_ts")
        if refusal and channel and user:
            subject = f"To {user} in Slack: no dialog"
            slack_people.whisper(channel, user, refusal, subject=subject, thread=thread)
    return HttpResponse()


def _meet_who_decides(payload: dict[str, Any]) -> None:
    """Ask here who presses a button that decides: the worker would wait for it with its locks."""
    name = lenient_text(slack.first_action(payload), "action_id")
    if name in slack.HEARD and settings.SLACK_BOT_TOKEN:
        with contextlib.suppress(Unsent):
            slack_people.meet(*slack.who(payload), AT_ONCE)


def events(received: Received) -> HttpResponse:
    """Answer the challenge at once; keep everything else."""
    payload = decode(received.body)
    if payload.get("type") == "url_verification":
        return JsonResponse({"challenge": lenient_text(payload, "challenge")})
    receiving.store(received, payload)
    return HttpResponse()


def command(received: Received) -> HttpResponse:
    """Open the dialog that declares an emergency, for `/emergency` or whatever it is called."""
    try:
        pairs = parse_qsl(received.body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise Malformed("It is no form.") from None
    payload: dict[str, Any] = dict(pairs)
    if not payload.get("command"):
        raise Malformed("It names no command.")
    if not receiving.store(received, payload, came_of_it="A dialog was asked for."):
        return HttpResponse()
    said = Opening(lenient_text(payload, "text"))
    refusal = _open(payload, DECLARE, said)
    return JsonResponse({"response_type": "ephemeral", "text": refusal}) if refusal else (
        HttpResponse()
    )  # fmt: skip


def _open(payload: dict[str, Any], name: str, opening: Opening) -> str:
    """Open the dialog; return why it cannot be, or nothing."""
    if not settings.SLACK_BOT_TOKEN:
        return f"Dialogs are not set up. Go to {settings.PORTAL_URL}/"
    try:
        person = slack_people.meet(*slack.who(payload), AT_ONCE)
        if person is None:
            return slack_people.NOBODY
        view = DIALOGS[name].ask(person, opening)
        trigger = lenient_text(payload, "trigger_id")
        Slack(AT_ONCE).write("views_open", trigger_id=trigger, view=view)
    except Refused as refused:
        return str(refused)
    except Unsent as unsent:
        logger.warning("Slack did not open a dialog: %s", unsent)
        return f"{SLOW} {settings.PORTAL_URL}/"
    return ""


def _submitted(received: Received, payload: dict[str, Any]) -> HttpResponse:
    """Do what the dialog asks for, or say in the dialog what is wrong; nothing is saved then."""
    view = payload.get("view")
    dialog = DIALOGS.get(lenient_text(view, "callback_id"))
    if dialog is None:
        receiving.store(received, payload)
        return HttpResponse()
    with transaction.atomic():
        # Kept first: of two that come at once the second waits here, and has no effect.
        delivery = receiving.store(received, payload, came_of_it="The dialog was sent.")
        if delivery is None:
            return HttpResponse()
        errors = _errors(dialog, payload)
        if errors:
            words = f"Refused: {' '.join(errors.values())}"[:2000]
            kept = Delivery.objects.filter(pk=delivery.pk)
            kept.update(outcome=Delivery.Outcome.IGNORED, answer=clean(words))
    if not errors:
        return HttpResponse()
    return JsonResponse({"response_action": "errors", "errors": _at_fields(view, errors)})


def _errors(dialog: Dialog, payload: dict[str, Any]) -> dict[str, str]:
    """Have the dialog done as whoever sent it; return what is wrong, by field, or nothing."""
    person = slack_people.person_of(*slack.who(payload))
    if person is None:
        return {"": slack_people.NOBODY}
    view = payload.get("view")
    answers, private = answers_in(view), lenient_text(view, "private_metadata")
    try:
        with context.coming_from(_origin(person, payload)):
            dialog.submit(person, answers, private)
    except Refused as refused:
        return refused.errors
    except TransitionRefused as refused:
        return {refused.field or "": refused.sentence}
    except IntegrityError:
        return {"": CROWDED}
    return {}


def _origin(person: User, payload: dict[str, Any]) -> context.Origin:
    trigger = lenient_text(payload, "trigger_id")[:60]
    return context.Origin(person.pk, person.username, request_id=f"Slack dialog {trigger}")


def _at_fields(view: object, errors: dict[str, str]) -> dict[str, str]:
    """Return the sentences by fields of the dialog; what belongs to none stands at the first."""
    blocks = view.get("blocks") if isinstance(view, dict) else None
    fields = [
        lenient_text(one, "block_id")
        for one in (blocks if isinstance(blocks, list) else ())
        if lenient_text(one, "type") == "input"
    ] or ["reason"]
    shown: dict[str, str] = {}
    for name, sentence in errors.items():
        field = name if name in fields else fields[0]
        shown[field] = f"{shown[field]} {sentence}" if field in shown else sentence
    return shown


def _check(headers: Any, body: bytes) -> bool:
    return signatures.slack(headers, body, settings.SLACK_SIGNING_SECRETS, clock.now())


for _name, _answer in (("interactive", interactive), ("events", events), ("commands", command)):
    ENDPOINTS[f"slack/{_name}"] = Endpoint(
        System.SLACK, ("SLACK_SIGNING_SECRETS",), _check, answer=_answer
    )
