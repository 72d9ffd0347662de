"""Which object of another system stands for which record: kept, and found again."""

import re
from typing import Final

from ecportal import clock
from ecportal.integrations.models import RemoteObject, System
from ecportal.outbox.models import Message

MARKER: Final = re.compile(r"\[(?:EC|INC)-[0-9]{4}-[0-9]{4,}#[0-9]+\]")
"""What `marker` returns for a record: the portal hears again what it said over there."""


def remember(system: System, kind: str, key: str, *, thread: str, url: str = "") -> None:
    """Keep an object that stands for the record `thread`; one that is known stays as it is."""
    RemoteObject.objects.get_or_create(
        system=system,
        kind=kind,
        key=key[:255],
        defaults={"thread": thread, "url": url[:2000], "recorded_at": clock.now()},
    )


def found(system: System, kind: str, thread: str) -> RemoteObject | None:
    """Return the first object of this kind that stands for the record, or None."""
    rows = RemoteObject.objects.filter(system=system, kind=kind, thread=thread)
    return rows.order_by("pk").first()


def marker(message: Message) -> str:
    """Return what stands at the end of what is said, by which it is found again over there."""
    return f"[{message.thread}#{message.pk}]"
