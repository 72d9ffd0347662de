"""What other systems sent, as they sent it, and which of their objects stand for ours."""

from datetime import datetime, timedelta
from typing import ClassVar, Final

from django.db import models
from django.db.models import F, Q

from ecportal.history import TrackedQuerySet, tracked

MOST_ATTEMPTS: Final = 6
"""So many attempts that failed and a delivery is failed: about half an hour of trying."""

WORKED_ON: Final = ("body", "headers", "outcome", "worked_at", "attempts", "answer")
"""What no history covers: the body, whose digest it has, and how far the work on it got."""


class System(models.TextChoices):
    """The other systems, by the name that stands in the address of their hook."""

    PAGERDUTY = "pagerduty", "PagerDuty"
    ALERTMANAGER = "alertmanager", "Alertmanager"
    JIRA = "jira", "Jira"
    GITHUB = "github", "GitHub"
    GITLAB = "gitlab", "GitLab"
    CDEVENTS = "cdevents", "CDEvents"
    SLACK = "slack", "Slack"
    WEBHOOK = "webhook", "Webhooks"


class DeliveryQuerySet(TrackedQuerySet["Delivery"]):
    def waiting(self, moment: datetime) -> "DeliveryQuerySet":
        """To be worked on at `moment`, in the order in which it happened over there.

        What failed waits 1, 2, 4, … minutes; a time ahead of the clock, which was set back, does
        not hold it up.
        """
        due = Q(attempts=0) | Q(worked_at__gt=moment)
        for attempts in range(1, MOST_ATTEMPTS):
            due |= Q(attempts=attempts, worked_at__lte=moment - delay_after(attempts))
        return self.filter(due, outcome=Delivery.Outcome.WAITING).order_by(
            F("event_at").asc(nulls_first=True), "pk"
        )


def delay_after(attempts: int) -> timedelta:
    return timedelta(minutes=2 ** (attempts - 1))


class Delivery(models.Model):
    """One delivery of a webhook, kept as it was received; worked on once, by a task.

    A system sends the same delivery again when it is not sure of the first: `delivery_id` is its
    own name for it, and unique. `event_at` is the system's clock, by which events are ordered.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Nothing to do"
        UNLINKED = "unlinked", "About nothing known here"
        UNREADABLE = "unreadable", "Not understood"
        FAILED = "failed", "Failed"

    system = models.CharField(max_length=20, choices=System)
    delivery_id = models.CharField(max_length=200)
    event = models.CharField(max_length=100, blank=True)
    about = models.CharField(
        max_length=255, blank=True, help_text="The other system's key of what it tells of."
    )
    event_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    headers = models.JSONField(default=dict, help_text="Without those that hold a secret.")
    body = models.BinaryField()
    sha256 = models.CharField("SHA-256 of the body", max_length=64, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.WAITING)
    worked_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    answer = models.TextField("what came of it", blank=True)

    objects: ClassVar = DeliveryQuerySet.as_manager()
    # That it came, when and with which digest, and acts of people; what the task does is beside.
    history = tracked(excluded_fields=[*WORKED_ON])

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(fields=["system", "delivery_id"], name="each_delivery_once")
        ]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(outcome="waiting"), name="deliveries_to_work_on"
            ),
            models.Index(fields=["system", "received_at"], name="deliveries_of_a_system"),
            models.Index(
                fields=["system", "about"],
                condition=models.Q(outcome="unlinked"),
                name="deliveries_about_unknown",
            ),
            models.Index(
                fields=["id"], condition=models.Q(outcome="failed"), name="deliveries_that_failed"
            ),
        ]

    def __str__(self) -> str:
        words = (self.get_system_display(), self.event or f"delivery {self.pk}", self.about[:60])
        return " ".join(filter(None, words))

    @property
    def status(self) -> str:
        """What a person can do about it depends on this alone."""
        return self.outcome

    def get_status_display(self) -> str:
        return str(self.get_outcome_display())


class RemoteObject(models.Model):
    """An object of another system and the record of the portal that it stands for.

    `thread` is the record's number, such as INC-2026-0007 or EC-2026-0042. `heard_until` is the
    event time of the newest event that had an effect. An event may tell of some values only, so
    `heard` keeps of each value when it was last told: what is older has no effect any more.
    """

    system = models.CharField(max_length=20, choices=System)
    kind = models.CharField(max_length=30, help_text="Such as incident, issue, message, note.")
    key = models.CharField(max_length=255, help_text="The other system's identifier.")
    thread = models.CharField(max_length=100, blank=True)
    url = models.URLField(max_length=2000, blank=True)
    heard_until = models.DateTimeField(null=True)
    heard = models.JSONField(
        default=dict, help_text="What was last said of each of its values, and when."
    )
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["system", "kind", "key"], name="each_object_once")
        ]
        indexes = [models.Index(fields=["thread", "system"], name="objects_of_a_record")]

    def __str__(self) -> str:
        return f"{self.get_system_display()} {self.kind} {self.key}"
