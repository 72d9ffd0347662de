"""An auditor's sample of a population, and what they asked about its items."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked
from reviews.models.population import Population


class Sample(models.Model):
    """Changes chosen from a population, by hand or by a seed that lets anyone draw them again."""

    class Status(models.TextChoices):
        DRAWN = "drawn", "Drawn"

    class Method(models.TextChoices):
        SEED = "seed", "Drawn by a seed"
        HAND = "hand", "Chosen by hand"

    class Frame(models.TextChoices):
        NOT_CANCELLED = "not_cancelled", "All but the cancelled changes"
        ALL = "all", "Every number listed"

    number = models.CharField(max_length=20, unique=True, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAWN, editable=False)
    population = models.ForeignKey(Population, models.PROTECT, related_name="samples")
    method = models.CharField(max_length=10, choices=Method)
    frame = models.CharField("drawn from", max_length=20, choices=Frame)
    frame_size = models.PositiveIntegerField("numbers drawn from")
    size = models.PositiveIntegerField("sample size")
    seed = models.CharField(max_length=100, blank=True)
    procedure = models.TextField(help_text="How the items were chosen, so that it can be repeated.")
    drawn_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    drawn_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(method="seed") | ~Q(seed=""), name="draw_names_its_seed"
            ),
            models.CheckConstraint(condition=Q(size__gt=0), name="sample_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.size} of {self.frame_size}"


class SampleItem(models.Model):
    """A change in a sample: the latest request about it and its answer; all are in its history."""

    class Status(models.TextChoices):
        DRAWN = "drawn", "Drawn"
        REQUESTED = "requested", "Waiting for an answer"
        ANSWERED = "answered", "Answered"

    sample = models.ForeignKey(Sample, models.PROTECT, related_name="items")
    place = models.PositiveIntegerField(help_text="In the order of the draw.")
    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="sampled")
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAWN, editable=False)
    request = models.TextField(blank=True)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    requested_at = models.DateTimeField(null=True)
    answer = models.TextField(blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    answered_at = models.DateTimeField(null=True)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["sample", "place"]
        verbose_name = "sample item"
        constraints = [
            models.UniqueConstraint(fields=["sample", "change"], name="each_change_once_a_sample"),
            models.CheckConstraint(
                condition=Q(status="drawn")
                | Q(requested_by__isnull=False, requested_at__isnull=False) & ~Q(request=""),
                name="request_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(status="answered")
                | Q(answered_by__isnull=False, answered_at__isnull=False) & ~Q(answer=""),
                name="answer_says_by_whom",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.change.number} in {self.sample.number}"
