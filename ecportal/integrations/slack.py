"""What Slack sends, read: a button that decides becomes a fact; everything else says nothing here.

Dialogs are answered while the person waits, by `slack_requests`, and events are only kept.
"""

from datetime import UTC, datetime
from typing import Final

from ecportal.integrations.facts import ActionHeard, Fact
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    EARLIEST,
    Envelope,
    Headers,
    Holder,
    Unreadable,
    lenient_text,
    objects,
    part,
    text,
)

HEARD: Final = frozenset({"approve", "confirm_approval"})
"""The buttons that decide at once, by their `action_id`, which is the verb."""


def envelope(payload: Holder, headers: Headers) -> Envelope:
    """Name a delivery by what Slack calls it: event, press of a button, or request of a dialog."""
    kind = lenient_text(payload, "type")
    if kind == "event_callback":
        return Envelope(
            delivery_id=lenient_text(payload, "event_id"),
            event=lenient_text(payload, "event", "type"),
            at=_moment(lenient_text(payload, "event_time")),
        )
    person = "/".join(who(payload))
    if kind == "block_actions":
        action = first_action(payload)
        name, at = lenient_text(action, "action_id"), lenient_text(action, "action_ts")
        about = lenient_text(action, "value").partition(" ")[0]
        named = f"{at}:{person}:{name}:{about}" if at else ""
        return Envelope(delivery_id=named, event=f"{kind} {name}", at=_moment(at), about=about)
    trigger = lenient_text(payload, "trigger_id")
    name = lenient_text(payload, "view", "callback_id") or lenient_text(payload, "callback_id")
    name = name or lenient_text(payload, "command")
    return Envelope(
        delivery_id=f"{trigger}:{person}" if trigger else "",
        event=" ".join(filter(None, (kind, name))),
    )


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return what a button says that decides at once; its value is number and fingerprint."""
    if payload.get("type") != "block_actions":
        return []
    found: list[Fact] = []
    team, user = who(payload)
    for action in objects(payload, "actions"):
        verb = text(action, "action_id", "The button")
        if verb not in HEARD:
            continue
        at = _moment(text(action, "action_ts", "The button", required=True))
        if at is None or not (team and user):
            raise Unreadable("The button does not say when, where and by whom it was pressed.")
        number, _space, fingerprint = text(action, "value", "The button").partition(" ")
        container = part(payload, "container")
        message = text(container, "message_ts", "The message")
        found.append(
            ActionHeard(
                system=System.SLACK,
                key=f"{text(action, 'action_ts', 'The button')}:{user}",
                at=at,
                verb=verb,
                number=number,
                fingerprint=fingerprint,
                team=team,
                user=user,
                channel=text(container, "channel_id", "The message"),
                thread=text(container, "thread_ts", "The message")
                or lenient_text(payload, "message", "thread_ts")
                or message,
            )
        )
    return found


def who(payload: Holder) -> tuple[str, str]:
    """Return workspace and id of who acted; the name beside them can be changed by anybody."""
    home = lenient_text(payload, "user", "team_id")
    team = lenient_text(payload, "team", "id") or lenient_text(payload, "team_id")
    user = lenient_text(payload, "user", "id") or lenient_text(payload, "user_id")
    return home or team, user


def first_action(payload: Holder) -> Holder:
    actions = payload.get("actions")
    first = actions[0] if isinstance(actions, list) and actions else {}
    return first if isinstance(first, dict) else {}


def _moment(stamp: str) -> datetime | None:
    """Return the time that Slack writes as seconds since 1970, with a fraction or without."""
    whole, _point, fraction = stamp.partition(".")
    if not (whole.isascii() and whole.isdecimal() and len(whole) <= 11):
        return None
    if not fraction.isascii() or (fraction and not fraction.isdecimal()):
        return None
    try:
        moment = datetime.fromtimestamp(float(f"{whole}.{fraction[:6] or 0}"), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment >= EARLIEST else None
