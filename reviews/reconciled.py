"""The severity-1 incidents of a period, held against its emergency changes."""

from dataclasses import dataclass

from django.db.models import Prefetch, Q, QuerySet

from incidents.models import Determination, Incident
from reviews.kept import period_of
from reviews.models import Population

RECONCILED = (
    "every incident that began or was recorded in the period and was ever of severity 1, with its "
    "determination"
)
NOT_RECONCILED = "production deployments and tickets: they must be compared from their own systems"


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
