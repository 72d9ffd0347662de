"""The decisions on a change: in system, verbal and then confirmed or denied, retroactive."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from changes.models.change import EmergencyChange
from changes.models.delegation import Delegation
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked


class Approval(models.Model):
    """One decision on one change, with what was shown to whoever decided.

    A verbal approval is first a claim by an Engineer; only the named approver, under their own
    login, makes it confirmed or denied.
    """

    class Kind(models.TextChoices):
        IN_SYSTEM = "in_system", "In the portal"
        VERBAL = "verbal", "Verbal"
        RETROACTIVE = "retroactive", "Retroactive"

    class Status(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"
        CLAIMED = "claimed", "Claimed, not confirmed"
        CONFIRMED = "confirmed", "Confirmed"
        DENIED = "denied", "Denied"
        WITHDRAWN = "withdrawn", "Withdrawn"

    STANDING = (Status.APPROVED, Status.CLAIMED, Status.CONFIRMED)

    class Channel(models.TextChoices):
        PHONE = "phone", "Phone"
        VIDEO = "video", "Video call"
        CHAT = "chat", "Chat"
        IN_PERSON = "in_person", "In person"

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="approvals")
    kind = models.CharField(max_length=20, choices=Kind)
    status = models.CharField(max_length=20, choices=Status)
    approver = models.ForeignKey(User, models.PROTECT, related_name="+")
    requester = models.ForeignKey(User, models.PROTECT, related_name="+")
    delegation = models.ForeignKey(Delegation, models.PROTECT, related_name="+", null=True)
    decided_at = models.DateTimeField(help_text="When it was decided; for a claim, as claimed.")
    recorded_at = models.DateTimeField()
    comment = models.TextField(help_text="The reason; for a claim, what was said.")
    shown = models.TextField(help_text="What was shown for the decision, as JSON.")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of what was shown.")
    channel = models.CharField(max_length=20, choices=Channel, blank=True)
    call_log = models.URLField("link or call log", max_length=500, blank=True)
    claimed_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    answered_at = models.DateTimeField(
        null=True, help_text="When the named approver confirmed or denied the claim."
    )
    answer = models.TextField(blank=True)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(approver=F("requester")), name="nobody_decides_on_their_own_change"
            ),
            models.CheckConstraint(
                condition=~Q(kind="verbal") | Q(claimed_by__isnull=False) & ~Q(channel=""),
                name="verbal_approval_says_who_claims_it",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["claimed", "confirmed", "denied"]) | Q(kind="verbal"),
                name="only_a_claim_is_confirmed_or_denied",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["confirmed", "denied"]) | Q(answered_at__isnull=False),
                name="answered_claim_says_when",
            ),
            models.CheckConstraint(
                condition=Q(claimed_by=None) | ~Q(claimed_by=F("approver")),
                name="nobody_claims_their_own_approval",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__lte=F("recorded_at")), name="decided_in_the_past"
            ),
            models.UniqueConstraint(
                fields=["change"],
                condition=Q(status__in=["approved", "claimed", "confirmed"]),
                name="one_standing_approval_a_change",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.get_status_display().lower()}"

    @property
    def decided_by(self) -> str:
        """Return who decided, in words: "B for A (delegation 12)" when delegated."""
        return self.delegation.in_words() if self.delegation else str(self.approver)

    @property
    def stands(self) -> bool:
        """Whether it was given, claimed or confirmed, and neither withdrawn nor denied since."""
        return self.status in self.STANDING

    @property
    def is_unconfirmed(self) -> bool:
        return self.status == self.Status.CLAIMED
