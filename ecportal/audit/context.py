"""Who is at the other end: what an event says of the request, task or command that wrote it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

from ecportal import clock


@dataclass(frozen=True)
class Origin:
    """Where an event came from. Outside requests everything but the person is empty."""

    user_id: int | None = None
    username: str = ""
    ip: str = ""
    request_id: str = ""
    adopted: bool = False
    """Attested as found, when the trail began, and not when it was written."""

    def as_fields(self) -> dict[str, bool | int | str | None]:
        told: dict[str, bool | int | str | None] = {
            "user_id": self.user_id,
            "username": self.username,
            "ip": self.ip,
            "request_id": self.request_id,
        }
        if self.adopted:
            told["adopted"] = True
        if clock.is_set():
            # The demo and the tests play the past; the trail does not pretend otherwise.
            told["clock"] = f"{clock.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        return told


NOBODY = Origin()
_origin: ContextVar[Origin] = ContextVar("audit_origin", default=NOBODY)


def current() -> Origin:
    return _origin.get()


def named(user_id: int | None, username: str) -> Origin:
    """Return the current origin with this person in it."""
    return replace(_origin.get(), user_id=user_id, username=username)


@contextmanager
def coming_from(origin: Origin) -> Iterator[None]:
    """Let every event written inside say that it came from there."""
    token = _origin.set(origin)
    try:
        yield
    finally:
        _origin.reset(token)
