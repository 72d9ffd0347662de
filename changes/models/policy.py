"""The company's numbers: what the policy demands at present."""

from datetime import time, timedelta
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from ecportal.history import TrackedManager, tracked

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def validate_weekdays(value: str) -> None:
    if not value.split() or not set(value.split()) <= set(WEEKDAYS):
        raise ValidationError("Choose at least one weekday.")


class Policy(models.Model):
    """The one row of present parameters; a revision moves no deadline that already runs."""

    class Status(models.TextChoices):
        IN_FORCE = "in_force", "In force"

    status = models.CharField(
        max_length=10, choices=Status, default=Status.IN_FORCE, editable=False
    )
    approval_minutes = models.PositiveIntegerField(
        "approval decision, minutes", default=15, validators=[MinValueValidator(1)]
    )
    confirmation_hours = models.PositiveIntegerField(
        "confirmation of a verbal approval, hours", default=12, validators=[MinValueValidator(1)]
    )
    documentation_hours = models.PositiveIntegerField(
        "documentation, hours", default=24, validators=[MinValueValidator(1)]
    )
    observation_minutes = models.PositiveIntegerField("observation window, minutes", default=30)
    verifier_differs = models.BooleanField(
        "the verifier must not be the implementer", default=False
    )
    quiet_from = models.TimeField(
        "quiet hours begin",
        default=time(20),
        help_text="In the recipient's time zone. Only rungs that respect quiet hours wait for "
        "their end, and only where the incident is over.",
    )
    quiet_until = models.TimeField(
        "quiet hours end",
        default=time(7),
        help_text="The same time as their begin: no hour is quiet.",
    )
    reminder_days = models.CharField(
        "days for reminders",
        max_length=40,
        default="Mon Tue Wed Thu Fri",
        validators=[validate_weekdays],
        help_text="The other days of the week are quiet as a whole.",
    )
    window_from = models.TimeField(
        "change window begins",
        default=time(8),
        help_text="On business days, in the company's time zone. What goes to production outside "
        "of it, and no emergency change claims, is reconciled.",
    )
    window_until = models.TimeField(
        "change window ends",
        default=time(18),
        help_text="The same time as its begin: the window is always open.",
    )
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        verbose_name_plural = "policy"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_policy")]

    def __str__(self) -> str:
        return "Emergency change policy"

    @classmethod
    def in_force(cls) -> "Policy":
        """Return the present policy; the defaults hold until a Lead revises them."""
        return cls.objects.filter(pk=1).first() or cls(pk=1)

    @property
    def observation_window(self) -> timedelta:
        return timedelta(minutes=self.observation_minutes)
