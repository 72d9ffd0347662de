"""An evidence pack that somebody asked for: a job and its file, no record of the process."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.core.files.storage import Storage, storages
from django.db import models
from django.db.models import Q

from ecportal.accounts.models import User

LEASE = timedelta(minutes=5)
"""How long a builder may be silent; then it is taken to have died, and another one begins anew."""


def kept_packs() -> Storage:
    """Return where the files are kept; the worker writes there, the web server reads."""
    return storages["packs"]


class EvidencePackQuerySet(models.QuerySet["EvidencePack"]):
    def unfinished(self) -> "EvidencePackQuerySet":
        return self.filter(finished_at=None, failed_at=None)

    def in_hand(self, moment: datetime) -> "EvidencePackQuerySet":
        """Being built at `moment`, by a builder that was heard of lately."""
        return self.unfinished().filter(taken_at__gt=moment - LEASE)


class EvidencePack(models.Model):
    """Built by a worker, kept for some days; what left the portal is told by events, not here."""

    label = models.CharField("what", max_length=200)
    numbers = models.TextField("changes")
    begins_on = models.DateField(null=True)
    ends_on = models.DateField(null=True)
    withheld = models.TextField(
        blank=True, help_text="Confidential changes of the period that the requester may not see."
    )
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, help_text="When its builder was last heard of.")
    attempts = models.PositiveIntegerField(default=0)
    stage = models.CharField(max_length=100, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField()
    finished_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    file = models.CharField(max_length=200, blank=True, help_text="Its name in the storage.")
    size = models.PositiveBigIntegerField("size in bytes", null=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    warning = models.TextField(blank=True)
    removed_at = models.DateTimeField(null=True)

    objects: ClassVar = EvidencePackQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "evidence pack"
        constraints = [
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(failed_at=None), name="pack_finished_or_failed"
            )
        ]
        indexes = [
            models.Index(
                fields=["id"],
                condition=Q(finished_at=None, failed_at=None),
                name="unfinished_packs",
            )
        ]

    def __str__(self) -> str:
        return f"Evidence pack {self.pk}: {self.label}"

    @property
    def changes(self) -> list[str]:
        return self.numbers.split()

    @property
    def is_waiting(self) -> bool:
        """Whether somebody still has to build it, or does so now."""
        return self.finished_at is None and self.failed_at is None

    @property
    def is_ready(self) -> bool:
        return self.finished_at is not None and self.removed_at is None and bool(self.file)

    @property
    def state(self) -> tuple[str, str]:
        """Return how far it is in a word, and the tone of its pill."""
        if self.failed_at is not None:
            return "Failed", "bad"
        if self.removed_at is not None:
            return "Removed", "mute"
        if self.finished_at is not None:
            return "Ready", "ok"
        return ("Building", "info") if self.taken_at is not None else ("Waiting", "warn")

    @property
    def file_name(self) -> str:
        """Return what a download is called."""
        [first, *more] = self.changes
        if self.begins_on and self.ends_on:
            first = f"EC-{self.begins_on}-to-{self.ends_on}"
        elif more:
            first = f"{first}-and-{len(more)}-more"
        return f"{first}-evidence.zip"
