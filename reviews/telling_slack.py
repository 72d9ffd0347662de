"""What Slack is told of a change: an announcement, then one thread with each step and question."""

from typing import Any

from django.conf import settings
from django.dispatch import receiver

from changes.models import EmergencyChange
from ecportal.integrations.systems import is_told
from ecportal.lifecycle import Act, transitioned
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import newest_of, tell
from reviews import words_for_slack as words

Channel = Message.Channel


def tell_slack(change: EmergencyChange, act: Act, done: str, *, begins: bool) -> None:
    """Announce the change by its first act, say the others in its thread; ask what is to decide.

    Whichever act answers a question takes its buttons away, wherever it was done.
    """
    said = _said_of(change)
    if not said and not begins:
        return
    if not said:
        root = {"act": "announce", **words.announcement(change, done)}
        _say(change, f"{change.number}: announcement", root)
        if act.verb != "submit":
            _say(change, f"{change.number} {done}", {"act": "say", **words.step(change, act, done)})
    else:
        step = {"act": "say", **words.step(change, act, done)}
        step["root"] = words.announcement(change, done)
        _say(change, f"{change.number} {done}", step | _answer(said, change, act, done))
    _ask(change)


def _answer(
    said: list[tuple[int, dict[str, Any]]], change: EmergencyChange, act: Act, done: str
) -> dict[str, Any]:
    """Return what takes the place of the question that is open, if one is."""
    answered = {payload.get("settles") for _pk, payload in said}
    waiting = [(pk, told) for pk, told in said if told.get("asks") and pk not in answered]
    if not waiting:
        return {}
    pk, told = waiting[-1]
    return {"settles": pk, "settled": words.settled(told["blocks"], change, act, done)}


def _ask(change: EmergencyChange) -> None:
    question = words.question(change)
    if question is not None:
        _say(change, f"{change.number}: question", {"act": "say", "asks": True, **question})


def _said_of(change: EmergencyChange) -> list[tuple[int, dict[str, Any]]]:
    found = Message.objects.exclude(channel=Channel.EMAIL)  # as the index has it
    rows = found.filter(channel=Channel.SLACK, thread=change.number).order_by("pk")
    return list(rows.values_list("pk", "payload"))


def _say(change: EmergencyChange, subject: str, payload: dict[str, Any]) -> None:
    newest = newest_of(change.number, Channel.SLACK)
    where = settings.SLACK_CHANNELS.get(change.incident.severity, settings.SLACK_CHANNEL)
    address = newest.address if newest else where
    tell(Channel.SLACK, address, payload, subject=subject, thread=change.number, after=newest)


@receiver(transitioned, sender=EmergencyChange)
def ask_anew(record: EmergencyChange, act: Act, **_: object) -> None:
    """Ask again what is open when a correction is added: nobody decides on what they do not see."""
    if act.verb != "correct" or not is_told(Channel.SLACK):
        return
    said = _said_of(record)
    answer = _answer(said, record, act, "corrected") if said else {}
    if answer:
        step = {"act": "say", **words.step(record, act, "corrected")}
        _say(record, f"{record.number} corrected", step | answer)
        _ask(record)
