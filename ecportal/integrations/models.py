"""What other systems sent, as they sent it, and which of their objects stand for ours."""

from django.db import models


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


class Delivery(models.Model):
    """One delivery of a webhook, kept as it was received; worked on once, by a task.

    A system sends the same delivery again when it is not sure of the first: `delivery_id` is its
    own name for it, and unique. `event_at` is the system's clock, by which events are ordered.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Nothing to do"
        UNREADABLE = "unreadable", "Not understood"
        FAILED = "failed", "Failed"

    system = models.CharField(max_length=20, choices=System)
    delivery_id = models.CharField(max_length=200)
    event = models.CharField(max_length=100, blank=True)
    event_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    headers = models.JSONField(default=dict, help_text="Without those that hold a secret.")
    body = models.BinaryField()
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.WAITING)
    worked_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    answer = models.TextField("what came of it", blank=True)

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
        ]

    def __str__(self) -> str:
        return f"{self.get_system_display()} {self.event or 'delivery'} {self.delivery_id}"


class RemoteObject(models.Model):
    """An object of another system and the record of the portal that it stands for.

    `thread` is the record's number, such as INC-2026-0007 or EC-2026-0042. `heard_until` is the
    event time of the newest event that had an effect: what is older has none any more.
    """

    system = models.CharField(max_length=20, choices=System)
    kind = models.CharField(max_length=30, help_text="Such as incident, issue, message, note.")
    key = models.CharField(max_length=255, help_text="The other system's identifier.")
    thread = models.CharField(max_length=100, blank=True)
    url = models.URLField(max_length=2000, blank=True)
    heard_until = models.DateTimeField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["system", "kind", "key"], name="each_object_once")
        ]
        indexes = [models.Index(fields=["thread", "system"], name="objects_of_a_record")]

    def __str__(self) -> str:
        return f"{self.get_system_display()} {self.kind} {self.key}"
