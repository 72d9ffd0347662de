"""PagerDuty is told: notes on an incident, and that it is resolved."""

from typing import Any, Final

import pagerduty
from django.conf import settings
from httpx2 import ConnectError, ConnectTimeout, Response

from ecportal.integrations import remote
from ecportal.integrations.channels.answers import (
    Result,
    Unsent,
    answered,
    away,
    broken,
    judge,
    needed,
)
from ecportal.integrations.channels.calling import REQUEST_SECONDS
from ecportal.integrations.models import System
from ecportal.integrations.systems import PROBES
from ecportal.outbox.channels import CHANNELS, Answer
from ecportal.outbox.models import Message

LONGEST_NOTE: Final = 20_000
CLOSED: Final = "resolved"


class TooMany(pagerduty.HttpError):
    """The answer 429, which the library would meet by asking again without end."""


class Client(pagerduty.RestApiV2Client):
    """PagerDuty's own client, which asks once and lets the outbox ask again."""

    max_network_attempts = 0
    timeout = int(REQUEST_SECONDS)  # type: ignore[assignment]

    def postprocess(self, response: Response, suffix: str | None = None) -> None:
        super().postprocess(response, suffix)
        if response.status_code == 429:
            raise TooMany("Too many requests.", response)


class PagerDuty:
    """Tells PagerDuty; a message's address is the incident's id over there.

    Payload: `{"act": "note", "text": …}` or `{"act": "resolve", "text": …}`.
    """

    batch_seconds = 45.0

    def __init__(self) -> None:
        self._client: Client | None = None

    def send(self, message: Message) -> Answer:
        if not settings.PAGERDUTY_API_KEY:
            return away("PagerDuty is not configured any more.")
        act = self._resolve if message.payload.get("act") == "resolve" else self._note
        return answered(lambda: act(message))

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
        self._client = None

    def probe(self) -> Answer:
        """Ask for the person in whose name notes are written; changes nothing."""
        try:
            return answered(self._ask_who)
        finally:
            self.close()

    def _ask_who(self) -> Answer:
        wanted = settings.PAGERDUTY_FROM
        found = self._ask("GET", "/users", params={"query": wanted, "limit": 100})
        addresses = {str(user.get("email", "")).lower() for user in found["users"]}
        if wanted.lower() in addresses:
            return Answer(Result.SENT, f"PagerDuty knows {wanted}.")
        return Answer(Result.REFUSED, f"PagerDuty has no user with the address {wanted}.")

    # --- acts -----------------------------------------------------------------------------------
    def _note(self, message: Message) -> Answer:
        path, mark = f"/incidents/{message.address}/notes", remote.marker(message)
        if message.attempts > 1:
            for note in self._ask("GET", path)["notes"]:
                if mark in str(note.get("content")):
                    return self._noted(message, note, "It was there already.")
        content = f"{message.payload['text'][:LONGEST_NOTE]}\n{mark}"
        note = self._ask("POST", path, json={"note": {"content": content}})["note"]
        return self._noted(message, note, "Noted.")

    def _noted(self, message: Message, note: dict[str, Any], words: str) -> Answer:
        key = needed(note, "id")
        remote.remember(System.PAGERDUTY, "note", key, thread=message.thread)
        return Answer(Result.SENT, f"{words} Note {key}")

    def _resolve(self, message: Message) -> Answer:
        path = f"/incidents/{message.address}"
        if self._ask("GET", path)["incident"]["status"] == CLOSED:
            return Answer(Result.SENT, "It was resolved already.")
        body = {"type": "incident_reference", "status": CLOSED}
        self._ask("PUT", path, json={"incident": {**body, "resolution": message.payload["text"]}})
        return Answer(Result.SENT, "Resolved.")

    # --- requests -------------------------------------------------------------------------------
    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the answer's object, or raise Unsent."""
        writes = method != "GET"
        try:
            response = self._opened().request(method, path, **options)
        except pagerduty.Error as error:
            if error.response is not None:
                judge_all(error.response, writes=writes)
            words = f"{type(error.__cause__ or error).__name__}: {error}"
            if writes and not isinstance(error.__cause__, ConnectError | ConnectTimeout):
                raise Unsent(broken(words)) from None
            raise Unsent(away(words)) from None
        judge_all(response, writes=writes)
        try:
            found = response.json()
        except ValueError:
            raise Unsent(away("The answer is no JSON: does something else answer there?")) from None
        return found if isinstance(found, dict) else {}

    def _opened(self) -> Client:
        if self._client is None:
            self._client = Client(
                settings.PAGERDUTY_API_KEY,
                default_from=settings.PAGERDUTY_FROM,
                base_url=settings.PAGERDUTY_API_URL,
            )
        return self._client


def judge_all(response: Response, *, writes: bool) -> None:
    judge(response.status_code, response.headers, response.text, writes=writes)


CHANNELS[str(Message.Channel.PAGERDUTY)] = PagerDuty
PROBES[str(System.PAGERDUTY)] = lambda: PagerDuty().probe()
