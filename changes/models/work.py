"""What was done and seen: execution, deviations from testing, stability checks, corrections."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from changes.models.change import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked


class ExecutionEntry(models.Model):
    """A line of an execution log or a pipeline's deployment, with its own time stamp."""

    class Source(models.TextChoices):
        DEPLOYMENT = "deployment", "Pipeline deployment"
        LOG = "log", "System log"
        HAND = "hand", "Written down by hand"
        DETACHED = "detached", "Deployment, detached since"

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="executions")
    source = models.CharField(max_length=20, choices=Source)
    text = models.TextField("log lines, or what was done")
    link = models.URLField(max_length=2000, blank=True)
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["happened_at", "pk"]
        verbose_name_plural = "execution entries"
        constraints = [
            models.CheckConstraint(
                condition=Q(happened_at__lte=F("recorded_at")), name="executed_in_the_past"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Deviation(models.Model):
    """A standard test that was skipped, why, and when it is caught up on."""

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="deviations")
    skipped = models.TextField("what was skipped")
    why = models.TextField()
    catch_up_on = models.DateField("catch up by", null=True)
    recorded_at = models.DateTimeField()
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    caught_up_at = models.DateTimeField(null=True)
    caught_up_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    result = models.TextField(blank=True)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(caught_up_at=None) | Q(caught_up_by__isnull=False) & ~Q(result=""),
                name="caught_up_says_by_whom",
            )
        ]

    def __str__(self) -> str:
        return self.skipped[:80]


class StabilityCheck(models.Model):
    """What was watched after the implementation, and what it showed."""

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="checks")
    watched = models.TextField("what was watched")
    stable = models.BooleanField()
    result = models.TextField()
    link = models.URLField(max_length=2000, blank=True)
    checked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["happened_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(happened_at__lte=F("recorded_at")), name="checked_in_the_past"
            )
        ]

    def __str__(self) -> str:
        return f"{'Stable' if self.stable else 'Not stable'}: {self.watched[:60]}"


class Correction(models.Model):
    """A note that is shown beside what it corrects; the frozen text stays as it was."""

    class Part(models.TextChoices):
        SCOPE = "scope", "What will be changed"
        RISK = "risk", "Risk"
        ROLLBACK = "rollback_plan", "Rollback plan"
        EXECUTION = "execution", "Execution"
        RESULTS = "results", "Results"
        OTHER = "other", "Something else"

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="corrections")
    part = models.CharField(max_length=20, choices=Part)
    text = models.TextField()
    after_approval = models.BooleanField()
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:80]
