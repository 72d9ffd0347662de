"""A front over TLS for an emulator that has none, and books of what passed through it."""

from email.message import Message as Headers

import httpx

from tests.integrations.channels.servers import Done, Server

PASSED = ("Authorization", "Accept", "Content-Type", "From")


class Front(Server):
    """Passes requests on to `behind`; `answered` are the statuses that came back."""

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.behind = behind
        self.answered: list[int] = []

    def answer(self, method: str, path: str, headers: Headers, body: bytes) -> Done:
        passed = {name: str(headers[name]) for name in PASSED if name in headers}
        reply = httpx.request(
            method, f"{self.behind}{path}", headers=passed, content=body, timeout=60
        )
        self.answered.append(reply.status_code)
        return reply.status_code, reply.json() if reply.content else None
