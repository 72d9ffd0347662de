"""The retrospective review of a change, and the actions that follow from it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked


class RetrospectiveReview(models.Model):
    """Step 7: one review a change, by a Lead who is neither its requester nor its implementer."""

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        COMPLETED = "completed", "Completed"

    change = models.OneToOneField(EmergencyChange, models.PROTECT, related_name="review")
    status = models.CharField(
        max_length=10, choices=Status, default=Status.SCHEDULED, editable=False
    )
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    implementer = models.ForeignKey(User, models.PROTECT, related_name="+")
    held_at = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField(null=True)
    genuine = models.BooleanField("it was a genuine emergency", null=True)
    procedure_followed = models.BooleanField("the procedure was followed", null=True)
    appropriateness = models.TextField("was the change appropriate", blank=True)
    lessons = models.TextField("what was learned", blank=True)
    no_follow_up_reason = models.TextField("why no follow-up is needed", blank=True)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="scheduled")
                | Q(
                    reviewer__isnull=False,
                    held_at__isnull=False,
                    genuine__isnull=False,
                    procedure_followed__isnull=False,
                )
                & ~Q(appropriateness=""),
                name="completed_review_says_by_whom_and_what",
            ),
            models.CheckConstraint(
                condition=Q(reviewer=None)
                | ~Q(reviewer=F("requester")) & ~Q(reviewer=F("implementer")),
                name="nobody_reviews_their_own_work",
            ),
        ]

    def __str__(self) -> str:
        return f"Review of {self.change.number}"


class FollowUpAction(models.Model):
    """Something to be done because of a review, with an owner and a due date."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        DONE = "done", "Done"
        DROPPED = "dropped", "Dropped"

    number = models.CharField(max_length=20, unique=True, editable=False)
    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="follow_ups")
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN, editable=False)
    title = models.CharField("what is to be done", max_length=300)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    due_on = models.DateField()
    assigned_by = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    result = models.TextField(blank=True, editable=False)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["due_on", "pk"]
        verbose_name = "follow-up action"
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open") | Q(finished_at__isnull=False) & ~Q(result=""),
                name="finished_follow_up_says_how",
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"
