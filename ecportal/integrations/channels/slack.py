"""Slack is told: an announcement for each change, its thread, and what became of each question."""

from typing import Any, Final

from django.conf import settings

from ecportal.accounts.models import User
from ecportal.integrations import remote
from ecportal.integrations.channels.answers import Result, Unsent, answered, away, needed
from ecportal.integrations.channels.slack_calls import EVENT, Slack
from ecportal.integrations.models import RemoteObject, System
from ecportal.integrations.slack_people import PERSON
from ecportal.integrations.systems import PROBES, TABLES, Table
from ecportal.outbox.channels import CHANNELS, Answer
from ecportal.outbox.models import Message

THREAD, REPLY = "thread", "reply"
"""Kinds of objects: the announcement, whose thread it is, and what was said in that thread."""

NOT_THERE: Final = {"message_not_found", "cant_update_message", "edit_window_closed"}
UNHEARD: Final = {"user_not_in_channel", "user_not_found", "cannot_dm_bot"}


class SlackChannel:
    """Tells Slack; a message's address is the channel.

    Payload: `text` and `blocks`, and `act`: `announce` begins the thread of the record, `say`
    replies in it, `whisper` is seen by `user` alone. With `say`, `settles` is the key of an
    earlier message whose question is answered and `settled` what stands there now, and `root` what
    the announcement says now; both as text and blocks.
    """

    batch_seconds = 45.0

    def send(self, message: Message) -> Answer:
        if not settings.SLACK_BOT_TOKEN:
            return away("Slack is not configured any more.")
        return answered(lambda: self._do(message))

    def _do(self, message: Message) -> Answer:
        acts = {"announce": self._announce, "say": self._say, "whisper": self._whisper}
        return Answer(Result.SENT, acts[message.payload["act"]](Slack(), message))

    def close(self) -> None:
        """Nothing is kept open between requests."""

    def probe(self) -> Answer:
        """Ask who the bot is, and whether it is in the channel; changes nothing."""
        return answered(self._ask_who)

    def _ask_who(self) -> Answer:
        slack = Slack()
        bot = slack.read("auth_test")
        channel = slack.read("conversations_info", channel=settings.SLACK_CHANNEL)["channel"]
        name = f"#{channel.get('name', settings.SLACK_CHANNEL)}"
        if channel.get("is_member") is False:
            return Answer(Result.REFUSED, f"{bot.get('user')} is not in {name}. Invite it there.")
        return Answer(Result.SENT, f"{bot.get('user')} of {bot.get('team')} speaks in {name}.")

    # --- acts -----------------------------------------------------------------------------------
    def _announce(self, slack: Slack, message: Message) -> str:
        root = remote.found(System.SLACK, THREAD, message.thread)
        if root is None:
            since = f"{message.written_at.timestamp() - 300:.6f}"
            posted = _post(slack, message, message.address, since=since)
            root = _kept(THREAD, *posted, message.thread)
        if not root.url:
            channel, ts = root.key.split(":")
            said = slack.read("chat_getPermalink", channel=channel, message_ts=ts)
            link = needed(said, "permalink")
            if link.startswith(("https://", "http://")):  # people follow it from the portal
                RemoteObject.objects.filter(pk=root.pk).update(url=link[:2000])
        return f"{message.thread} is announced."

    def _say(self, slack: Slack, message: Message) -> str:
        root = remote.found(System.SLACK, THREAD, message.thread)
        if root is None:
            words = f"{message.thread} is not announced yet: see the message that does it."
            raise Unsent(Answer(Result.DEFERRED, words))
        channel, ts = root.key.split(":")
        known = remote.found(System.SLACK, REPLY, remote.marker(message))
        if known is None:
            _kept(REPLY, *_post(slack, message, channel, root=ts), remote.marker(message))
        told = message.payload
        if told.get("settles"):
            asked = Message.objects.get(pk=told["settles"])
            question = remote.found(System.SLACK, REPLY, remote.marker(asked))
            if question is not None:
                _update(slack, question, told["settled"])
        if told.get("root"):
            _update(slack, root, told["root"])
        return "Said in the thread."

    def _whisper(self, slack: Slack, message: Message) -> str:
        told = message.payload
        try:
            slack.write(
                "chat_postEphemeral", channel=message.address, user=told["user"],
                text=told["text"], thread_ts=told["thread"] or None,
            )  # fmt: skip
        except Unsent as unsent:
            if unsent.answer.text not in UNHEARD:
                raise
            return "Who pressed the button has left the channel."
        return "Said to one person alone."


def _post(slack: Slack, message: Message, channel: str, **place: str) -> tuple[str, str]:
    """Say it in the channel or in a thread, unless an earlier attempt did; return channel and ts.

    Slack knows no key of a request: what broke off is looked for by its metadata first.
    """
    if message.attempts > 1:
        found = slack.find(channel, message.message_id, **place)
        if found:
            return channel, found
    payload = {"message": message.message_id, "thread": message.thread}
    said = slack.write(
        "chat_postMessage", channel=channel, text=message.payload["text"],
        blocks=_named(message.payload["blocks"], message.message_id),
        metadata={"event_type": EVENT, "event_payload": payload},
        thread_ts=place.get("root"), unfurl_links=False, unfurl_media=False,
    )  # fmt: skip
    return str(said.get("channel") or channel), needed(said, "ts")


def _named(blocks: list[dict[str, Any]], message_id: str) -> list[dict[str, Any]]:
    """Return the blocks, of which the first is named after the message."""
    return [{**blocks[0], "block_id": message_id}, *blocks[1:]] if blocks else []


def _update(slack: Slack, there: RemoteObject, told: dict[str, Any]) -> None:
    channel, ts = there.key.split(":")
    try:
        slack.write("chat_update", channel=channel, ts=ts, text=told["text"], blocks=told["blocks"])
    except Unsent as unsent:
        if unsent.answer.text not in NOT_THERE:  # somebody over there removed it
            raise


def _kept(kind: str, channel: str, ts: str, thread: str) -> RemoteObject:
    remote.remember(System.SLACK, kind, f"{channel}:{ts}", thread=thread)
    return RemoteObject.objects.get(system=System.SLACK, kind=kind, key=f"{channel}:{ts}")


def tables() -> list[Table]:
    """Return where changes are announced, and who in Slack is who here."""
    rows = {"All others": settings.SLACK_CHANNEL or "Nowhere"}
    rows = {f"SEV-{one}": where for one, where in sorted(settings.SLACK_CHANNELS.items())} | rows
    known = dict(
        RemoteObject.objects.filter(system=System.SLACK, kind=PERSON).values_list("key", "thread")
    )
    people = User.objects.in_bulk([int(key) for key in known.values()])
    accounts = {key: f"{people[int(pk)]} ({people[int(pk)].username})" for key, pk in known.items()}
    return [
        Table("Severity of the incident, and channel", rows),
        Table("Person in Slack (workspace and user), and account here", accounts),
    ]


CHANNELS[str(Message.Channel.SLACK)] = SlackChannel
PROBES[str(System.SLACK)] = lambda: SlackChannel().probe()
TABLES[str(System.SLACK)] = tables
