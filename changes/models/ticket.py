"""Tickets of other systems that look like emergencies, or belong to an emergency change."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from changes.models.change import EmergencyChange
from changes.models.claimed import ClaimedQuerySet
from ecportal.accounts.models import User
from ecportal.history import tracked


class TicketQuerySet(ClaimedQuerySet["Ticket"]):
    def unclaimed(self) -> "TicketQuerySet":
        """Looks like an emergency, stands, and no change claims it."""
        return self.filter(is_emergency=True, change=None, status=Ticket.Status.THERE)


class Ticket(models.Model):
    """A ticket as its system told of it last; `heard_at` is that system's clock.

    Only tickets that look like an emergency, or name a change, are recorded at all.
    """

    class Status(models.TextChoices):
        THERE = "there", "There"
        DELETED = "deleted", "Deleted over there"

    class Link(models.TextChoices):
        NONE = "none", "To no change"
        REFERENCE = "reference", "By its reference to the change"
        PERSON = "person", "By hand"
        UNLINKED = "unlinked", "Unlinked by hand"

    source = models.CharField(max_length=100)
    key = models.CharField(max_length=255, help_text="The source's own identifier.")
    status = models.CharField(max_length=10, choices=Status, default=Status.THERE)
    url = models.URLField("link", max_length=2000, blank=True)
    summary = models.TextField(blank=True)
    issue_type = models.CharField("type", max_length=255, blank=True)
    labels = models.TextField(blank=True)
    state = models.CharField("status over there", max_length=255, blank=True)
    is_emergency = models.BooleanField("looks like an emergency", default=False)
    created_at = models.DateTimeField(null=True, help_text="By the source's clock.")
    heard_at = models.DateTimeField("last told at", help_text="By the source's clock.")
    recorded_at = models.DateTimeField()
    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="tickets", null=True)
    link = models.CharField("linked", max_length=20, choices=Link, default=Link.NONE)
    linked_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)

    objects: ClassVar = TicketQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["source", "key"], name="each_ticket_once"),
            models.CheckConstraint(
                condition=~Q(source="") & ~Q(key=""), name="ticket_says_which_one_it_is"
            ),
            models.CheckConstraint(
                condition=Q(change=None, link__in=["none", "unlinked"])
                | Q(change__isnull=False, link__in=["reference", "person"]),
                name="linked_ticket_says_how",
            ),
            models.CheckConstraint(
                condition=~Q(link="person") | Q(linked_by__isnull=False),
                name="ticket_linked_by_hand_says_by_whom",
            ),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(is_emergency=True, change=None, status="there"),
                name="tickets_without_a_change",
            )
        ]

    def __str__(self) -> str:
        return self.key[:60]
