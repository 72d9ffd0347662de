"""A message: written with the act that it tells of, sent afterwards."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q

LEASE = timedelta(minutes=5)
"""How long one sender keeps a message to itself; then it is taken to have died."""


class MessageQuerySet(models.QuerySet["Message"]):
    def waiting(self, moment: datetime) -> "MessageQuerySet":
        """Not sent yet, and in nobody's hands at `moment`."""
        return self.filter(
            Q(taken_at=None) | Q(taken_at__lte=moment - LEASE), sent_at=None, recalled_at=None
        ).order_by("pk")


class Message(models.Model):
    """One e-mail to one address. Exactly once as a row, at least once as a message."""

    address = models.EmailField()
    subject = models.CharField(max_length=300)
    text = models.TextField()
    html = models.TextField("HTML")
    message_id = models.CharField("Message-ID", max_length=200, unique=True)
    written_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    recalled_at = models.DateTimeField(
        null=True, help_text="When there was no more need to say it; it is not sent after that."
    )
    error = models.TextField("the server's last refusal", blank=True)

    objects: ClassVar = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["id"], condition=Q(sent_at=None, recalled_at=None), name="unsent_messages"
            )
        ]

    def __str__(self) -> str:
        return self.subject

    @property
    def outcome(self) -> str:
        """Return how far it got, in words."""
        if self.sent_at is not None:
            return "Sent"
        if self.recalled_at is not None:
            return "Not sent: there was no more need by then"
        if self.error:
            return f"Not sent after {self.attempts} attempts: {self.error}"
        return "Waiting to be sent"
