"""The emergency change itself, and the systems it touches."""

import hashlib
import json
from datetime import datetime
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from changes.models.constraints import CHANGE_CONSTRAINTS
from ecportal.accounts.models import User
from ecportal.accounts.permissions import granted, verbs_of
from ecportal.history import TrackedManager, TrackedQuerySet, tracked
from incidents.models import Determination, Incident, System

SEES_CONFIDENTIAL = "changes.see_confidential_emergencychange"
KNOWN_POLICY = "_known_policy"
"""Under what a change holds the policy that its guards judged by, until it is read anew."""


class ChangeQuerySet(TrackedQuerySet["EmergencyChange"]):
    def unfinished(self) -> "ChangeQuerySet":
        """Somebody still owes something before it can close: those of which `is_over` is false."""
        status = EmergencyChange.Status
        sent_back = EmergencyChange.Rejection.SENT_BACK
        return self.exclude(
            Q(status__in=[status.CLOSED, status.CANCELLED])
            | Q(status=status.REJECTED) & ~Q(rejection=sent_back)
        )

    def visible_to(self, user: User) -> "ChangeQuerySet":
        """Confidential changes only for Leads, Auditors, and people it was shared with."""
        if sees_confidential(user):
            return self
        shared = granted(user, "view_emergencychange", EmergencyChange)
        return self.filter(Q(confidential=False) | Q(pk__in=shared))


def sees_confidential(user: User) -> bool:
    """Whether the user's role sees every confidential change: Leads and Auditors."""
    return SEES_CONFIDENTIAL in verbs_of(user)


class EmergencyChange(models.Model):
    """A change made under the emergency process, from draft to closed (steps 2 to 7).

    Who did each step is on this row as well as in the history, so that the database itself can
    refuse a status without its approval and duties in one hand.
    """

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SUBMITTED = "submitted", "Waiting for approval"
        APPROVED = "approved", "Approved"
        IMPLEMENTING = "implementing", "Implementing"
        IMPLEMENTED = "implemented", "Watching stability"
        VERIFIED = "verified", "Documenting"
        DOCUMENTED = "documented", "Waiting for review"
        CLOSED = "closed", "Closed"
        REJECTED = "rejected", "Rejected"
        CANCELLED = "cancelled", "Cancelled"

    class Risk(models.TextChoices):
        LOW = "low", "Low"
        MEDIUM = "medium", "Medium"
        HIGH = "high", "High"

    class Outcome(models.TextChoices):
        SUCCESSFUL = "successful", "Successful"
        PARTLY = "partly", "Partly successful"
        FAILED = "failed", "Failed"
        ROLLED_BACK = "rolled_back", "Rolled back"

    class Rejection(models.TextChoices):
        SENT_BACK = "sent_back", "Sent back: something must be changed first"
        REFUSED = "refused", "Refused: do not make this change"
        NOT_EMERGENCY = "not_emergency", "Not an emergency: use the normal process"

    TYPE = "Emergency change"

    number = models.CharField(max_length=20, unique=True, editable=False)
    incident = models.ForeignKey(Incident, models.PROTECT, related_name="changes")
    determination = models.ForeignKey(Determination, models.PROTECT, related_name="changes")
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT, editable=False)
    title = models.CharField(max_length=200)
    scope = models.TextField("what will be changed")
    risk = models.CharField(max_length=10, choices=Risk, default=Risk.MEDIUM)
    risk_assessment = models.TextField(blank=True)
    rollback_plan = models.TextField(blank=True)
    confidential = models.BooleanField(
        default=False, help_text="A security matter: visible to Leads, Auditors and named people."
    )
    requester = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)
    opened_at = models.DateTimeField(editable=False)
    asked_approver = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    submitted_at = models.DateTimeField(null=True, editable=False)
    approver = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, editable=False)
    approved_at = models.DateTimeField(null=True, editable=False)
    without_approval = models.BooleanField(
        default=False, editable=False, help_text="Implemented with no valid approval at the time."
    )
    rejected_by = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, editable=False
    )
    rejection = models.CharField(max_length=20, choices=Rejection, blank=True, editable=False)
    implementer = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, editable=False
    )
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    outcome = models.CharField(max_length=20, choices=Outcome, blank=True, editable=False)
    no_deviations = models.BooleanField(
        default=False, editable=False, help_text="Standard testing was done in full, as stated."
    )
    verifier = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, editable=False)
    verified_at = models.DateTimeField(null=True, editable=False)
    documenter = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, editable=False
    )
    documented_at = models.DateTimeField(null=True, editable=False)
    results = models.TextField(blank=True, editable=False)
    rollback_actions = models.TextField("rollback actions taken", blank=True, editable=False)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="+", null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    closed_late = models.BooleanField(
        default=False, editable=False, help_text="The review was held after its deadline."
    )

    objects: ClassVar = ChangeQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = CHANGE_CONSTRAINTS
        indexes = [
            models.Index(fields=["status"], name="change_by_status"),
            models.Index(fields=["opened_at"], name="change_by_opening"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def refresh_from_db(self, *arguments: Any, **options: Any) -> None:
        self.__dict__.pop(KNOWN_POLICY, None)
        super().refresh_from_db(*arguments, **options)

    @property
    def is_over(self) -> bool:
        return self.status == self.Status.CLOSED or self.leads_nowhere

    @property
    def leads_nowhere(self) -> bool:
        """Whether no step follows any more and nothing was done: cancelled, or refused for good."""
        refused = self.status == self.Status.REJECTED and self.rejection != self.Rejection.SENT_BACK
        return refused or self.status == self.Status.CANCELLED

    @property
    def frozen_at(self) -> datetime | None:
        """When its text was fixed: as approval was asked for, or as work began without that."""
        if self.status == self.Status.DRAFT:
            return None
        return self.submitted_at or self.started_at

    @property
    def status_words(self) -> str:
        return "Closed late" if self.closed_late else self.get_status_display()

    @property
    def has_started(self) -> bool:
        return self.started_at is not None

    def shown(self) -> dict[str, Any]:
        """Return what an approver is shown, as plain values, what matters first."""
        decision = self.determination
        return {
            "what will be changed": self.scope,
            "risk": self.get_risk_display(),
            "risk assessment": self.risk_assessment,
            "rollback plan": self.rollback_plan,
            "why the normal process cannot be used": decision.why_not_normal,
            "systems": sorted(str(link) for link in self.systems.all()),
            "requested by": f"{self.requester} ({self.requester.username})",
            "emergency": f"{decision}, {decision.get_imminence_display().lower()}",
            "incident": str(self.incident),
            "severity": self.incident.get_severity_display(),
            "number": self.number,
            "title": self.title,
            "type": self.TYPE,
            "corrections": [str(note.text) for note in self.corrections.all()],
        }

    def fingerprint(self) -> str:
        """Return the SHA-256 of exactly what is shown for the decision."""
        return fingerprint(self.shown())


def fingerprint(shown: dict[str, Any]) -> str:
    text = json.dumps(shown, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class ChangeSystem(models.Model):
    """A system that a change touches."""

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="systems")
    system = models.ForeignKey(System, models.PROTECT, related_name="+")
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["change", "system"], name="change_names_system_once")
        ]

    def __str__(self) -> str:
        return str(self.system)
