"""The ledger of a change: who and which system was told of what, when, with what result."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from changes.models import EmergencyChange
from ecportal.audit.bodies import plain
from ecportal.outbox.models import DeliveryAttempt, Message
from reviews.ledger import notices_of
from reviews.models import Receipt


def entries_of(change: EmergencyChange) -> Iterator[dict[str, Any]]:
    """Yield one entry a reminder, a receipt and a message to a system, times in UTC, without text.

    It may tell the same person of other changes, too.
    """
    attempts = DeliveryAttempt.objects.order_by("pk")
    of_message = Prefetch("message__deliveries", attempts)
    notices = notices_of(change)
    prefetch_related_objects(notices, of_message)
    for notice in notices:
        escalation, deadline = notice.escalation, notice.escalation.deadline
        yield {
            "change": change.number,
            "reminder": notice.pk,
            "to": notice.recipient,
            "about": escalation.rung_in_words,
            "rule": deadline.rule,
            "due_at": plain(deadline.due_at),
            "reached_at": plain(escalation.reached_at),
            "result": notice.result,
            **_sent(notice.address, notice.message),
        }
    receipts = change.receipts.order_by("pk").select_related("person", "message")
    for receipt in receipts.prefetch_related(of_message):
        yield _receipt(change, receipt)
    told = Message.objects.exclude(channel=Message.Channel.EMAIL).filter(thread=change.number)
    for message in told.order_by("pk").prefetch_related(Prefetch("deliveries", attempts)):
        yield {
            "change": change.number,
            "message": message.pk,
            "to": message.get_channel_display(),
            "about": message.subject,
            "result": message.outcome,
            **_sent(message.address, message),
        }


def _receipt(change: EmergencyChange, receipt: Receipt) -> dict[str, Any]:
    return {
        "change": change.number,
        "receipt": receipt.pk,
        "to": receipt.recipient,
        "about": receipt.act,
        "recorded_at": plain(receipt.recorded_at),
        "result": receipt.result,
        **_sent(receipt.address, receipt.message),
    }


def _sent(address: str, message: Message | None) -> dict[str, Any]:
    """Return how the message went out, each attempt with what the server answered."""
    if message is None:
        return {"address": address, "channel": None, "message_id": None, "attempts": []}
    return {
        "address": message.address,
        "channel": message.get_channel_display(),
        "message_id": message.message_id,
        "written_at": plain(message.written_at),
        "sent_at": plain(message.sent_at),
        "recalled_at": plain(message.recalled_at),
        "given_up_at": plain(message.given_up_at),
        "attempts": [
            {"at": plain(one.at), "result": str(one), "answer": one.in_words}
            for one in message.deliveries.all()
        ],
    }
