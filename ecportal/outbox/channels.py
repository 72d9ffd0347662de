"""How a message leaves the portal: the channels, and the one by e-mail."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from email.errors import MessageError
from smtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)
from typing import Final, Protocol
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from ecportal.outbox.models import DeliveryAttempt, Message

Result = DeliveryAttempt.Result

SHUTTING_DOWN: Final = 421
"""The one reply code that is about the server and never about the message (RFC 5321, 3.8)."""

UNWRITABLE = (MessageError, ValueError)
"""What an address raises that cannot be written into a header."""


@dataclass(frozen=True)
class Answer:
    """How one attempt ended, and in which words of the server; `ends_batch`: try no other now.

    `wait` is how long the server wants to be left alone about this message.
    """

    result: DeliveryAttempt.Result
    text: str = ""
    code: int | None = None
    ends_batch: bool = False
    wait: timedelta = timedelta()

    @property
    def in_words(self) -> str:
        return f"{self.code} {self.text}".strip() if self.code else self.text


class Channel(Protocol):
    """A way out, opened once for a batch of messages; one takes far less than LEASE."""

    @property
    def batch_seconds(self) -> float:
        """Return after how long a batch ends, far from what would kill its worker."""

    def send(self, message: Message) -> Answer:
        """Send one message and return how it ended; raise nothing that a server can cause.

        From the second of `message.attempts` on it may have arrived already: a channel that can
        look over there does so first, and says SENT where it finds it.
        """

    def close(self) -> None:
        """Let go of the connection, if any; raise nothing that a server can cause."""


class Email:
    """E-mail over one connection, which is opened again where the server closed it."""

    batch_seconds = 240.0

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None

    @property
    def _connection(self) -> SMTP | None:
        return getattr(self._backend, "connection", None)

    def send(self, message: Message) -> Answer:
        try:
            self._open()
        except OSError as error:  # SMTPException is one too
            self.close()
            return Answer(Result.AWAY, _words(error), ends_batch=True)
        assert self._backend is not None
        connection = self._connection
        if connection is not None:
            connection.data_begun, connection.taken = False, None  # type: ignore[attr-defined]
        try:
            number = self._backend.send_messages([_mail(message)])
        except (OSError, *UNWRITABLE) as error:
            answer = _refusal(error, begun=getattr(connection, "data_begun", False))
            if answer.ends_batch:
                self.close()
            return answer
        if not number:
            return Answer(Result.REFUSED, "There is no address to send it to.")
        code, text = getattr(connection, "taken", None) or (None, b"")
        return Answer(Result.SENT, text.decode(errors="replace"), code)

    def _open(self) -> None:
        """Open a connection, unless there is one that still answers."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.noop()
                return
        self.close()
        self._backend = get_connection()
        self._backend.open()

    def close(self) -> None:
        # A server that took everything and then hangs at the farewell has taken everything.
        with contextlib.suppress(OSError):
            if self._backend is not None:
                self._backend.close()
        self._backend = None


CHANNELS: Final[dict[str, Callable[[], Channel]]] = {Message.Channel.EMAIL: Email}
"""What opens each channel; those to other systems are added by whoever knows the system."""


def _refusal(error: Exception, *, begun: bool) -> Answer:
    """Return what an error during the conversation means; `begun`: the server was sent text."""
    text = _words(error)
    if isinstance(error, SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return _replied(code, _decoded(reply))
    if isinstance(error, SMTPDataError):
        return _replied(error.smtp_code, _decoded(error.smtp_error))
    if isinstance(error, SMTPSenderRefused):
        # The sender is the portal itself: another message would hear the same.
        code, text = error.smtp_code, _decoded(error.smtp_error)
        return Answer(Result.DEFERRED, text, _code(code), ends_batch=True)
    if isinstance(error, (*UNWRITABLE, SMTPNotSupportedError)):
        return Answer(Result.REFUSED, text)
    return Answer(Result.BROKEN if begun else Result.AWAY, text, ends_batch=True)


def _replied(code: int, text: str) -> Answer:
    if code == SHUTTING_DOWN:
        return Answer(Result.AWAY, text, code, ends_batch=True)
    return Answer(Result.REFUSED if 500 <= code < 600 else Result.DEFERRED, text, _code(code))


def _code(code: int) -> int | None:
    return code if 200 <= code < 600 else None


def _decoded(reply: bytes | str) -> str:
    return reply.decode(errors="replace") if isinstance(reply, bytes) else reply


def _words(error: Exception) -> str:
    if isinstance(error, SMTPException) and len(error.args) == 2:  # a code and bytes
        return f"{error.args[0]} {_decoded(error.args[1])}"
    return str(error) or type(error).__name__


def root_id(thread: str) -> str:
    """Return the Message-ID that every message of a thread refers to, sent or never sent."""
    return f"<{thread}.thread@{host()}>"


def host() -> str:
    return urlsplit(settings.PORTAL_URL).hostname or "localhost"


def _mail(message: Message) -> EmailMultiAlternatives:
    # No List-Unsubscribe: nobody opts out of what they owe.
    headers = {"Message-ID": message.message_id, "Auto-Submitted": "auto-generated"}
    reply_to = []
    if message.thread:
        root = root_id(message.thread)
        headers |= {"In-Reply-To": root, "References": root}
        if settings.MAIL_THREAD_ADDRESS:
            reply_to = [settings.MAIL_THREAD_ADDRESS.replace("{thread}", message.thread)]
    mail = EmailMultiAlternatives(
        message.subject, message.text, to=[message.address], headers=headers, reply_to=reply_to
    )
    mail.attach_alternative(message.html, "text/html")
    return mail
