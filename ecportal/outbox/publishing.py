"""Writes messages inside the caller's transaction, and takes back what is not sent yet."""

import re
import uuid
from datetime import datetime
from typing import Final

from ecportal import clock
from ecportal.outbox.channels import host
from ecportal.outbox.models import Message
from ecportal.outbox.relay import deliver, undelivered

__all__ = ["deliver", "publish", "recall", "undelivered"]

THREAD_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,49}")
"""What can stand in a Message-ID and in an address without quotes."""


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
    if thread and not THREAD_KEY.fullmatch(thread):
        raise ValueError(f"{thread!r} is no thread: letters, digits and hyphens, 50 at most.")
    message = Message(
        address=address,
        subject=" ".join(subject.split())[:300],
        text=text,
        html=html,
        message_id=f"<{uuid.uuid4()}@{host()}>",
        thread=thread,
        written_at=clock.now(),
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
