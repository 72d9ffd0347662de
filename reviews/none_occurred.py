"""The certificate that no emergency change occurred in a period, and what it was held against."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.clock import due_day
from reviews.columns import as_text
from reviews.comparison import came_since
from reviews.kept import period_of
from reviews.models import Population, ReconciliationItem
from reviews.numbering import SERIES_LENGTH
from reviews.reconciled import (
    RECONCILED,
    Reconciled,
    Seen,
    incidents_of,
    not_reconciled,
    seen_in,
)


class NotCertified(Exception):
    """The certificate cannot be given; says why in a sentence."""


@dataclass(frozen=True)
class Certificate:
    """What is certified, as of when, and what it was reconciled with."""

    population: Population
    as_of: datetime
    before: str
    after: str
    seen: Seen
    incidents: list[Reconciled] = field(default_factory=list)

    @property
    def open_points(self) -> list[str]:
        gaps = [f"{number}: no change has this number." for number in self.population.gaps()]
        found = [f"{one.incident.number}: {one.open_point}" for one in self.incidents
                 if one.open_point]  # fmt: skip
        return gaps + found + self.seen.open_points


def certify(population: Population) -> Certificate:
    """Return the certificate for an empty population; NotCertified when there cannot be one."""
    period, now = period_of(population), clock.now()
    if population.count:
        were = "change is" if population.count == 1 else "changes are"
        raise NotCertified(
            f"{population.count} emergency {were} listed in {population.number}, so it cannot be "
            "certified that none occurred."
        )
    if not period.is_over(now):
        day, at = due_day(period.ends_before, ZoneInfo(period.zone))
        raise NotCertified(
            f"The period is not over. It ends on {day:%Y-%m-%d} at {at} {day:%Z}; generate its "
            "population then."
        )
    if not population.period_over:
        raise NotCertified(
            f"{population.number} was generated before its period was over. Generate it again."
        )
    late = came_since(population)
    if late:
        raise NotCertified(
            f"{', '.join(late)} came into the period after {population.number} was generated, so "
            "it is not empty any more."
        )
    before, after = _neighbors(period.begins_at)
    return Certificate(
        population, now, before, after, seen_in(population), incidents_of(population)
    )


def _neighbors(moment: datetime) -> tuple[str, str]:
    """Return the last number given out before the moment, and the first one after it."""
    before = EmergencyChange.objects.filter(opened_at__lt=moment).order_by("opened_at", "pk")
    after = EmergencyChange.objects.filter(opened_at__gte=moment).order_by("opened_at", "pk")
    numbers = (before.last(), after.first())
    first, second = (change.number if change else "" for change in numbers)
    return first, second


def sentence(certificate: Certificate) -> str:
    """Return what is certified, in one sentence."""
    population = certificate.population
    return (
        f"No emergency change was {population.by} from {population.first_day} to "
        f"{population.last_day}, both days included, in the time zone {population.time_zone}."
    )


def sequence(certificate: Certificate) -> str:
    """Return what the reference numbers say of a period by opening date, else nothing."""
    if certificate.population.by != Population.By.OPENED:
        return ""
    before, after = certificate.before, certificate.after
    if not before and not after:
        return "No emergency change has ever been opened."
    if not before:
        return f"The first number ever, {after}, was given out after the period."
    if not after:
        return f"{before} was the last number given out before the period; none was since."
    same = before[:SERIES_LENGTH] == after[:SERIES_LENGTH]
    joined = "the next one" if same else "the next one, of another year"
    return f"{before} was the last number given out before the period began, and {after} {joined}."


def as_document(certificate: Certificate) -> dict[str, Any]:
    """Return the certificate as plain values for JSON."""
    population = certificate.population
    zone = ZoneInfo(population.time_zone)
    return {
        "certificate": "None occurred",
        "statement": sentence(certificate),
        "population": population.number,
        "query": population.query,
        "count": population.count,
        "sha256_csv": population.sha256_csv,
        "generated_by": str(population.generated_by),
        "generated_at": as_text(population.generated_at, zone),
        "as_of": as_text(certificate.as_of, zone),
        "numbers": sequence(certificate),
        "reconciled_with": RECONCILED,
        "not_reconciled_with": not_reconciled(),
        "production_deployments": certificate.seen.deployments,
        "claimed_by_a_change": certificate.seen.claimed,
        "emergency_tickets": certificate.seen.tickets,
        "reconciled": [_item(item) for item in certificate.seen.items],
        "incidents": [_incident(one, zone) for one in certificate.incidents],
        "open_points": certificate.open_points,
    }


def _item(item: ReconciliationItem) -> dict[str, str]:
    return {
        "what": str(item),
        "why": item.rule,
        "status": item.get_status_display(),
        "change": item.change.number if item.change else "",
        "settled_by": str(item.settled_by or ""),
        "reason": item.reason,
    }


def _incident(one: Reconciled, zone: ZoneInfo) -> dict[str, Any]:
    incident = one.incident
    return {
        "number": incident.number,
        "title": incident.title,
        "severity_now": incident.get_severity_display(),
        "began_at": as_text(incident.began_at, zone),
        "recorded_at": as_text(incident.recorded_at, zone),
        "determinations": [
            {
                "verdict": str(determination),
                "decided_by": str(determination.decided_by),
                "decided_at": as_text(determination.decided_at, zone),
                "recorded_at": as_text(determination.recorded_at, zone),
            }
            for determination in one.determinations
        ],
        "emergency_changes": one.changes,
        "open_point": one.open_point,
    }
