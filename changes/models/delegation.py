"""A Lead's stand-in for decisions, dated and optionally for some systems only."""

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from ecportal.accounts.models import User
from ecportal.history import TrackedManager, TrackedQuerySet, tracked
from incidents.models import System


class DelegationQuerySet(TrackedQuerySet["Delegation"]):
    def valid_at(self, moment: datetime) -> "DelegationQuerySet":
        """Begun, not over, not ended early: no job has to run for it to end."""
        return self.filter(
            status=Delegation.Status.GIVEN, begins_at__lte=moment, ends_at__gt=moment
        )


class Delegation(models.Model):
    """From `begins_at` until before `ends_at` the delegate decides for the delegator.

    It does not cascade: what a delegate may do for somebody cannot be delegated on.
    """

    class Status(models.TextChoices):
        GIVEN = "given", "Given"
        ENDED = "ended", "Ended early"

    status = models.CharField(max_length=10, choices=Status, default=Status.GIVEN, editable=False)
    delegator = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)
    delegate = models.ForeignKey(User, models.PROTECT, related_name="+")
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField(editable=False)

    objects: ClassVar = DelegationQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("begins_at")), name="delegation_ends_after_it_begins"
            ),
            models.CheckConstraint(
                condition=~Q(delegator=F("delegate")), name="nobody_delegates_to_themselves"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delegate} for {self.delegator}"

    def in_words(self) -> str:
        return f"{self} (delegation {self.pk})"


class DelegatedSystem(models.Model):
    """A system that a delegation is limited to; none means all."""

    delegation = models.ForeignKey(Delegation, models.PROTECT, related_name="systems")
    system = models.ForeignKey(System, models.PROTECT, related_name="+")
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["delegation", "system"], name="delegation_names_system_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.system)
