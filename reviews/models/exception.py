"""The exception register: where the process was not followed, told by itself, never deleted."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked


class ControlException(models.Model):
    """One rule that one change broke, and what management answered."""

    class Kind(models.TextChoices):
        UNAPPROVED = "unapproved", "Implemented without approval"
        UNCONFIRMED = "unconfirmed", "Verbal approval not confirmed in time"
        DENIED = "denied", "Verbal approval denied"
        APPROVAL_LATE = "approval_late", "Approval decision late"
        RETROACTIVE_LATE = "retroactive_late", "Retroactive decision late"
        DOCUMENTATION_LATE = "documentation_late", "Documentation late"
        REVIEW_LATE = "review_late", "Retrospective review late"
        EVIDENCE_MISSING = "evidence_missing", "Evidence missing"
        NOT_GENUINE = "not_genuine", "Not a genuine emergency"
        DUTIES = "duties", "Duties not separated"
        NOT_DECLARED = "not_declared", "Should have been an emergency change"
        NO_INCIDENT = "no_incident", "Incident link missing"

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        ANSWERED = "answered", "Answered"

    kind = models.CharField(max_length=20, choices=Kind)
    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="exceptions")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN, editable=False)
    detail = models.TextField()
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    response = models.TextField("management response", blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    answered_at = models.DateTimeField(null=True)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "exception"
        constraints = [
            models.UniqueConstraint(fields=["change", "kind"], name="each_exception_once"),
            models.CheckConstraint(
                condition=Q(status="open")
                | Q(answered_by__isnull=False, answered_at__isnull=False) & ~Q(response=""),
                name="answered_exception_says_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.change.number}"
