"""A small company, and changes taken to any status through the same door as everything else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from incidents.lifecycle import INCIDENTS, SYSTEMS
from incidents.models import Incident, System
from reviews.lifecycle import REVIEWS
from reviews.models import RetrospectiveReview

Status = EmergencyChange.Status


@dataclass
class Company:
    engineer: User
    engineer2: User
    lead: User
    lead2: User
    auditor: User
    roleadmin: User
    system: System


def person(username: str, *role_names: str, **values: Any) -> User:
    """Make somebody with a password (the user name), an address and these roles."""
    values.setdefault("email", f"{username}@example.test")
    values.setdefault("first_name", username.capitalize())
    user = User.objects.create_user(username, password=username, **values)
    user.groups.set(Group.objects.filter(name__in=role_names))
    return User.objects.get(pk=user.pk)


def found_company() -> Company:
    lead = person("lead", roles.LEAD)
    return Company(
        engineer=person("engineer", roles.ENGINEER),
        engineer2=person("engineer2", roles.ENGINEER),
        lead=lead,
        lead2=person("lead2", roles.LEAD),
        auditor=person("auditor", roles.AUDITOR),
        roleadmin=person("roleadmin", roles.ROLE_ADMINISTRATOR),
        system=SYSTEMS.perform(System(name="checkout"), "register", by=lead, reason="We run it."),
    )


def an_incident(company: Company, **values: Any) -> Incident:
    values.setdefault("title", "Checkout fails for all customers")
    values.setdefault("began_at", clock.now() - timedelta(minutes=5))
    return INCIDENTS.perform(
        Incident(**values),
        "record",
        by=company.engineer,
        reason="Monitoring paged us.",
        systems=[company.system],
    )


def determined(company: Company, incident: Incident, **data: Any) -> Incident:
    data.setdefault("criterion", "outage")
    return INCIDENTS.perform(
        incident, "determine", by=company.engineer, reason="Every minute costs orders.", **data
    )


def a_draft(company: Company, **values: Any) -> EmergencyChange:
    incident = values.pop("incident", None) or an_incident(company)
    determined(company, incident)
    values.setdefault("title", "Roll checkout back")
    values.setdefault("scope", "Roll checkout back from 4.19.0 to 4.18.2 on all nodes.")
    values.setdefault("rollback_plan", "Deploy 4.19.0 again.")
    systems = values.pop("systems", [company.system])
    return CHANGES.perform(
        EmergencyChange(incident=incident, determination=incident.determinations.last(), **values),
        "open",
        by=company.engineer,
        reason="Checkout is down.",
        systems=systems,
    )


def the_review(change: EmergencyChange) -> RetrospectiveReview:
    return RetrospectiveReview.objects.get(change=change)


class Journey:
    """Takes a change from where it is through the steps, each by the usual person."""

    def __init__(self, company: Company, change: EmergencyChange) -> None:
        self.company = company
        self.change = change

    def do(self, verb: str, by: User, reason: str = "It had to be.", **data: Any) -> "Journey":
        CHANGES.perform(self.change, verb, by=by, reason=reason, **data)
        return self

    def submit(self) -> "Journey":
        return self.do("submit", self.company.engineer)

    def approve(self, by: User | None = None) -> "Journey":
        return self.do("approve", by or self.company.lead, fingerprint=self.change.fingerprint())

    def claim(self, approver: User | None = None) -> "Journey":
        return self.do(
            "claim_approval",
            self.company.engineer,
            "“Roll it back.”",
            approver=approver or self.company.lead,
            channel="phone",
        )

    def start(self, by: User | None = None) -> "Journey":
        return self.do("start", by or self.company.engineer)

    def start_unapproved(self) -> "Journey":
        return self.do("start_unapproved", self.company.engineer)

    def finish(self, **data: Any) -> "Journey":
        values = {"outcome": "successful", "no_deviations": True, "source": "log", **data}
        return self.do("finish", self.company.engineer, "Deployment 88213 finished.", **values)

    def verify(self, at: datetime | None = None) -> "Journey":
        """Verify when the observation window is over, by a clock set to that time."""
        assert self.change.finished_at is not None
        with clock.at(at or max(clock.now(), self.change.finished_at + timedelta(minutes=31))):
            return self.do(
                "verify", self.company.engineer, "Error rate is 0.1%.", watched="Error rate"
            )

    def document(self, at: datetime | None = None) -> "Journey":
        with clock.at(at or max(clock.now(), self.change.verified_at or clock.now())):
            self.do(
                "attach_evidence",
                self.company.engineer,
                "Dashboard.",
                kind="verification",
                description="Error rate after the rollback",
                link="https://grafana.example.test/d/1",
            )
            return self.do("document", self.company.engineer, "Checkout works again.")

    def review(self, by: User | None = None, at: datetime | None = None, **data: Any) -> "Journey":
        values = {
            "genuine": True,
            "procedure_followed": True,
            "no_follow_up_reason": "One-off.",
            **data,
        }
        with clock.at(at or max(clock.now(), self.change.documented_at or clock.now())):
            REVIEWS.perform(
                the_review(self.change),
                "complete",
                by=by or self.company.lead2,
                reason="It was right.",
                **values,
            )
        self.change.refresh_from_db()
        return self

    def to(self, status: str) -> EmergencyChange:
        """Take a draft the ordinary way to `status` and return it."""
        for step in self._steps(status):
            step()
        assert self.change.status == status, self.change.status
        return self.change

    def _steps(self, status: str) -> list[Any]:
        ordinary = [
            (Status.SUBMITTED, self.submit),
            (Status.APPROVED, self.approve),
            (Status.IMPLEMENTING, self.start),
            (Status.IMPLEMENTED, self.finish),
            (Status.VERIFIED, self.verify),
            (Status.DOCUMENTED, self.document),
            (Status.CLOSED, self.review),
        ]
        if status == Status.REJECTED:
            return [self.submit, lambda: self.do(
                "reject", self.company.lead, "Not like this.",
                rejection="sent_back", fingerprint=self.change.fingerprint(),
            )]  # fmt: skip
        if status == Status.CANCELLED:
            return [lambda: self.do("cancel", self.company.engineer)]
        names = [name for name, _step in ordinary]
        last = names.index(Status(status)) if status != Status.DRAFT else -1
        return [step for _name, step in ordinary[: last + 1]]


def a_change(company: Company, status: str = Status.DRAFT, **values: Any) -> EmergencyChange:
    """Return a change that was taken to `status` the ordinary way, through `perform`."""
    return Journey(company, a_draft(company, **values)).to(status)
