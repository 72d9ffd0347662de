"""Deadlines, frozen when they start, and the company's own days off."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from changes.models import Deviation, EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, TrackedQuerySet, tracked
from reviews.models.review import FollowUpAction


class DeadlineQuerySet(TrackedQuerySet["Deadline"]):
    def running(self) -> "DeadlineQuerySet":
        """Neither met nor void: somebody still owes it."""
        return self.filter(met_at=None, voided_at=None)

    def overdue(self, moment: datetime) -> "DeadlineQuerySet":
        return self.running().filter(due_at__lt=moment)


class Deadline(models.Model):
    """What is owed on a change by when; `due_at` and `rule` never change once it runs.

    A deadline ends by being met, or void when there is nothing left to do (the change was
    cancelled or amended). Met exactly at `due_at` is in time.
    """

    class Kind(models.TextChoices):
        APPROVAL = "approval", "Approval decision"
        CONFIRMATION = "confirmation", "Confirmation of the verbal approval"
        RETROACTIVE = "retroactive", "Retroactive decision"
        DOCUMENTATION = "documentation", "Documentation"
        REVIEW = "review", "Retrospective review"
        FOLLOW_UP = "follow_up", "Follow-up action"
        CATCH_UP = "catch_up", "Testing catch-up"

    kind = models.CharField(max_length=20, choices=Kind)
    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="deadlines")
    follow_up = models.ForeignKey(
        FollowUpAction, models.PROTECT, related_name="deadlines", null=True
    )
    deviation = models.ForeignKey(Deviation, models.PROTECT, related_name="deadlines", null=True)
    owner = models.ForeignKey(
        User, models.PROTECT, related_name="+", null=True, help_text="Empty: every Lead of it."
    )
    started_at = models.DateTimeField()
    due_at = models.DateTimeField()
    rule = models.CharField(max_length=300, help_text="The rule in words, as it stood then.")
    met_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    objects: ClassVar = DeadlineQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["due_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(due_at__gte=F("started_at")), name="due_after_it_started"
            ),
            models.CheckConstraint(
                condition=Q(met_at=None) | Q(voided_at=None), name="met_or_void_not_both"
            ),
            models.UniqueConstraint(
                fields=["kind", "change"],
                condition=Q(met_at=None, voided_at=None, follow_up=None, deviation=None),
                name="one_running_deadline_a_kind",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(met_at=None, voided_at=None),
                name="running_deadlines",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.change.number}"

    @property
    def runs(self) -> bool:
        """Whether somebody still owes it: neither met nor void."""
        return self.met_at is None and self.voided_at is None

    def is_late(self, moment: datetime) -> bool:
        """Whether it was met late, or runs and is overdue at `moment`."""
        return self.voided_at is None and (self.met_at or moment) > self.due_at


class CompanyHoliday(models.Model):
    """A day on which the company does not work, beside the country's public holidays."""

    class Status(models.TextChoices):
        DECLARED = "declared", "Declared"
        WITHDRAWN = "withdrawn", "Withdrawn"

    status = models.CharField(
        max_length=10, choices=Status, default=Status.DECLARED, editable=False
    )
    day = models.DateField(unique=True)
    name = models.CharField(max_length=100)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["day"]

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d} {self.name}"
