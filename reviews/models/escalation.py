"""The ladder of reminders, which rungs were reached, and who was told."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked
from ecportal.outbox.models import Message
from reviews.models.deadline import Deadline

MAX_OFFSET = 1000
"""The farthest rung, in its own unit; one beyond the calendar would stop every sweep."""


class EscalationRung(models.Model):
    """One step of a ladder: so long before or after the due time, these people are told."""

    class Status(models.TextChoices):
        IN_USE = "in_use", "In use"
        RETIRED = "retired", "Retired"

    class Unit(models.TextChoices):
        MINUTES = "minutes", "minutes"
        HOURS = "hours", "hours"
        BUSINESS_DAYS = "business_days", "business days"

    class Audience(models.TextChoices):
        OWNER = "owner", "Who owes it (the Lead asked first, with delegates)"
        APPROVER = "approver", "The approver named"
        NEXT_LEAD = "next_lead", "The next Lead of the systems too"
        ALL_LEADS = "all_leads", "All Leads of the systems"
        EVERY_LEAD = "every_lead", "Every Lead"
        ADDRESSES = "addresses", "Named addresses"

    kind = models.CharField(max_length=20, choices=Deadline.Kind)
    offset = models.IntegerField(
        validators=[MinValueValidator(-MAX_OFFSET), MaxValueValidator(MAX_OFFSET)],
        help_text="Below zero: before the due time. Zero: when due.",
    )
    unit = models.CharField(max_length=20, choices=Unit, default=Unit.HOURS)
    audience = models.CharField(max_length=20, choices=Audience)
    addresses = models.TextField(
        blank=True, help_text="E-mail addresses, separated by commas; only for named addresses."
    )
    respects_quiet_hours = models.BooleanField(
        default=False,
        help_text="Waits for the end of the quiet hours that the policy sets, in the recipient's "
        "time zone; never while the incident is open.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.IN_USE, editable=False)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["kind", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(audience="addresses") | ~Q(addresses=""),
                name="named_addresses_are_named",
            )
        ]

    def __str__(self) -> str:
        when = "when due"
        if self.offset:
            side = "before" if self.offset < 0 else "after"
            unit = self.get_unit_display().removesuffix("s" if abs(self.offset) == 1 else "")
            when = f"{abs(self.offset)} {unit} {side} due"
        return f"{self.get_kind_display()}: {when}, {self.get_audience_display().lower()}"


class Escalation(models.Model):
    """A rung of a deadline was reached: exactly one row each, whoever sweeps."""

    deadline = models.ForeignKey(Deadline, models.PROTECT, related_name="escalations")
    rung = models.ForeignKey(EscalationRung, models.PROTECT, related_name="+")
    rung_in_words = models.CharField(max_length=300)
    reached_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["deadline", "rung"], name="each_rung_once_a_deadline")
        ]

    def __str__(self) -> str:
        return self.rung_in_words


class Notice(models.Model):
    """The ledger: this person was told of this deadline, in this message, or why not."""

    CHANNEL = "E-mail"

    escalation = models.ForeignKey(Escalation, models.PROTECT, related_name="notices")
    person = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    address = models.CharField(max_length=254, blank=True)
    message = models.ForeignKey(Message, models.PROTECT, related_name="notices", null=True)
    remark = models.CharField(
        max_length=200, default="", help_text="Why nothing was sent, or with what it was told."
    )
    undelivered_at = models.DateTimeField(
        null=True, help_text="When the message was given up or its recipient refused for good."
    )
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]
        verbose_name = "reminder"
        verbose_name_plural = "reminders and escalations"
        constraints = [
            models.UniqueConstraint(
                fields=["escalation", "person", "address"], name="one_notice_a_recipient"
            ),
            models.UniqueConstraint(
                fields=["escalation", "address"],
                condition=Q(person=None),
                name="one_notice_a_named_address",
            ),
        ]

    def __str__(self) -> str:
        return self.address or str(self.person or "Nobody")

    @property
    def recipient(self) -> str:
        return str(self.person or self.address or "Nobody")

    @property
    def result(self) -> str:
        """Return how far it got, in words."""
        if self.person is None and not self.address:
            return "Nobody could act on it"
        if not self.address:
            return "No e-mail address"
        if self.message is None:
            return self.remark
        return ". ".join(filter(None, (self.message.outcome, self.remark)))

    @property
    def answer(self) -> str:
        """Return what the mail server said last, as far as it is known."""
        return self.message.answer if self.message else ""


class Receipt(models.Model):
    """This person was told that this was decided on the change; written with the act itself."""

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="receipts")
    act = models.CharField(max_length=100, help_text="What was done, in words.")
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    address = models.CharField(max_length=254, blank=True)
    message = models.ForeignKey(Message, models.PROTECT, related_name="receipts", null=True)
    recorded_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.act}: {self.person}"

    @property
    def recipient(self) -> str:
        return str(self.person)

    @property
    def result(self) -> str:
        return self.message.outcome if self.message else "No e-mail address"

    @property
    def answer(self) -> str:
        return self.message.answer if self.message else ""
