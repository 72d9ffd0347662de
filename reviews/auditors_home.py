"""The home page of Auditors: what there is to draw from, what they asked for, what is proved."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Q, Subquery
from django.http import HttpRequest

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.audit import badge, kinds
from ecportal.audit.models import AuditCheckpoint
from ecportal.clock import company_day
from ecportal.panels import HOME, panel
from ecportal.site import signed_in
from reviews.models import EvidencePack, Population, Sample, SampleItem
from reviews.period import Period, quarter_begins
from reviews.population import changes_of

SHOWN = 3

Context = dict[str, Any]


def auditor(request: HttpRequest) -> User | None:
    """Return whoever is signed in if they draw samples: an Auditor."""
    person = signed_in(request)
    return person if "reviews.draw_sample" in verbs_of(person) else None


@dataclass(frozen=True)
class Quarter:
    """The emergency changes opened in the quarter so far; what a population of it would list."""

    period: Period
    count: int
    cancelled: int
    first: str
    last: str

    @property
    def name(self) -> str:
        return f"Q{(self.period.first.month - 1) // 3 + 1} {self.period.first.year}"


def quarter_so_far(moment: datetime) -> Quarter:
    """Count the changes opened from the quarter's first day, in the company's time zone, to now."""
    today = company_day(moment)
    period = Period(quarter_begins(today), today)
    listed = changes_of(period)
    found = listed.order_by().aggregate(
        count=Count("pk"),
        cancelled=Count("pk", filter=Q(status=EmergencyChange.Status.CANCELLED)),
        first=Min(Subquery(listed.values("number")[:1])),
        last=Min(Subquery(listed.reverse().values("number")[:1])),
    )
    return Quarter(period, found["count"], found["cancelled"], found["first"] or "",
                   found["last"] or "")  # fmt: skip


@panel(HOME, "portal/auditor_lead.html", "lead")
def lead(request: HttpRequest, _home: None) -> Context | None:
    person = auditor(request)
    return None if person is None else {"until": person.access_until}


@panel(HOME, "portal/auditor_populations.html", "top")
def populations(request: HttpRequest, _home: None) -> Context | None:
    """Show the quarter so far, and the newest populations that were generated."""
    if auditor(request) is None:
        return None
    newest = Population.objects.select_related("generated_by")[:SHOWN]
    return {"quarter": quarter_so_far(clock.now()), "populations": list(newest)}


@panel(HOME, "portal/auditor_samples.html", "top")
def samples(request: HttpRequest, _home: None) -> Context | None:
    """Show this Auditor's samples: what waits for the company, what is answered."""
    person = auditor(request)
    if person is None:
        return None
    waiting, answered = SampleItem.Status.REQUESTED, SampleItem.Status.ANSWERED
    mine = (
        Sample.objects.filter(drawn_by=person)
        .select_related("population")
        .annotate(
            waiting=Count("items", filter=Q(items__status=waiting)),
            answered=Count("items", filter=Q(items__status=answered)),
        )[:SHOWN]
    )
    return {"samples": list(mine)}


@panel(HOME, "portal/auditor_packs.html", "foot")
def packs(request: HttpRequest, _home: None) -> Context | None:
    person = auditor(request)
    if person is None:
        return None
    return {"packs": list(EvidencePack.objects.filter(requested_by=person)[:SHOWN])}


@panel(HOME, "portal/auditor_trail.html", "side")
def trail(request: HttpRequest, _home: None) -> Context | None:
    """Show what the newest verification of the audit trail said, and the newest checkpoints."""
    if auditor(request) is None:
        return None
    event = badge.newest(kinds.VERIFY)
    return {
        "verified": badge.Verification.told_by(event) if event else None,
        "checkpoints": list(AuditCheckpoint.objects.all()[:SHOWN]),
    }


@panel(HOME, "portal/auditor_access.html", "foot")
def access(request: HttpRequest, _home: None) -> Context | None:
    person = auditor(request)
    return None if person is None else {"person": person}
