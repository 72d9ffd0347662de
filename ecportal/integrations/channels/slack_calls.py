"""Slack's Web API, as far as the portal uses it: asked once, and each answer judged."""

from collections.abc import Callable
from typing import Any, Final
from urllib.error import URLError

from django.conf import settings
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from ecportal.integrations.channels import calling
from ecportal.integrations.channels.answers import Result, Unsent, away, broken, judge, needed
from ecportal.outbox.channels import Answer

NOT_LET_IN: Final = {
    "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired",
    "missing_scope", "no_permission", "org_login_required", "access_denied",
    "team_access_not_granted",
}  # fmt: skip
"""The portal itself is refused: another message would hear the same."""

NOT_NOW: Final = {"channel_not_found", "not_in_channel", "is_archived", "ratelimited"}
"""What somebody can set right over there, by inviting the bot or opening the channel again."""

OUT_OF_ORDER: Final = {
    "internal_error", "fatal_error", "service_unavailable", "request_timeout", "team_added_to_org",
}  # fmt: skip
EVENT: Final = "ecportal_message"
PAGES, ROWS = 5, 200
"""How far back a message is looked for whose sending broke off."""


class Slack:
    """Slack's own client, which asks once and lets the outbox ask again; `seconds` a request."""

    def __init__(self, seconds: float | None = None) -> None:
        self._client = WebClient(
            token=settings.SLACK_BOT_TOKEN,
            base_url=f"{settings.SLACK_API_URL}/",
            timeout=seconds or calling.REQUEST_SECONDS,  # type: ignore[arg-type]
            retry_handlers=[],
        )

    def read(self, method: str, **values: Any) -> dict[str, Any]:
        """Ask for something; raises Unsent."""
        return self._ask(method, values, writes=False)

    def write(self, method: str, **values: Any) -> dict[str, Any]:
        """Have something done; raises Unsent."""
        return self._ask(method, values, writes=True)

    def find(self, channel: str, message_id: str, root: str = "", since: str = "0") -> str | None:
        """Return the ts of the message that carries this id, in the thread or in the channel."""
        method = "conversations_replies" if root else "conversations_history"
        place = {"ts": root} if root else {"oldest": since}
        cursor: dict[str, str] = {}
        for _page in range(PAGES):
            found = self.read(
                method, channel=channel, limit=ROWS, include_all_metadata=True, **place, **cursor
            )
            for message in found["messages"]:
                if _carries(message, message_id):
                    return needed(message, "ts")
            further = (found.get("response_metadata") or {}).get("next_cursor")
            if not further:
                return None
            cursor = {"cursor": further}
        return None

    def _ask(self, method: str, values: dict[str, Any], *, writes: bool) -> dict[str, Any]:
        act: Callable[..., Any] = getattr(self._client, method)
        try:
            found = act(**values).data
        except SlackApiError as error:
            raise _judged(error, writes=writes) from None
        except (SlackClientError, OSError, ValueError, EOFError) as error:
            raise Unsent(_interrupted(error, writes=writes)) from None
        except Exception as error:  # http.client's own, which have no name in common with those
            if type(error).__module__ != "http.client":
                raise
            raise Unsent(_interrupted(error, writes=writes)) from None
        return found if isinstance(found, dict) else {}


def _carries(message: dict[str, Any], message_id: str) -> bool:
    """Whether it is this one: by its metadata, or by a block's id where those are not shown."""
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    blocks = message.get("blocks") or ()
    named = {str(block.get("block_id")) for block in blocks if isinstance(block, dict)}
    return payload.get("message") == message_id or message_id in named


def _judged(error: SlackApiError, *, writes: bool) -> Unsent:
    """Return what an answer means that is none of success; Slack says most of it by HTTP 200."""
    response: Any = error.response
    if isinstance(response, dict):  # what answered was not Slack, as it is no JSON
        status, headers, said = response.get("status", 0), response.get("headers") or {}, ""
    else:
        status, headers, said = response.status_code, response.headers, ""
        said = str(response.data.get("error", "")) if isinstance(response.data, dict) else ""
    headers = {str(name).lower(): str(value) for name, value in dict(headers).items()}
    if status != 200:
        try:
            judge(int(status), headers, said or str(error)[:200], writes=writes)
        except Unsent as unsent:
            return unsent
    return Unsent(_meaning(said, writes=writes))


def _meaning(said: str, *, writes: bool) -> Answer:
    if not said:
        words = "The answer is no JSON: does something else answer there?"
        return broken(words) if writes else away(words)
    if said in NOT_LET_IN:
        return Answer(Result.DEFERRED, said, ends_batch=True)
    if said in NOT_NOW:
        return Answer(Result.DEFERRED, said, ends_batch=said == "ratelimited")
    if said in OUT_OF_ORDER:
        return broken(said) if writes else away(said)
    return Answer(Result.REFUSED, said)


def _interrupted(error: Exception, *, writes: bool) -> Answer:
    words = f"{type(error).__name__} {error}".strip()
    refused = isinstance(error, ConnectionRefusedError) or (
        isinstance(error, URLError) and isinstance(error.reason, ConnectionRefusedError)
    )
    return broken(words) if writes and not refused else away(words)
