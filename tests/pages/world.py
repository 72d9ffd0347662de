"""A company in mid-work: at least one record of every kind that the admin shows."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from changes.deployments import take_in
from changes.lifecycle import CHANGES, DELEGATIONS, POLICIES
from changes.models import (
    Delegation,
    Deployment,
    EmergencyChange,
    EvidenceRead,
    Policy,
    Ticket,
)
from ecportal import clock
from ecportal.accounts.models import ApiToken, User
from ecportal.accounts.tokens import issue
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.integrations.facts import DeploymentHeard, TicketHeard
from ecportal.integrations.hearing import tell
from ecportal.integrations.models import Delivery
from ecportal.outbox.models import Message
from reviews.lifecycle import HOLIDAYS
from reviews.listing import take
from reviews.models import (
    CompanyHoliday,
    ControlException,
    Deadline,
    EscalationRung,
    EvidencePack,
    FollowUpAction,
    Notice,
    Population,
    ReconciliationItem,
    Sample,
)
from reviews.period import Period
from reviews.reconciliation import reconcile
from reviews.sweep import sweep
from reviews.working_papers import POPULATIONS, SAMPLES
from tests.scenario import Company, Journey, a_change, a_draft, an_incident, person

REASON = "It had to be."


@dataclass
class World:
    """The company, one person for each letter of the matrices, one record for each model."""

    company: Company
    people: dict[str, User]
    records: dict[str, Any] = field(default_factory=dict)
    change: EmergencyChange = field(init=False)

    def pages(self, *kinds: str) -> Iterator[str]:
        """Yield the addresses of these pages (change, history) of each record."""
        for record in self.records.values():
            for kind in kinds:
                yield page(record, kind)


def page(record: Any, kind: str = "change", *args: Any) -> str:
    meta = record._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{kind}", args=[record.pk, *args])


def listing(model: Any, kind: str = "changelist") -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}")


def act(record: Any, verb: str) -> str:
    return page(record, "act", verb)


def lists() -> list[str]:
    return [listing(model) for model in admin.site._registry]


def people_of(company: Company) -> dict[str, User]:
    """E Engineer, L Engineering Lead, A Auditor, R Role Administrator, - no role, S superuser."""
    return {
        "E": company.engineer,
        "L": company.lead,
        "A": company.auditor,
        "R": company.roleadmin,
        "-": person("nobody"),
        "S": person("root", is_superuser=True),
    }


def build(company: Company) -> World:
    world = World(company, people_of(company))
    now = clock.now()
    early = now - timedelta(days=3)
    with clock.at(early):
        old = Journey(company, a_draft(company, title="Old"))
        old.submit().claim().start().finish()
    sweep()
    old.verify(early + timedelta(hours=1)).document(now)
    due = now.date() + timedelta(days=9)
    row = {"title": "Add an alert", "owner": company.engineer, "due_on": due}
    old.review(follow_ups=[row])
    world.change = a_change(company, "implemented")
    delegation = Delegation(
        delegate=company.engineer2, begins_at=now, ends_at=now + timedelta(days=9)
    )
    DELEGATIONS.perform(delegation, "delegate", by=company.lead2, reason=REASON)
    policy, _new = Policy.objects.get_or_create(pk=1)
    values = {"observation_minutes": policy.observation_minutes}
    POLICIES.perform(policy, "revise", by=company.lead, reason=REASON, **values)
    holiday = CompanyHoliday(day=due, name="Company day")
    HOLIDAYS.perform(holiday, "declare", by=company.lead, reason=REASON)
    item = a_sample(company).items.get(change=world.change)
    records = [
        item.sample.population, item.sample, item, delegation, policy, holiday,
        world.change, world.change.incident, company.system,
        world.change.review, FollowUpAction.objects.get(), ControlException.objects.first(),
        Deadline.objects.first(), Notice.objects.first(), EscalationRung.objects.first(),
        Message.objects.first(), evidence_read(old.change, company), person("newcomer"),
        Group.objects.get(name="Auditor"), about_an_account(), a_checkpoint(),
        a_pack(world.change, company), a_deployment(), a_token(), a_ticket(),
        an_unclaimed_incident(company),
    ]  # fmt: skip
    records.append(a_delivery())
    world.records = {record._meta.label: record for record in records}
    assert set(world.records) == {model._meta.label for model in admin.site._registry}
    return world


def a_delivery() -> Delivery:
    """A delivery that failed, so that somebody can do something about it."""
    delivery = Delivery(
        system="pagerduty", delivery_id="1", event="incident.triggered", received_at=clock.now(),
        body=b'{"event": {"event_type": "incident.triggered"}}', outcome="failed",
        answer="OperationalError: gone", attempts=6,
    )  # fmt: skip
    delivery.save()
    return delivery


def about_an_account() -> AuditEvent:
    """An event that Role Administrators see too."""
    return AuditEvent.objects.filter(source="accounts.historicaluser")[0]


def a_checkpoint(size: int = 1) -> AuditCheckpoint:
    """A note that no key signed; what a true one looks like is for the tests of the trail."""
    root = base64.b64encode(bytes(32)).decode()
    note = f"log.example.test\n{size}\n{root}\n\n— log.example.test {root}\n"
    return AuditCheckpoint.objects.create(size=size, note=note, created_at=clock.now())


def a_population(company: Company, **period: Any) -> Population:
    """Return the population of the last days, generated by the Auditor."""
    today = timezone.localdate()
    days = {"first": today - timedelta(days=30), "last": today + timedelta(days=1), **period}
    taken = take(Period(**days))
    return POPULATIONS.perform(
        Population(), "generate", by=company.auditor, reason=REASON, taken=taken
    )


def a_sample(company: Company) -> Sample:
    """Return a sample of every change there is."""
    population = a_population(company)
    numbers = list(population.rows.values_list("number", flat=True))
    sample = Sample(population=population, method=Sample.Method.HAND)
    return SAMPLES.perform(
        sample, "draw", by=company.auditor, reason=REASON, numbers=numbers, frame="all"
    )


def a_ticket() -> Ticket:
    """A ticket that looks like an emergency, and that no change claims."""
    tell(TicketHeard(system="jira", key="OPS-7", at=clock.now(), event="opened",
                     summary="Roll checkout back", labels=("emergency",)))  # fmt: skip
    return Ticket.objects.get()


def an_unclaimed_incident(company: Company) -> ReconciliationItem:
    """The item of an incident that nobody determined."""
    incident = an_incident(company, title="Search is slow", severity=1)
    reconcile()
    return ReconciliationItem.objects.get(incident=incident)


def a_deployment() -> Deployment:
    """A deployment to production that no change claims."""
    heard = DeploymentHeard(
        system="github", key="88213", at=clock.now(), status="succeeded", environment="production",
        commit="6dcb09b5", actor="priya", url="https://github.example.test/runs/88213",
    )  # fmt: skip
    return take_in(heard, by=User.objects.system()).deployment


def a_token() -> ApiToken:
    issue("github-checkout", ["changes:read"], 90, "For the pipeline.")
    return ApiToken.objects.get()


def a_pack(change: EmergencyChange, company: Company) -> EvidencePack:
    """A pack that waits for the worker."""
    return EvidencePack.objects.create(
        label=change.number, numbers=change.number, total=1,
        requested_by=company.auditor, requested_at=clock.now(),
    )  # fmt: skip


def evidence_read(change: EmergencyChange, company: Company) -> EvidenceRead:
    return EvidenceRead.objects.create(
        evidence=change.evidence.all()[0], reader=company.auditor, read_at=clock.now()
    )


def evidence_link(world: World) -> None:
    CHANGES.perform(
        world.change, "attach_evidence", by=world.company.engineer, reason=REASON,
        kind="other", description="Log", text="done", size=4, sha256="0" * 64,
    )  # fmt: skip


def counts() -> dict[str, int]:
    """Return the number of rows of every table, histories included.

    Sessions are left out, and the events that say that somebody was refused, read, or took away.
    """
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor)
                  if name != "django_session"]  # fmt: skip
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}"
                                          for name in tables))  # fmt: skip
        found = dict(cursor.fetchall())
    found["audit_auditevent"] -= AuditEvent.objects.filter(
        kind__in=("denied", "read", "export")
    ).count()
    return found
