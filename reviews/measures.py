"""How the process is doing, in numbers: decisions, reviews held on time, the emergency share."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Final

from django.db.models import Count, F, Q
from django.db.models.functions import TruncMonth
from django.utils import timezone

from changes.models import Deployment, EmergencyChange
from changes.models.change import ChangeQuerySet
from ecportal.accounts.models import User
from ecportal.clock import company_day
from reviews.models import Deadline
from reviews.trend import back, per_month

LAST: Final = 12
MONTHS: Final = 6


@dataclass(frozen=True)
class Decision:
    """How long a request for approval took, or has waited so far, in minutes."""

    number: str
    minutes: float
    waits: bool
    late: bool


@dataclass(frozen=True)
class ReviewMonth:
    """The reviews that were due in one month: held in time, and held or still owed after it."""

    first: date
    on_time: int
    late: int


@dataclass(frozen=True)
class ShareMonth:
    """One month: emergency changes opened; deployments to production, and emergencies of them."""

    first: date
    opened: int
    emergencies: int
    deployments: int

    @property
    def percent(self) -> float | None:
        """The share of emergencies; None where no deployment was told of."""
        return 100 * self.emergencies / self.deployments if self.deployments else None


def months_until(moment: datetime) -> list[date]:
    """Return the first days of the company's last six months, the oldest first."""
    today = company_day(moment)
    return [back(today, number) for number in reversed(range(MONTHS))]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, timezone.get_default_timezone())


def decisions(visible: ChangeQuerySet, moment: datetime) -> list[Decision]:
    """Return the last requests for approval, the oldest first; one query.

    A decision counts when it was recorded, a verbal one when it was written down. Late is what
    took longer than its own deadline, which a later policy does not move.
    """
    rows = Deadline.objects.filter(
        kind=Deadline.Kind.APPROVAL, voided_at=None, change__in=visible.values("pk")
    ).order_by("-started_at", "-pk")
    found = rows.values_list("change__number", "started_at", "met_at", "due_at")[:LAST]
    return [
        Decision(
            number,
            max(0.0, ((met_at or moment) - started_at).total_seconds() / 60),
            met_at is None,
            (met_at or moment) > due_at,
        )
        for number, started_at, met_at, due_at in reversed(found)
    ]


def median_minutes(found: list[Decision]) -> int | None:
    """Return the median of those that were decided, in whole minutes; None where none was."""
    decided = [decision.minutes for decision in found if not decision.waits]
    return round(median(decided)) if decided else None


def reviews_by_month(visible: ChangeQuerySet, moment: datetime) -> list[ReviewMonth]:
    """Return the reviews by the month in which they were due, the oldest first; one query."""
    months = months_until(moment)
    # Due at the midnight that ends a day belongs to that day, also at the end of a month.
    due = F("due_at") - timedelta(seconds=1)
    rows = (
        Deadline.objects.filter(
            kind=Deadline.Kind.REVIEW, voided_at=None, change__in=visible.values("pk"),
            due_at__gt=_midnight(months[0]),
        )
        .order_by()
        .annotate(month=TruncMonth(due, tzinfo=timezone.get_default_timezone()))
        .values("month")
        .annotate(
            on_time=Count("pk", filter=Q(met_at__lte=F("due_at"))),
            late=Count("pk", filter=Q(met_at__gt=F("due_at")) | Q(met_at=None, due_at__lt=moment)),
        )
    )  # fmt: skip
    found = {row["month"].date(): row for row in rows}
    none = {"on_time": 0, "late": 0}
    return [
        ReviewMonth(first, found.get(first, none)["on_time"], found.get(first, none)["late"])
        for first in months
    ]


def share_by_month(person: User, moment: datetime) -> list[ShareMonth]:
    """Return how many deployments to production belonged to an emergency change; two queries.

    A deployment counts when it has run, in the month in which its source last told of it. What the
    person may not see is left out on both sides, cancelled changes too.
    """
    months = months_until(moment)
    begin = _midnight(months[0])
    rows = EmergencyChange.objects.visible_to(person).filter(opened_at__gte=begin)
    opened = per_month(rows.exclude(status=EmergencyChange.Status.CANCELLED), "opened_at")
    ran = Deployment.objects.visible_to(person).in_production().filter(
        status__in=Deployment.RAN, heard_at__gte=begin
    )  # fmt: skip
    zone = timezone.get_default_timezone()
    counted = (
        ran.order_by()
        .annotate(month=TruncMonth("heard_at", tzinfo=zone))
        .values("month")
        .annotate(everything=Count("pk"), claimed=Count("change"))
    )
    told = {row["month"].date(): (row["claimed"], row["everything"]) for row in counted}
    return [ShareMonth(first, opened.get(first, 0), *told.get(first, (0, 0))) for first in months]
