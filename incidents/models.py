"""What is recorded about an incident: systems, notes, and the determination of an emergency."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.clock import duration
from ecportal.history import TrackedManager, TrackedQuerySet, tracked


class System(models.Model):
    """A production system; who decides on its emergency changes can be granted one by one."""

    class Status(models.TextChoices):
        ACTIVE = "active", "In use"
        RETIRED = "retired", "Retired"

    name = models.CharField(max_length=100, unique=True)
    description = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE, editable=False)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class IncidentQuerySet(TrackedQuerySet["Incident"]):
    def live(self) -> "IncidentQuerySet":
        """The outage, or whatever it is, still goes on."""
        return self.filter(status=Incident.Status.OPEN)


class Incident(models.Model):
    """Something that went wrong in production, from whichever source we heard of it."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RESOLVED = "resolved", "Resolved"
        CANCELLED = "cancelled", "Cancelled"

    class Severity(models.IntegerChoices):
        SEV1 = 1, "SEV-1"
        SEV2 = 2, "SEV-2"
        SEV3 = 3, "SEV-3"
        SEV4 = 4, "SEV-4"

    class Source(models.TextChoices):
        PERSON = "person", "A person"
        PAGERDUTY = "pagerduty", "PagerDuty"
        ALERTMANAGER = "alertmanager", "Alertmanager"
        CDEVENTS = "cdevents", "CDEvents"

    number = models.CharField(max_length=20, unique=True, editable=False)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity, default=Severity.SEV1)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN, editable=False)
    source = models.CharField(max_length=20, choices=Source, default=Source.PERSON, editable=False)
    source_key = models.CharField(
        max_length=200, blank=True, editable=False, help_text="The source's own identifier."
    )
    source_url = models.URLField("link", max_length=500, blank=True)
    began_at = models.DateTimeField(help_text="When it began or was detected, as claimed.")
    recorded_at = models.DateTimeField(editable=False)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)
    resolved_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar = IncidentQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(number=""), name="incident_has_a_number"),
            models.CheckConstraint(
                condition=Q(began_at__lte=F("recorded_at")), name="incident_began_in_the_past"
            ),
            models.CheckConstraint(
                condition=Q(status="resolved", resolved_at__isnull=False)
                | ~Q(status="resolved") & Q(resolved_at=None),
                name="resolved_incident_says_when",
            ),
            models.UniqueConstraint(
                fields=["source", "source_key"],
                condition=~Q(source_key=""),
                name="one_incident_an_alert",
            ),
        ]
        indexes = [models.Index(fields=["status", "severity"], name="incident_by_status")]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def is_live(self) -> bool:
        return self.status == self.Status.OPEN

    @property
    def lasts(self) -> str:
        """Return how long it has lasted, in words; the status says whether it still does."""
        length = duration((self.resolved_at or clock.now()) - self.began_at)
        return f"live for {length}" if self.is_live else f"lasted {length}"


class IncidentSystem(models.Model):
    """A system that an incident concerns."""

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="affected")
    system = models.ForeignKey(System, models.PROTECT, related_name="+")
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "system"], name="incident_names_system_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.system)


class IncidentNote(models.Model):
    """Something said or seen during an incident."""

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="notes")
    text = models.TextField()
    written_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    happened_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["happened_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(happened_at__lte=F("recorded_at")), name="note_happened_in_the_past"
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]


class Determination(models.Model):
    """The documented decision whether an incident is an emergency, and why (step 1)."""

    class Verdict(models.TextChoices):
        EMERGENCY = "emergency", "Emergency"
        NOT_EMERGENCY = "not_emergency", "Not an emergency"

    class Criterion(models.TextChoices):
        OUTAGE = "outage", "Service outage"
        SECURITY = "security", "Security risk"
        INTEGRITY = "integrity", "Data integrity"

    class Imminence(models.TextChoices):
        OCCURRING = "occurring", "Occurring now"
        IMMINENT = "imminent", "About to happen"

    class Basis(models.TextChoices):
        MONITORING = "monitoring", "Monitoring"
        ALERT = "alert", "Alert"
        CUSTOMERS = "customers", "Customer impact"

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="determinations")
    verdict = models.CharField(max_length=20, choices=Verdict, default=Verdict.EMERGENCY)
    criterion = models.CharField(max_length=20, choices=Criterion, blank=True)
    imminence = models.CharField(max_length=20, choices=Imminence, default=Imminence.OCCURRING)
    basis = models.CharField(max_length=20, choices=Basis, default=Basis.MONITORING)
    why_not_normal = models.TextField("why the normal process can or cannot be used", blank=True)
    confidential = models.BooleanField(
        default=False, help_text="The reason is shown with the change alone."
    )
    decided_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict="not_emergency") | ~Q(criterion="") & ~Q(why_not_normal=""),
                name="emergency_says_which_and_why",
            ),
            models.CheckConstraint(
                condition=Q(decided_at__lte=F("recorded_at")),
                name="determined_in_the_past",
            ),
        ]

    def __str__(self) -> str:
        kind = f", {self.get_criterion_display().lower()}" if self.criterion else ""
        return f"{self.get_verdict_display()}{kind}"

    @property
    def is_emergency(self) -> bool:
        return self.verdict == self.Verdict.EMERGENCY
