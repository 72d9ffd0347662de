"""People in Slack: they press buttons, send dialogs and type commands, signed as Slack does."""

import itertools
import json
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from ecportal import clock
from ecportal.integrations.working import work_off
from ecportal.outbox.publishing import deliver
from tests.integrations.channels.servers import SlackServer
from tests.integrations.channels.told import CHANNEL, SLACK_SECRET
from tests.integrations.sending import hexed

TEAM = "T1"
_triggers = itertools.count(1)


def post(path: str, body: bytes, *, stamp: int | None = None, secret: str = SLACK_SECRET) -> Any:
    """Post a body as Slack signs it; return the response."""
    at = int(clock.now().timestamp()) if stamp is None else stamp
    headers = {
        "X-Slack-Request-Timestamp": str(at),
        "X-Slack-Signature": f"v0={hexed(secret, f'v0:{at}:'.encode() + body)}",
    }
    kind = "application/json" if body.startswith(b"{") else "application/x-www-form-urlencoded"
    return Client().generic(
        "POST", f"/hooks/slack/{path}/", body, content_type=kind, headers=headers
    )


def interact(payload: dict[str, Any]) -> Any:
    return post("interactive", urlencode({"payload": json.dumps(payload)}).encode())


def pressed(user: str, button: dict[str, Any], at: float | None = None, team: str = TEAM) -> Any:
    """Return what Slack sends when this user presses the button."""
    at = clock.now().timestamp() if at is None else at
    action = {"action_id": button["action_id"], "value": button.get("value", ""),
              "type": "button", "action_ts": f"{at:.6f}"}  # fmt: skip
    return {
        "type": "block_actions", "user": {"id": user, "name": "lead", "team_id": team},
        "team": {"id": TEAM}, "token": "out of use", "trigger_id": f"{next(_triggers)}.t",
        "container": {"type": "message", "channel_id": CHANNEL, "message_ts": "2.2",
                      "thread_ts": "1.1"},
        "response_url": "https://hooks.slack.test/actions/T1/1/x", "actions": [action],
    }  # fmt: skip


def press(user: str, button: dict[str, Any], **more: Any) -> Any:
    """Press it, have the worker work on it and tell Slack; return the response to the press."""
    response = interact(pressed(user, button, **more))
    work_off()
    deliver("slack")
    return response


def send(user: str, view: dict[str, Any], **answers: str) -> Any:
    """Send a dialog with these answers; return the response."""
    kinds = {block["block_id"]: block["element"]["type"]
             for block in view["blocks"] if block["type"] == "input"}  # fmt: skip
    values = {
        name: {"answer": {"type": kinds[name], "selected_option": {"value": value}}
               if kinds[name] == "static_select" else {"type": kinds[name], "value": value}}
        for name, value in answers.items()
    }  # fmt: skip
    return interact(
        {"type": "view_submission", "user": {"id": user, "team_id": TEAM}, "team": {"id": TEAM},
         "trigger_id": f"{next(_triggers)}.t",
         "view": {**view, "id": "V1", "state": {"values": values}}}
    )  # fmt: skip


def command(user: str, text: str = "", **more: str) -> Any:
    fields = {"command": "/emergency", "text": text, "team_id": TEAM, "user_id": user,
              "channel_id": CHANNEL, "trigger_id": f"{next(_triggers)}.t", **more}  # fmt: skip
    return post("commands", urlencode(fields).encode())


def buttons(slack: SlackServer, channel: str = CHANNEL) -> dict[str, dict[str, Any]]:
    """Return the buttons that stand in the channel now and decide something, by their verb."""
    return {
        element["action_id"]: element
        for message in slack.messages[channel]
        for block in message["blocks"]
        if block["type"] == "actions"
        for element in block["elements"]
        if element["action_id"] != "open"
    }


def texts(slack: SlackServer, channel: str = CHANNEL) -> list[str]:
    """Return the first line of each message in the channel, in order."""
    return [message["text"].split("\n")[0] for message in slack.messages[channel]]


def answers(slack: SlackServer) -> list[tuple[str, str]]:
    """Return what was said to one person alone: to whom, and what."""
    return [(one["user"], one["text"]) for one in slack.whispers]
