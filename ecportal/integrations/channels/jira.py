"""Jira is told: an issue for each change, and on it links, comments, its status, the evidence."""

from typing import IO, Any, Final, cast

from django.conf import settings
from django.core.files.storage import storages

from ecportal.integrations import remote
from ecportal.integrations.channels.answers import Result, Unsent, answered, away, refuse
from ecportal.integrations.channels.jira_calls import Jira
from ecportal.integrations.models import System
from ecportal.integrations.systems import PROBES, TABLES, Table
from ecportal.outbox.channels import CHANNELS, Answer
from ecportal.outbox.models import Message

LONGEST_SUMMARY: Final = 250
LONGEST_TEXT: Final = 30_000
LARGEST_FILE: Final = 10 * 1024 * 1024
"""What every Jira takes unless told otherwise; a larger pack is linked."""

TOO_LARGE: Final = 413
ISSUE: Final = "issue"


class JiraChannel:
    """Tells Jira about the record that is the message's thread; its address is the project.

    Payload by `act`: `create` (summary, text, labels, fields), `comment` (text), `move` (to),
    `link` (to), `point` (id, url, title), `attach` (storage, file, name, size, url).
    """

    batch_seconds = 45.0

    def __init__(self) -> None:
        self._jira: Jira | None = None

    def send(self, message: Message) -> Answer:
        if not settings.JIRA_URL:
            return away("Jira is not configured any more.")
        return answered(lambda: self._do(message))

    def _do(self, message: Message) -> Answer:
        acts = {"create": self._create, "comment": self._comment, "move": self._move,
                "link": self._link, "point": self._point, "attach": self._attach}  # fmt: skip
        jira = self._opened()
        jira.caller.begin()
        return Answer(Result.SENT, acts[message.payload["act"]](jira, message))

    def close(self) -> None:
        if self._jira is not None:
            self._jira.caller.close()
        self._jira = None

    def probe(self) -> Answer:
        """Ask who the portal is over there, and for its type of issue; changes nothing."""
        try:
            return answered(self._ask_who)
        finally:
            self.close()

    def _ask_who(self) -> Answer:
        jira = self._opened()
        name, kind = jira.myself(), jira.issue_type()
        words = f"Signed in as {name}; issues in {settings.JIRA_PROJECT} get the type {kind}."
        return Answer(Result.SENT, words)

    def _opened(self) -> Jira:
        if self._jira is None:
            self._jira = Jira()
        return self._jira

    # --- acts: each returns what was done, and does once what is asked for twice ----------------
    def _create(self, jira: Jira, message: Message) -> str:
        known = remote.found(System.JIRA, ISSUE, message.thread)
        if known is not None:
            return f"{known.key} stands for it already."
        payload, own = message.payload, label_of(message.thread)
        key = jira.with_label(own) if message.attempts > 1 else None
        words = "was there already" if key else "created"
        if key is None:
            fields = {
                "summary": " ".join(payload["summary"].split())[:LONGEST_SUMMARY],
                "labels": [*payload.get("labels", ()), own],
                "description": jira.flavor.document(payload["text"][:LONGEST_TEXT]),
            }
            key = jira.create({**fields, **_configured(jira, payload.get("fields", {}))})
        url = f"{settings.JIRA_URL}/browse/{key}"
        remote.remember(System.JIRA, ISSUE, key, thread=message.thread, url=url)
        return f"{key} {words}."

    def _comment(self, jira: Jira, message: Message) -> str:
        return self._say(jira, message, message.payload["text"])

    def _say(self, jira: Jira, message: Message, text: str) -> str:
        key, mark = issue_of(message), remote.marker(message)
        known = jira.comment_with(key, mark) if message.attempts > 1 else None
        made = known or jira.comment(key, f"{text[:LONGEST_TEXT]}\n{mark}")
        remote.remember(System.JIRA, "comment", made, thread=message.thread)
        return f"{key}: comment {made}{' was there already' if known else ''}."

    def _move(self, jira: Jira, message: Message) -> str:
        key = issue_of(message)
        return f"{key}: {jira.move(key, message.payload['to'])}"

    def _link(self, jira: Jira, message: Message) -> str:
        key = issue_of(message)
        return f"{key}: {jira.link(key, message.payload['to'])}"

    def _point(self, jira: Jira, message: Message) -> str:
        key, told = issue_of(message), message.payload
        jira.point(key, told["id"], told["url"], told["title"])
        return f"{key}: points to {told['url']}."

    def _attach(self, jira: Jira, message: Message) -> str:
        """Attach a file of one of the portal's storages, or say where it is if it is too large."""
        key, told = issue_of(message), message.payload
        storage = storages[told["storage"]]
        if message.attempts > 1 and jira.has_attachment(key, told["name"]):
            return f"{key}: {told['name']} was attached already."
        if not storage.exists(told["file"]):
            raise refuse("The file is not kept any more. It can be built and attached by hand.")
        if told["size"] > LARGEST_FILE:
            return self._say(jira, message, told["text"])
        try:
            with storage.open(told["file"]) as file:
                jira.attach(key, told["name"], cast("IO[bytes]", file))
        except Unsent as unsent:
            if unsent.answer.code != TOO_LARGE:
                raise
            return self._say(jira, message, told["text"])
        return f"{key}: {told['name']} attached."


def label_of(thread: str) -> str:
    """Return the label by which an issue is found again: of this record and of no other."""
    return thread.lower()


def issue_of(message: Message) -> str:
    known = remote.found(System.JIRA, ISSUE, message.thread)
    if known is None:
        words = f"No issue stands for {message.thread} yet: see the message that creates it."
        raise Unsent(Answer(Result.DEFERRED, words))
    return known.key


def _configured(jira: Jira, values: dict[str, str]) -> dict[str, Any]:
    """Return the fields that the installation wants filled in, as far as there are values."""
    found: dict[str, Any] = {}
    for field, (kind, name) in settings.JIRA_FIELDS.items():
        if value := values.get(name):
            shapes = {"option": {"value": value}, "": value[:LONGEST_SUMMARY]}
            found[field] = jira.flavor.document(value) if kind == "paragraph" else shapes[kind]
    return found


def tables() -> list[Table]:
    fields = {
        name: f"{field}{f' ({kind})' if kind else ''}"
        for field, (kind, name) in settings.JIRA_FIELDS.items()
    }
    own = {"title": "summary", "number, “emergency”": "labels", "type": settings.JIRA_ISSUE_TYPE}
    return [
        Table("Statuses of a change, and of its issue", settings.JIRA_STATUSES),
        Table("Fields of a change, and of its issue", {**own, **fields}),
    ]


CHANNELS[str(Message.Channel.JIRA)] = JiraChannel
PROBES[str(System.JIRA)] = lambda: JiraChannel().probe()
TABLES[str(System.JIRA)] = tables
