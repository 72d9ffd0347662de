"""Writes messages inside the caller's transaction, and takes back what is not sent yet."""

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from ecportal import clock
from ecportal.celery import wake
from ecportal.outbox.channels import host
from ecportal.outbox.models import Message
from ecportal.outbox.relay import deliver, undelivered
from ecportal.outbox.tasks import deliver_messages

__all__ = ["deliver", "newest_of", "publish", "recall", "tell", "undelivered"]

THREAD_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,49}")
"""What can stand in a Message-ID and in an address without quotes."""

LONGEST_ADDRESS: Final = 254


def publish(
    address: str,
    subject: str,
    text: str,
    html: str,
    *,
    thread: str = "",
) -> Message:
    """Write a message; it exists if and only if the surrounding transaction commits.

    `thread` is what it is about, such as EC-2026-0001: messages of one thread are shown together
    by the reader's program. Raises ValueError for a thread that is no plain key.
    """
    message_id = f"<{uuid.uuid4()}@{host()}>"
    return _write(address, subject, thread, text=text, html=html, message_id=message_id)


def tell(
    channel: Message.Channel,
    address: str,
    payload: Mapping[str, Any],
    *,
    subject: str,
    thread: str = "",
    after: Message | None = None,
) -> Message:
    """Write what is to be said in another system; sent soon after the transaction commits.

    `payload` is plain data that the channel understands, `address` where it is said there and
    `subject` what the portal's own pages call it. It is not sent before `after` is settled.
    Raises ValueError for a thread that is no plain key, and for an address that is too long.
    """
    if len(address) > LONGEST_ADDRESS:
        raise ValueError(f"An address has {LONGEST_ADDRESS} characters at most: {address!r}.")
    message = _write(
        address,
        subject,
        thread,
        channel=channel,
        payload=dict(payload),
        after=after,
        message_id=f"msg_{uuid.uuid4().hex}",
    )
    wake(deliver_messages, str(channel))
    return message


def newest_of(thread: str, channel: Message.Channel, address: str = "") -> Message | None:
    """Return the newest message by this channel, for a further one to come after, or None.

    Of this thread and to this address; where one of the two is empty, of and to any.
    """
    named = {name: value for name, value in (("thread", thread), ("address", address)) if value}
    found = Message.objects.exclude(channel=Message.Channel.EMAIL)  # as the index has it
    return found.filter(channel=channel, **named).order_by("pk").last()


def _write(address: str, subject: str, thread: str, **values: Any) -> Message:
    if thread and not THREAD_KEY.fullmatch(thread):
        raise ValueError(f"{thread!r} is no thread: letters, digits and hyphens, 50 at most.")
    message = Message(
        address=address,
        subject=" ".join(subject.split())[:300],
        thread=thread,
        written_at=clock.now(),
        **values,
    )
    message.save()
    return message


def recall(message: Message, moment: datetime) -> bool:
    """Take a message back unless it was sent; return whether it is taken back now.

    It is not sent after that, save by a sender in whose hands it is at this very moment. A dead
    letter that is recalled needs nobody's attention any more.
    """
    unsent = Message.objects.filter(pk=message.pk, sent_at=None, recalled_at=None)
    if not unsent.update(recalled_at=moment):
        return False
    message.recalled_at = moment
    return True
