"""What pipelines did to production and elsewhere, as they told it."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q

from changes.models.change import EmergencyChange
from changes.models.claimed import ClaimedQuerySet
from changes.models.work import ExecutionEntry
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked
from incidents.models import System


class DeploymentQuerySet(ClaimedQuerySet["Deployment"]):
    def in_production(self) -> "DeploymentQuerySet":
        return self.filter(is_production=True)

    def unclaimed(self) -> "DeploymentQuerySet":
        """No change claims it."""
        return self.filter(change=None)


class Deployment(models.Model):
    """A deployment of a pipeline; `key` is the source's own identifier for it.

    The status is the one of the newest event by the source's clock, whose time is `heard_at`
    (never in this server's future). Its own times are as told; where a change claims it and it
    ran in production, `execution` is the line of that change's execution log.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        RUNNING = "running", "Running"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELED = "canceled", "Canceled"
        ROLLED_BACK = "rolled_back", "Rolled back"

    class Attachment(models.TextChoices):
        NONE = "none", "To no change"
        REFERENCE = "reference", "By its reference to the change"
        PERSON = "person", "By hand"
        DETACHED = "detached", "Detached by hand"

    RAN = (Status.SUCCEEDED, Status.FAILED, Status.ROLLED_BACK)

    source = models.CharField(max_length=100, help_text="The system, or the account, that told.")
    key = models.CharField(max_length=255, help_text="The source's own identifier.")
    status = models.CharField(max_length=20, choices=Status)
    environment = models.CharField(max_length=255, blank=True)
    is_production = models.BooleanField("production", default=False)
    commit = models.CharField(max_length=255, blank=True)
    branch = models.CharField(max_length=255, blank=True)
    tag = models.CharField(max_length=255, blank=True)
    actor = models.CharField("triggered by", max_length=255, blank=True, help_text="As told.")
    url = models.URLField("link", max_length=2000, blank=True)
    description = models.TextField(blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField("last told at", help_text="By the source's clock.")
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    change = models.ForeignKey(
        EmergencyChange, models.PROTECT, related_name="deployments", null=True
    )
    attachment = models.CharField(
        "attached", max_length=20, choices=Attachment, default=Attachment.NONE
    )
    reference = models.TextField(blank=True, help_text="Where the number of the change stood.")
    attached_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    execution = models.OneToOneField(
        ExecutionEntry, models.PROTECT, related_name="deployment", null=True
    )

    objects: ClassVar = DeploymentQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="each_deployment_once"),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(key=""), name="deployment_says_which_one_it_is"
            ),
            models.CheckConstraint(
                condition=Q(change=None, attachment__in=["none", "detached"])
                | Q(change__isnull=False, attachment__in=["reference", "person"]),
                name="attached_deployment_says_how",
            ),
            models.CheckConstraint(
                condition=~Q(attachment="person") | Q(attached_by__isnull=False),
                name="deployment_attached_by_hand_says_by_whom",
            ),
            models.CheckConstraint(
                condition=Q(execution=None) | Q(change__isnull=False),
                name="executed_deployment_belongs_to_a_change",
            ),
        ]
        indexes = [
            models.Index(fields=["is_production", "heard_at"], name="deployments_in_production")
        ]

    def __str__(self) -> str:
        where = f" to {self.environment}" if self.environment else ""
        return f"Deployment {self.key[:60]}{where}"

    @property
    def has_run(self) -> bool:
        return self.status in self.RAN

    @property
    def came_after_closing(self) -> bool:
        """Whether it ran when the change was over: it names it, and is no part of it."""
        closed_at = self.change.closed_at if self.change else None
        return closed_at is not None and self.happened_at > closed_at

    @property
    def came_before_approval(self) -> bool:
        """Whether production was touched before the change was approved, if it ever was."""
        if self.change is None or not self.is_production or not (self.has_run or self.started_at):
            return False
        approved_at = self.change.approved_at
        return approved_at is None or (self.started_at or self.happened_at) < approved_at

    @property
    def happened_at(self) -> datetime:
        """When it was done, or while it is not, when it began; else when it was last told of."""
        told = self.finished_at if self.has_run else self.started_at
        return told or self.heard_at


class DeploymentSystem(models.Model):
    """A system that was deployed."""

    deployment = models.ForeignKey(Deployment, models.PROTECT, related_name="systems")
    system = models.ForeignKey(System, models.PROTECT, related_name="+")
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "system"], name="deployment_names_system_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.system)
