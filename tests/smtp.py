"""A real mail server on a free port, which keeps what it takes and refuses what it is told to."""

import asyncio
import contextlib
import email
import email.policy
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """Takes mail; `mode` treats connections, `answers` recipients, and `at_data` what is said.

    Modes: `accept`, `busy` (421 to everybody), `close` (hangs up), `hang` (never says a word).
    Several answers to a recipient are given in turn, the last one for ever. `at_data` is a reply,
    or `drop` (takes the mail and hangs up) or `stall` (takes it and never says so). `when_taken`
    is called with each mail that was taken, before the sender is told. After `hang_up_after` mails
    over one connection it hangs up.
    """

    def __init__(self) -> None:
        self.mode = "accept"
        self.answers: dict[str, str | list[str]] = {}
        self.at_data = "250 Taken"
        self.when_taken: Callable[[EmailMessage], object] = lambda mail: None
        self.connections = 0
        self.sender_answer = "250 OK"
        self.hang_up_after: int | None = None
        self.received: list[EmailMessage] = []
        self.port = 0

    @property
    def settings(self) -> dict[str, Any]:
        """Return Django's settings for sending here."""
        return {
            "EMAIL_BACKEND": "ecportal.outbox.smtp.EmailBackend",
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
    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.sender_answer.startswith("250"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.sender_answer

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.answers.get(address, "250 OK")
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        assert isinstance(envelope.content, bytes)
        if self.at_data[:1] in "45":
            return self.at_data
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail["X-Recipients"] = " ".join(envelope.rcpt_tos)
        mail["X-Session"] = str(id(session))
        self.received.append(mail)
        self.when_taken(mail)
        if self.at_data == "drop":
            assert server.transport is not None
            server.transport.close()
        if self.at_data in ("drop", "stall"):
            await asyncio.Event().wait()
        return self.at_data

    async def handle_NOOP(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, arg: str
    ) -> str:
        if self.hang_up_after is not None and self._over(session) >= self.hang_up_after:
            assert server.transport is not None
            server.transport.close()
        return "250 OK"

    def _over(self, session: Session) -> int:
        return sum(mail["X-Session"] == str(id(session)) for mail in self.received)

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
