"""Finds what no change claims, and settles what has settled itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Model, Q
from django.dispatch import receiver

from changes.lifecycle import DEPLOYMENTS, TICKETS
from changes.models import Deployment, EmergencyChange, Policy, Ticket
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.calendar import BusinessCalendar
from ecportal.lifecycle import Act, transitioned
from incidents.models import Incident
from reviews.business_days import company_calendar
from reviews.models import ReconciliationItem
from reviews.reconciling import RECONCILIATIONS

Kind = ReconciliationItem.Kind

BATCH: Final = 500
"""So many items of each kind one run writes; the next run goes on."""

LOOK_BACK: Final = timedelta(days=14)
"""So long a deployment may turn out to have run during an incident that is recorded later."""

ATTEMPTED: Final = (Deployment.Status.RUNNING, *Deployment.RAN)


def reconcile(now: datetime | None = None) -> int:
    """Write an item for everything that no change claims; return how many are new.

    Run it twice, or two at once, and nothing more happens. Source of the rule: the process's
    "Reconciliation inbox".
    """
    now = now or clock.now()
    found = [*_incidents(), *_deployments(now), *_tickets()]
    return sum(_found(kind, thing, rule) for kind, thing, rule in found)


def _found(kind: Kind, thing: Model, rule: str) -> bool:
    item = ReconciliationItem(kind=kind, **{kind.value: thing})
    try:
        with transaction.atomic():
            RECONCILIATIONS.perform(item, "find", by=User.objects.system(), reason=rule)
    except IntegrityError:  # somebody else found it at this moment
        return False
    return True


Found = Iterator[tuple[Kind, Model, str]]


def _incidents() -> Found:
    """Yield the severity-1 incidents without a determination."""
    lacking = Incident.objects.filter(
        severity=Incident.Severity.SEV1, determinations=None, reconciliation=None
    ).exclude(status=Incident.Status.CANCELLED)
    for incident in lacking.order_by("pk")[:BATCH]:
        yield Kind.INCIDENT, incident, "Nobody has determined whether it is an emergency."


def _tickets() -> Found:
    for ticket in Ticket.objects.unclaimed().filter(reconciliation=None).order_by("pk")[:BATCH]:
        what = ticket.issue_type or "no type"
        labels = f", labels {ticket.labels}" if ticket.labels else ""
        yield Kind.TICKET, ticket, f"It looks like an emergency ({what}{labels})."


def _deployments(now: datetime) -> Found:
    """Yield production deployments during an open incident, or outside the change window."""
    unclaimed = list(
        Deployment.objects.in_production()
        .unclaimed()
        .filter(status__in=ATTEMPTED, reconciliation=None, heard_at__gte=now - LOOK_BACK)
        .order_by("pk")
    )
    if not unclaimed:
        return
    first = min(_times(deployment)[0] for deployment in unclaimed)
    incidents = list(
        Incident.objects.exclude(status=Incident.Status.CANCELLED)
        .filter(Q(resolved_at=None) | Q(resolved_at__gt=first))
        .order_by("severity", "pk")
    )
    window = Window(Policy.in_force(), company_calendar())
    judged = ((one, _why(*_times(one), incidents, window)) for one in unclaimed)
    for deployment, rule in islice((pair for pair in judged if pair[1]), BATCH):
        yield Kind.DEPLOYMENT, deployment, rule


def _times(deployment: Deployment) -> tuple[datetime, datetime]:
    """Return when it began and when it was done, as far as that is known."""
    end = deployment.happened_at
    return min(deployment.started_at or end, end), end


def _why(begin: datetime, end: datetime, incidents: list[Incident], window: "Window") -> str:
    """Return why such a deployment must be reconciled, or nothing."""
    for incident in incidents:
        over = incident.resolved_at
        if incident.began_at <= end and (over is None or over > begin):
            return f"It ran in production while {incident} was open, and no change claims it."
    if not window.holds(begin):
        return f"It ran in production outside the change window ({window}); no change claims it."
    return ""


@dataclass(frozen=True)
class Window:
    """The hours of business days in which the normal process changes production."""

    policy: Policy
    calendar: BusinessCalendar

    def holds(self, moment: datetime) -> bool:
        """Whether it is open then; always, where it begins and ends at the same time."""
        begin, end = self.policy.window_from, self.policy.window_until
        local = moment.astimezone(self.calendar.zone)
        if begin == end:
            return True
        if begin < end:
            return begin <= local.time() < end and self.calendar.is_business_day(local.date())
        # Over midnight: the early hours belong to the business day before.
        late = local.time() >= begin
        day = local.date() if late else local.date() - timedelta(days=1)
        return (late or local.time() < end) and self.calendar.is_business_day(day)

    def __str__(self) -> str:
        begin, end = self.policy.window_from, self.policy.window_until
        return f"{begin:%H:%M} to {end:%H:%M} on business days, {self.calendar.zone}"


# --- what settles itself ------------------------------------------------------------------------
def _settle(reason: str, change: EmergencyChange | None = None, **of: Model) -> None:
    for item in ReconciliationItem.objects.unsettled().filter(**of):
        RECONCILIATIONS.perform(
            item, "settle", by=User.objects.system(), reason=reason, change=change
        )


def _return(reason: str, **of: Model) -> None:
    gone = (ReconciliationItem.Status.MATCHED, ReconciliationItem.Status.SETTLED)
    for item in ReconciliationItem.objects.filter(status__in=gone, **of):
        RECONCILIATIONS.perform(item, "return", by=User.objects.system(), reason=reason)


@receiver(transitioned, sender=Incident)
def settle_determined(record: Incident, act: Act, **_: object) -> None:
    if act.verb == "determine":
        _settle("Whether it is an emergency was determined.", incident=record)
    elif act.verb == "cancel":
        _settle("The incident was recorded in error.", incident=record)


@receiver(transitioned, sender=Deployment)
def settle_attached(record: Deployment, act: Act, **_: object) -> None:
    if act.verb == "attach":
        _settle("A change claims it.", record.change, deployment=record)
    elif act.verb == "detach":
        _return("It was detached from its change.", deployment=record)


@receiver(transitioned, sender=Ticket)
def settle_linked(record: Ticket, act: Act, **_: object) -> None:
    if act.verb == "link":
        _settle("A change claims it.", record.change, ticket=record)
    elif act.verb == "unlink":
        _return("It was unlinked from its change.", ticket=record)
    elif record.status == Ticket.Status.DELETED:
        _settle("The ticket was deleted over there.", ticket=record)
    elif act.verb == "advance" and not record.is_emergency:
        _settle("It does not look like an emergency any more.", ticket=record)


@receiver(transitioned, sender=EmergencyChange)
def return_what_it_claimed(record: EmergencyChange, act: Act, **_: object) -> None:
    """A cancelled change claims nothing: what was attached to it comes back."""
    if act.verb != "cancel":
        return
    why: dict[str, Any] = {"by": User.objects.system(), "reason": f"{record.number} was cancelled."}
    for deployment in record.deployments.all():
        DEPLOYMENTS.perform(deployment, "detach", **why)
    for ticket in record.tickets.all():
        TICKETS.perform(ticket, "unlink", **why)
    _return(str(why["reason"]), change=record)
