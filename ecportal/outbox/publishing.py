"""Writes messages inside the caller's transaction, and sends what is written."""

import logging
import uuid
from email.errors import MessageError
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction

from ecportal import clock
from ecportal.outbox.models import Message

logger = logging.getLogger(__name__)

ABOUT_THIS_MESSAGE = (
    SMTPRecipientsRefused,
    SMTPSenderRefused,
    SMTPDataError,
    MessageError,  # an address that cannot be written into a header
    ValueError,
)


def publish(address: str, subject: str, text: str, html: str) -> Message:
    """Write a message; it exists if and only if the surrounding transaction commits."""
    host = urlsplit(settings.PORTAL_URL).hostname
    return Message.objects.create(
        address=address,
        subject=" ".join(subject.split())[:300],
        text=text,
        html=html,
        message_id=f"<{uuid.uuid4()}@{host}>",
        written_at=clock.now(),
    )


def take() -> Message | None:
    """Take the next waiting message for this sender alone, or None when nothing waits."""
    with transaction.atomic():
        message = Message.objects.select_for_update(skip_locked=True).waiting(clock.now()).first()
        if message is not None:
            message.taken_at = clock.now()
            message.attempts += 1
            message.save(update_fields=["taken_at", "attempts"])
    return message


def deliver() -> tuple[int, int]:
    """Send what waits; return how many messages were sent and how many refused.

    A refused message is tried again when its lease is over. A sender that dies between sending and
    writing it down leaves the message to the next one after the lease: it may then arrive twice,
    with the same Message-ID, but is never lost.
    """
    sent, refused = 0, 0
    while (message := take()) is not None:
        try:
            _send(message)
        except (OSError, *ABOUT_THIS_MESSAGE) as error:  # SMTPException is an OSError
            refused += 1
            _note_refusal(message, error)
            if not isinstance(error, ABOUT_THIS_MESSAGE):
                break  # the server is away or hangs: the others would only wait for it as well
        else:
            sent += 1
            message.sent_at, message.error = clock.now(), ""
            message.save(update_fields=["sent_at", "error"])
    return sent, refused


def _note_refusal(message: Message, error: Exception) -> None:
    message.error = str(error)[:2000] or type(error).__name__
    message.save(update_fields=["error"])
    logger.warning("Message %s to %s was not sent: %s", message.pk, message.address, error)


def _send(message: Message) -> None:
    mail = EmailMultiAlternatives(
        message.subject,
        message.text,
        to=[message.address],
        headers={"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(message.html, "text/html")
    mail.send()
