"""Stores a delivery as it was received, once, and wakes the task that works on it."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from django.db import IntegrityError, transaction

from ecportal import clock
from ecportal.celery import wake
from ecportal.integrations.endpoints import Received
from ecportal.integrations.models import Delivery
from ecportal.integrations.readers import READERS
from ecportal.integrations.reading import Envelope, clean
from ecportal.integrations.tasks import work_on_deliveries

KEPT_HEADERS: Final = frozenset(
    {
        "content-type", "user-agent", "x-webhook-id", "x-webhook-subscription",
        "x-github-event", "x-github-delivery", "x-github-hook-id",
        "x-gitlab-event", "x-gitlab-instance", "x-gitlab-event-uuid", "x-gitlab-webhook-uuid",
        "idempotency-key", "webhook-id", "webhook-timestamp",
        "x-atlassian-webhook-identifier", "x-atlassian-webhook-retry",
        "x-atlassian-webhook-flow", "x-slack-retry-num", "x-slack-retry-reason",
        "x-slack-request-timestamp", "ce-id", "ce-type", "ce-source", "ce-specversion",
    }
)  # fmt: skip
"""What is stored beside the body; all others may hold a secret, or say nothing."""


def store(received: Received, payload: dict[str, Any], *, came_of_it: str = "") -> Delivery | None:
    """Store it and return it, or return None where this delivery was stored before.

    It waits for the worker, unless it is said already what came of it.
    """
    headers = kept(received.headers)
    envelope = READERS[received.system].envelope(payload, received.headers)
    digest = hashlib.sha256(received.body).hexdigest()
    now = clock.now()
    delivery = Delivery(
        system=received.system,
        delivery_id=_short(envelope.delivery_id, 200) or f"sha256:{digest}",
        event=clean(envelope.event)[:100],
        event_at=_past(envelope, now),
        about=_short(envelope.about, 255),
        received_at=now,
        headers=headers,
        body=received.body,
        sha256=digest,
    )
    if came_of_it:
        delivery.outcome = Delivery.Outcome.DONE
        delivery.answer, delivery.worked_at = clean(came_of_it)[:2000], now
    same = Delivery.objects.filter(system=delivery.system, delivery_id=delivery.delivery_id)
    try:
        with transaction.atomic():
            if same.exists():
                return None
            delivery.save()
            if not came_of_it:
                wake(work_on_deliveries)
    except IntegrityError:
        if same.exists():  # the same delivery over another connection, a moment earlier
            return None
        raise
    return delivery


def _past(envelope: Envelope, now: Any) -> Any:
    """Return when it happened by the sender's clock, or by ours where theirs is ahead of it."""
    return None if envelope.at is None else min(envelope.at, now)


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.lower(): clean(value)[:500]
        for name, value in headers.items()
        if name.lower() in KEPT_HEADERS
    }


def _short(name: str, limit: int) -> str:
    """Return the name, or what stands for it where it is too long or cannot be stored."""
    plain = clean(name)
    if len(plain) <= limit and plain == name and plain.isprintable():
        return plain
    return f"sha256:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"
