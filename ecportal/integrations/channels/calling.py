"""Requests to another system over HTTP: never longer than a message may take, never repeated."""

import json
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from ecportal.integrations.channels.answers import Unsent, away, broken, judge, refuse

REQUEST_SECONDS: Final = 15.0
MESSAGE_SECONDS: Final = 45.0
"""All requests of one message together; far less than the lease of its sender."""

MOST_BYTES: Final = 8 * 1024 * 1024
NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class Reply:
    """A successful answer, read to its end."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status, self.body = status, body

    def json(self) -> Any:
        """Return what it says; an answer that is no JSON is an answer of something else."""
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            raise Unsent(away("The answer is no JSON: does something else answer there?")) from None

    def object(self) -> dict[str, Any]:
        found = self.json()
        return found if isinstance(found, dict) else {}


class Caller:
    """Makes requests until the time of one message is over; `begin` gives the next one its own."""

    def __init__(self, base: str = "", **options: Any) -> None:
        self._base = base
        self._client = httpx.Client(follow_redirects=False, **options)
        self.begin()

    def begin(self) -> None:
        self._until = time.monotonic() + MESSAGE_SECONDS

    def close(self) -> None:
        self._client.close()

    def read(self, path: str, **options: Any) -> Reply:
        return self._call("GET", path, writes=False, **options)

    def search(self, path: str, **options: Any) -> Reply:
        """Ask by POST, which changes nothing over there."""
        return self._call("POST", path, writes=False, **options)

    def write(self, path: str, **options: Any) -> Reply:
        return self._call("POST", path, writes=True, **options)

    def _call(self, method: str, path: str, *, writes: bool, **options: Any) -> Reply:
        try:
            status, headers, body = self._ask(method, path, options)
        except httpx.InvalidURL as error:
            raise refuse(str(error)) from None
        except httpx.RequestError as error:
            words = f"{type(error).__name__} {error}".strip()
            if writes and not isinstance(error, NOTHING_SENT):
                raise Unsent(broken(words)) from None
            raise Unsent(away(words)) from None
        except TimeoutError as error:
            raise Unsent(broken(str(error)) if writes else away(str(error))) from None
        judge(status, headers, body.decode(errors="replace"), writes=writes)
        return Reply(status, body)

    def _ask(
        self, method: str, path: str, options: dict[str, Any]
    ) -> tuple[int, Mapping[str, str], bytes]:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Unsent(away("It takes too long to answer."))
        options.setdefault("timeout", min(left, REQUEST_SECONDS))
        body = bytearray()
        with self._client.stream(method, self._base + path, **options) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MOST_BYTES or time.monotonic() > self._until:
                    raise TimeoutError("The answer has no end.")
        return response.status_code, response.headers, bytes(body)
