"""How each integration fares: what went through last, what went wrong last, what waits."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Q

from ecportal.integrations.models import Delivery
from ecportal.integrations.systems import INTEGRATIONS, Integration
from ecportal.outbox.models import DeliveryAttempt, Message

WRONG = (Delivery.Outcome.UNREADABLE, Delivery.Outcome.FAILED)
UNSETTLED = Q(sent_at=None, recalled_at=None, given_up_at=None)
DEAD = Q(sent_at=None, recalled_at=None, given_up_at__isnull=False)


@dataclass(frozen=True)
class Flow:
    """One direction: whether it is configured, and how it went; times are aware."""

    is_on: bool
    last_at: datetime | None = None
    waiting: int = 0
    failed: int = 0
    error_at: datetime | None = None
    error: str = ""

    @property
    def state(self) -> tuple[str, str]:
        """Return how it is in a word, and the tone of its pill."""
        if not self.is_on:
            return "Off", "mute"
        if self.error_at and (self.last_at is None or self.error_at > self.last_at):
            return "In trouble", "bad"
        return ("Works", "ok") if self.last_at else ("Not used yet", "info")


@dataclass(frozen=True)
class Condition:
    integration: Integration
    heard: Flow | None
    told: Flow | None


def conditions(rows: Iterable[Integration] = ()) -> list[Condition]:
    """Return how these integrations fare, or all of them; four queries however many they are."""
    wanted = list(rows) or list(INTEGRATIONS.values())
    heard, told = _heard([str(row.system) for row in wanted]), _told(wanted)
    return [
        Condition(
            row,
            Flow(row.is_heard, **heard.get(row.system, {})) if row.hears else None,
            Flow(row.is_told, **told.get(str(row.channel), {})) if row.channel else None,
        )
        for row in wanted
    ]


def _heard(systems: list[str]) -> dict[str, dict[str, Any]]:
    wrong, waiting = Q(outcome__in=WRONG), Q(outcome=Delivery.Outcome.WAITING)
    rows = list(
        Delivery.objects.filter(system__in=systems)
        .order_by()
        .values("system")
        .annotate(
            last=Max("received_at", filter=~wrong & ~waiting),
            waiting=Count("pk", filter=waiting),
            failed=Count("pk", filter=Q(outcome=Delivery.Outcome.FAILED)),
            wrong=Max("pk", filter=wrong),
        )
    )
    errors = Delivery.objects.defer("body").in_bulk([row["wrong"] for row in rows if row["wrong"]])
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        error = errors.get(row["wrong"])
        found[row["system"]] = {
            "last_at": row["last"],
            "waiting": row["waiting"],
            "failed": row["failed"],
            "error_at": error.received_at if error else None,
            "error": f"{error.event}: {error.answer}" if error else "",
        }
    return found


def _told(wanted: list[Integration]) -> dict[str, dict[str, Any]]:
    channels = [str(row.channel) for row in wanted if row.channel]
    rows = (
        Message.objects.exclude(channel=Message.Channel.EMAIL)
        .filter(channel__in=channels)
        .order_by()
        .values("channel")
        .annotate(
            last=Max("sent_at"),
            waiting=Count("pk", filter=UNSETTLED),
            failed=Count("pk", filter=DEAD),
        )
    )
    attempts = DeliveryAttempt.objects.filter(message__channel__in=channels).exclude(
        result=DeliveryAttempt.Result.SENT
    )
    latest = (
        attempts.order_by().values("message__channel").annotate(newest=Max("pk")).values("newest")
    )
    errors = {
        one.message.channel: one
        for one in DeliveryAttempt.objects.filter(pk__in=latest).select_related("message")
    }
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        error = errors.get(row["channel"])
        found[row["channel"]] = {
            "last_at": row["last"],
            "waiting": row["waiting"],
            "failed": row["failed"],
            "error_at": error.at if error else None,
            "error": f"{error}: {error.in_words}".rstrip(": ") if error else "",
        }
    return found
