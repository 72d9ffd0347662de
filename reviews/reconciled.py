"""Incidents, deployments and tickets of a period, held against its emergency changes."""

from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, QuerySet

from changes.models import Deployment, Ticket
from incidents.models import Determination, Incident
from reviews.kept import period_of
from reviews.models import Population, ReconciliationItem

RECONCILED = (
    "every incident that began or was recorded in the period and was ever of severity 1, with its "
    "determination; every production deployment and every ticket that looks like an emergency of "
    "which another system told"
)
NEVER_TOLD = (
    "{what}: no other system has ever told the portal of one, so they must be compared from their "
    "own systems"
)


@dataclass(frozen=True)
class Reconciled:
    """One incident of the period; `open_point` is empty when nothing is left to explain."""

    incident: Incident
    determinations: list[Determination]
    changes: list[str]
    open_point: str


@dataclass(frozen=True)
class Tally:
    """How many incidents there are, how many led to a change or needed none, and what is open."""

    total: int
    with_change: int
    needed_none: int
    open_numbers: list[str]


@dataclass(frozen=True)
class Seen:
    """What other systems told of in a period; `items` are what reconciliation found of it."""

    deployments: int
    claimed: int
    tickets: int
    items: list[ReconciliationItem]

    @property
    def open_points(self) -> list[str]:
        waiting = (one for one in self.items if one.status == ReconciliationItem.Status.OPEN)
        return [f"{item}: {item.rule}" for item in waiting]


def seen_in(population: Population) -> Seen:
    """Return the production deployments and tickets of its period as they stand now: 3 queries."""
    period = period_of(population)
    of_period = {"heard_at__gte": period.begins_at, "heard_at__lt": period.ends_before}
    ran = Deployment.objects.in_production().filter(**of_period)
    numbers = ran.aggregate(total=Count("pk"), claimed=Count("change"))
    tickets = Ticket.objects.filter(is_emergency=True, **of_period)
    items = ReconciliationItem.objects.filter(
        Q(deployment__in=ran.values("pk")) | Q(ticket__in=tickets.values("pk"))
    )
    found = items.select_related("deployment", "ticket", "incident", "change", "settled_by")
    return Seen(numbers["total"], numbers["claimed"], tickets.count(), list(found.order_by("pk")))


def not_reconciled() -> str:
    """Return what the period could not be held against, or nothing."""
    told = {
        "production deployments": Deployment.objects.exists(), "tickets": Ticket.objects.exists(),
    }  # fmt: skip
    missing = " and ".join(what for what, is_told in told.items() if not is_told)
    return NEVER_TOLD.format(what=missing) if missing else ""


def tally_of(population: Population) -> Tally:
    """Count the severity-1 incidents of the period as they stand now; three queries."""
    found = incidents_of(population)
    still_open = [one.incident.number for one in found if one.open_point]
    changed = sum(bool(one.changes) for one in found if not one.open_point)
    return Tally(len(found), changed, len(found) - changed - len(still_open), still_open)


def incidents_of(population: Population) -> list[Reconciled]:
    """Return the severity-1 incidents of its period, each with what became of it; three queries."""
    found = []
    for incident in _of_severity_one(population):
        determinations = list(incident.determinations.all())
        changes = [change.number for change in incident.changes.all()]
        point = _open_point(incident, determinations, changes)
        found.append(Reconciled(incident, determinations, changes, point))
    return found


def _of_severity_one(population: Population) -> QuerySet[Incident]:
    """Return the incidents to reconcile; one that was lowered since is among them."""
    period = period_of(population)
    ever = Incident.history.filter(severity=Incident.Severity.SEV1).values("id")
    began = Q(began_at__gte=period.begins_at, began_at__lt=period.ends_before)
    recorded = Q(recorded_at__gte=period.begins_at, recorded_at__lt=period.ends_before)
    decided = Determination.objects.select_related("decided_by")
    return (
        Incident.objects.filter(began | recorded)
        .filter(Q(severity=Incident.Severity.SEV1) | Q(pk__in=ever))
        .prefetch_related(Prefetch("determinations", decided), "changes")
        .order_by("began_at", "pk")
    )


def _open_point(incident: Incident, determinations: list[Determination], changes: list[str]) -> str:
    if not determinations:
        if incident.status == Incident.Status.CANCELLED:
            return ""
        return "nobody has determined whether it was an emergency."
    if determinations[-1].is_emergency and not changes:
        return "determined an emergency, and no emergency change is linked to it."
    return ""
