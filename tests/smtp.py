"""A real mail server on a free port, which keeps what it takes and refuses what it is told to."""

import asyncio
import contextlib
import email
import email.policy
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """Takes mail; `mode` says how it treats connections, `answers` how it treats recipients.

    Modes: `accept`, `busy` (421 to everybody), `close` (hangs up), `hang` (never says a word).
    """

    def __init__(self) -> None:
        self.mode = "accept"
        self.answers: dict[str, str] = {}
        self.connections = 0
        self.received: list[EmailMessage] = []
        self.port = 0

    @property
    def settings(self) -> dict[str, Any]:
        """Return Django's settings for sending here."""
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": self.port,
            "EMAIL_TIMEOUT": 1,
        }

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.received if mail["To"] == address]

    # --- what aiosmtpd calls ---
    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail["X-Recipients"] = " ".join(envelope.rcpt_tos)
        self.received.append(mail)
        return "250 Taken"

    def protocol(self) -> asyncio.Protocol:
        self.connections += 1
        if self.mode == "accept":
            return SMTP(self, loop=asyncio.get_running_loop())
        return Unhelpful(self.mode)


class Unhelpful(asyncio.Protocol):
    """A connection from which no mail comes."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if self.mode == "busy":
            transport.write(b"421 Too busy, come again later\r\n")
        if self.mode != "hang":
            transport.close()


@contextlib.contextmanager
def mail_server() -> Iterator[MailServer]:
    """Yield a mail server that runs until the block ends."""
    server, loop = MailServer(), asyncio.new_event_loop()
    listener = loop.run_until_complete(loop.create_server(server.protocol, "127.0.0.1", 0))
    server.port = listener.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
