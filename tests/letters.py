"""Messages to write and to deliver at a later time, and what became of them."""

from datetime import timedelta
from typing import Any

from ecportal import clock
from ecportal.outbox.models import LEASE, Message
from ecportal.outbox.publishing import deliver, publish


def write(
    *names: str, subject: str = "Approve EC-2026-0001: 15 min left", **more: Any
) -> list[Message]:
    return [
        publish(f"{name}@example.test", subject, "In words.", "<p>In color.</p>", **more)
        for name in names
    ]


def deliver_after(delay: timedelta) -> tuple[int, int]:
    with clock.at(clock.now() + delay):
        return deliver()


def deliver_after_the_lease() -> tuple[int, int]:
    return deliver_after(LEASE + timedelta(seconds=1))


def results(message: Message) -> list[str]:
    """Return how each attempt ended, the first one first."""
    return [str(one.result) for one in message.deliveries.all()]
