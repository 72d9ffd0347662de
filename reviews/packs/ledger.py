"""The mail ledger of a change: who was reminded of what, when, by which message."""

from collections.abc import Iterator
from typing import Any

from changes.models import EmergencyChange
from ecportal.audit.bodies import plain
from reviews.models import Notice


def notices_of(change: EmergencyChange) -> list[Notice]:
    """Return the change's reminders in the order in which they were written."""
    found = Notice.objects.filter(escalation__deadline__change=change).order_by("pk")
    return list(found.select_related("escalation__deadline", "person", "message"))


def ledger_of(change: EmergencyChange) -> Iterator[dict[str, Any]]:
    """Yield one entry a reminder, times in UTC; the message's text stays in the portal.

    It may tell the same person of other changes, too.
    """
    for notice in notices_of(change):
        escalation, message = notice.escalation, notice.message
        deadline = escalation.deadline
        yield {
            "change": change.number,
            "reminder": notice.pk,
            "to": str(notice.person or notice.address or "Nobody"),
            "address": message.address if message else notice.address,
            "about": escalation.rung_in_words,
            "rule": deadline.rule,
            "due_at": plain(deadline.due_at),
            "reached_at": plain(escalation.reached_at),
            "message_id": message.message_id if message else None,
            "written_at": plain(message.written_at) if message else None,
            "sent_at": plain(message.sent_at) if message else None,
            "recalled_at": plain(message.recalled_at) if message else None,
            "attempts": message.attempts if message else None,
            "result": notice.result,
        }
