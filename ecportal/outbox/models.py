"""A message: written with the act that it tells of, sent afterwards, each attempt written down."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

from ecportal.history import TrackedQuerySet, tracked

LEASE = timedelta(minutes=5)
"""How long one sender keeps a message to itself; then it is taken to have died.

Longer than the slowest conversation with a mail server: nine answers of `EMAIL_TIMEOUT` each.
"""

LONGEST_DELAY = timedelta(hours=1)
"""The longest time between two attempts, also where a server asks for a longer one."""


class MessageQuerySet(TrackedQuerySet["Message"]):
    def unsettled(self) -> "MessageQuerySet":
        """Neither sent nor recalled nor given up; what the partial index holds."""
        return self.filter(sent_at=None, recalled_at=None, given_up_at=None)

    def waiting(self, moment: datetime) -> "MessageQuerySet":
        """To be sent now, and in nobody's hands at `moment`; the oldest first.

        A lease or a next attempt farther ahead than any could be was written before the clock was
        set back, and holds nobody up.
        """
        return (
            self.unsettled()
            .filter(
                Q(taken_at=None) | Q(taken_at__lte=moment - LEASE) | Q(taken_at__gt=moment + LEASE),
                Q(next_attempt_at=None)
                | Q(next_attempt_at__lte=moment)
                | Q(next_attempt_at__gt=moment + LONGEST_DELAY),
            )
            .order_by("pk")
        )

    def with_status(self, status: str) -> "MessageQuerySet":
        """In this status, as `Message.status` says it."""
        if status == Message.Status.SENT:
            return self.exclude(sent_at=None)
        if status == Message.Status.RECALLED:
            return self.filter(sent_at=None).exclude(recalled_at=None)
        if status == Message.Status.GIVEN_UP:
            return self.filter(sent_at=None, recalled_at=None, given_up_at__isnull=False)
        return self.unsettled()


RELAYED = (
    "taken_at", "attempts", "failures", "failing_since", "next_attempt_at", "sent_at",
    "recalled_at", "given_up_at", "answer",
)  # fmt: skip
"""The columns that say how far a message got; the relay alone writes them."""


class Message(models.Model):
    """One message to one address. Exactly once as a row, at least once as a message.

    To a person by e-mail as `text` and `html`, or to another system as `payload`: what is to be
    said there, as plain data that its channel understands.
    """

    class Channel(models.TextChoices):
        EMAIL = "email", "E-mail"
        PAGERDUTY = "pagerduty", "PagerDuty"
        SLACK = "slack", "Slack"
        JIRA = "jira", "Jira"
        WEBHOOK = "webhook", "Webhook"

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        RECALLED = "recalled", "Recalled"
        GIVEN_UP = "given_up", "Dead letter"

    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    address = models.CharField(
        max_length=254, help_text="Of a person, or where in the other system it is said."
    )
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField("HTML")
    payload = models.JSONField("what is said", default=dict)
    message_id = models.CharField("Message-ID", max_length=200, unique=True)
    thread = models.CharField(
        max_length=100, blank=True, help_text="What the message is about, such as EC-2026-0001."
    )
    after = models.ForeignKey(
        "self",
        models.PROTECT,
        related_name="+",
        null=True,
        db_index=False,
        help_text="Not sent before that one was sent, recalled or given up.",
    )
    written_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(
        default=0, help_text="Attempts that count towards giving up, since it was last retried."
    )
    failing_since = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    recalled_at = models.DateTimeField(
        null=True, help_text="When there was no more need to say it; it is not sent after that."
    )
    given_up_at = models.DateTimeField(null=True)
    answer = models.TextField("the server's last answer", blank=True)

    objects: ClassVar = MessageQuerySet.as_manager()
    # What was written to whom, and acts of people; what the relay does is in the attempts.
    history = tracked(excluded_fields=[*RELAYED, "text", "html", "payload", "after"])

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["channel", "id"],
                condition=Q(sent_at=None, recalled_at=None, given_up_at=None),
                name="messages_to_send",
            ),
            models.Index(
                fields=["id"],
                condition=Q(sent_at=None, recalled_at=None, given_up_at__isnull=False),
                name="dead_letters",
            ),
            models.Index(
                fields=["channel", "thread", "id"],
                condition=~Q(channel="email"),
                name="said_in_systems",
            ),
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def status(self) -> "Message.Status":
        if self.sent_at is not None:
            return self.Status.SENT
        if self.recalled_at is not None:
            return self.Status.RECALLED
        if self.given_up_at is not None:
            return self.Status.GIVEN_UP
        return self.Status.WAITING

    def get_status_display(self) -> str:
        return str(self.status.label)

    @property
    def said(self) -> str:
        """Return what it says to whomever it goes, as text."""
        return self.text or "\n".join(f"{name}: {value}" for name, value in self.payload.items())

    @property
    def comes_too_early(self) -> bool:
        """Whether the one that it comes after is not settled yet."""
        if self.after_id is None:
            return False
        return Message.objects.unsettled().filter(pk=self.after_id).exists()

    @property
    def outcome(self) -> str:
        """Return how far it got, in words."""
        if self.sent_at is not None:
            return "Sent"
        number = "1 attempt" if self.attempts == 1 else f"{self.attempts} attempts"
        if self.given_up_at is not None:
            return f"Given up after {number}: {self.answer}"
        if self.recalled_at is not None:
            return "Not sent: there was no more need by then"
        if self.answer:
            return f"Not sent after {number}: {self.answer}"
        return "Waiting to be sent"


class DeliveryAttempt(models.Model):
    """One attempt to send a message, and what the server answered; only ever added."""

    append_only = True

    class Result(models.TextChoices):
        SENT = "sent", "Sent"
        DEFERRED = "deferred", "Not now"
        REFUSED = "refused", "Refused for good"
        BROKEN = "broken", "Broken off: it may have arrived"
        AWAY = "away", "Server away"
        DIED = "died", "The sender stopped: it may have arrived"

    message = models.ForeignKey(Message, models.PROTECT, related_name="deliveries")
    at = models.DateTimeField()
    result = models.CharField(max_length=10, choices=Result)
    code = models.PositiveSmallIntegerField("reply code", null=True)
    answer = models.TextField("the server's answer", blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["message", "id"], name="attempts_of_a_message")]

    def __str__(self) -> str:
        return str(self.get_result_display())

    @property
    def in_words(self) -> str:
        """Return code and text as the server said them."""
        return f"{self.code} {self.answer}".strip() if self.code else self.answer
