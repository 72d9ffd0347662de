"""Delivers payloads and has them worked on, by a clock that is set."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from ecportal.integrations.models import Delivery
from ecportal.integrations.working import work_off
from incidents.models import Incident
from tests.integrations.sending import deliver

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def at(clock_time: str) -> datetime:
    """Return this time of the day on which everything happens, in UTC."""
    return datetime.fromisoformat(f"2026-11-23T{clock_time}+00:00")


def hear(system: str, *payloads: Any, **headers: str) -> None:
    """Deliver each and work on it before the next one comes."""
    for payload in payloads:
        response = deliver(system, payload, **headers)
        assert response.status_code in (200, 202), response.content
        work_off()


def hear_at_once(system: str, payloads: Iterable[Any]) -> None:
    """Deliver them all, then work on them."""
    for payload in payloads:
        deliver(system, payload)
    work_off()


def outcomes() -> list[str]:
    """Return what became of each delivery, in the order of their arrival."""
    return list(Delivery.objects.order_by("pk").values_list("outcome", flat=True))


def told() -> str:
    """Return what came of the last delivery, in words."""
    return Delivery.objects.latest("pk").answer


def the_incident() -> Incident:
    return Incident.objects.get()


def notes(incident: Incident) -> list[tuple[str, str]]:
    return [(f"{note.happened_at:%H:%M:%S}", note.text) for note in incident.notes.all()]
