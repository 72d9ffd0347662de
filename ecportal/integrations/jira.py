"""What Jira says, Cloud and Data Center: issues and comments, with all their fields or few."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from ecportal.integrations.facts import Fact, TicketHeard
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    Envelope,
    Headers,
    Holder,
    Unreadable,
    clean,
    holder,
    lenient_text,
    part,
    text,
    texts_in,
    time_if_any,
)

EVENTS: Final = {
    "jira:issue_created": "opened",
    "jira:issue_updated": "changed",
    "jira:issue_deleted": "deleted",
    "comment_created": "commented",
    "comment_updated": "commented",
}
LATEST: Final = 253402300799000
"""The last millisecond but one of the year 9999."""


def envelope(payload: Holder, headers: Headers) -> Envelope:
    stamp = payload.get("timestamp")
    return Envelope(
        delivery_id=headers.get("X-Atlassian-Webhook-Identifier", "").strip(),
        event=lenient_text(payload, "webhookEvent"),
        at=_moment(stamp) if _is_stamp(stamp) else None,
        about=lenient_text(payload, "issue", "key"),
    )


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return what is said of an issue, or raise Unreadable; a comment without its issue is none."""
    event = EVENTS.get(text(payload, "webhookEvent", "The payload"))
    if event is None or payload.get("issue") is None:
        return []
    stamp = payload.get("timestamp")
    if not _is_stamp(stamp):
        raise Unreadable("The payload: 'timestamp' is no time in milliseconds.")
    issue = holder(payload["issue"], "issue")
    fields = part(issue, "fields")
    key, summary = text(issue, "key", "issue", required=True), text(fields, "summary", "fields")
    labels = _labels(fields)
    comment = part(payload, "comment")
    return [
        TicketHeard(
            system=System.JIRA,
            key=key,
            at=_moment(stamp),
            event=event,
            url=_page(text(issue, "self", "issue"), key),
            summary=summary,
            issue_type=text(part(fields, "issuetype"), "name", "issuetype"),
            labels=labels,
            status=text(part(fields, "status"), "name", "status"),
            created_at=time_if_any(fields, "created", "fields"),
            person=_person(payload, comment),
            mentions=(
                summary,
                *labels,
                *plain_text(fields.get("description")),
                *plain_text(comment.get("body")),
                *_chosen(fields),
            ),
        )
    ]


def _is_stamp(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < LATEST


def _moment(stamp: Any) -> datetime:
    return datetime.fromtimestamp(stamp / 1000, UTC)


def _labels(fields: Holder) -> tuple[str, ...]:
    found = fields.get("labels")
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unreadable("fields: 'labels' is no list of texts.")
    return tuple(clean(one) for one in found)


def _page(own: str, key: str) -> str:
    """Return the page of the issue that belongs to the address of its resource."""
    base, rest, _path = own.partition("/rest/")
    return f"{base}/browse/{key}" if rest else ""


def _person(payload: Holder, comment: Holder) -> str:
    user = part(payload, "user") or part(comment, "updateAuthor") or part(comment, "author")
    return text(user, "displayName", "user") or text(user, "name", "user")


def _chosen(fields: Holder) -> Iterator[str]:
    """Yield what is chosen in fields of the site's own, such as a type of change."""
    for name, value in fields.items():
        if name.startswith("customfield_") and isinstance(value, dict):
            yield from texts_in(value.get("value"))


def plain_text(body: object) -> list[str]:
    """Return the words of wiki text, which is one text, or of Atlassian's document format."""
    if isinstance(body, str):
        return [clean(body)]
    words: list[str] = []
    waiting = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(reversed(node))
        elif isinstance(node, dict):
            if isinstance(node.get("text"), str):
                words.append(clean(node["text"]))
            waiting.append(node.get("content"))
    return words
