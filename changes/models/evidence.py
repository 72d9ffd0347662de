"""What proves it: files stored under their digest, links, pasted logs."""

from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q

from changes.evidence_types import IMAGES, WORDS, broken_promise
from changes.models.change import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked

PREVIEW_BYTES: Final = 1024 * 1024
"""The largest picture that the page of a change shows by itself."""


class Evidence(models.Model):
    """One piece of evidence: a file, a link or a pasted log; never overwritten."""

    class Kind(models.TextChoices):
        EXECUTION = "execution", "Execution: deployment or system log"
        VERIFICATION = "verification", "Verification: the system is stable"
        APPROVAL = "approval", "Approval: call log or message"
        WHAT_CHANGED = "what_changed", "What changed: diff or commit"
        COMMUNICATION = "communication", "Communication"
        OTHER = "other", "Other"

    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="evidence")
    kind = models.CharField(max_length=20, choices=Kind)
    description = models.CharField("what it proves", max_length=300)
    source_system = models.CharField(max_length=100, blank=True)
    captured_at = models.DateTimeField(help_text="As claimed.")
    recorded_at = models.DateTimeField()
    attached_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    file = models.FileField(max_length=100, blank=True)
    file_name = models.CharField(max_length=255, blank=True, help_text="As the sender named it.")
    link = models.URLField(max_length=2000, blank=True)
    text = models.TextField(blank=True)
    size = models.PositiveBigIntegerField("size in bytes", null=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    content_type = models.CharField(
        "type", max_length=100, blank=True, default="", help_text="By the content, not the name."
    )
    supersedes = models.OneToOneField(
        "self", models.PROTECT, related_name="superseded_by", null=True, blank=True
    )
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "evidence"
        constraints = [
            models.CheckConstraint(
                condition=Q(file="", text="") & ~Q(link="")
                | Q(file="", link="") & ~Q(text="") & ~Q(sha256="")
                | Q(text="", link="") & ~Q(file="") & ~Q(sha256=""),
                name="evidence_is_one_of_file_link_text",
            ),
            models.CheckConstraint(
                condition=Q(captured_at__lte=F("recorded_at")), name="captured_in_the_past"
            ),
            models.CheckConstraint(
                condition=Q(supersedes=None) | Q(supersedes__lt=F("id")),
                name="evidence_supersedes_an_earlier_one",
            ),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def is_superseded(self) -> bool:
        return hasattr(self, "superseded_by")

    @property
    def has_preview(self) -> bool:
        """Whether it is a picture small enough to be shown among others."""
        return self.content_type in IMAGES and (self.size or 0) <= PREVIEW_BYTES

    @property
    def beginning(self) -> str:
        """Return the first lines of a pasted log."""
        return "\n".join(self.text[:600].splitlines()[:7])

    @property
    def promised(self) -> str:
        """Return what its name promises where its content is something else, or nothing."""
        return broken_promise(self.file_name, self.content_type)

    @property
    def kind_words(self) -> str:
        """Return the kind without what it is for."""
        return str(self.get_kind_display()).partition(":")[0]

    @property
    def type_words(self) -> str:
        return WORDS.get(self.content_type, "")


class EvidenceRead(models.Model):
    """Somebody read a piece of evidence; each read is logged, for whoever it is."""

    evidence = models.ForeignKey(Evidence, models.PROTECT, related_name="reads")
    reader = models.ForeignKey(User, models.PROTECT, related_name="+")
    read_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        verbose_name = "read of evidence"
        verbose_name_plural = "reads of evidence"

    def __str__(self) -> str:
        return f"{self.reader} read “{self.evidence}”"
