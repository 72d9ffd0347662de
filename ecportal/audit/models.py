"""The three append-only tables of the trail; no foreign keys, so that nothing cascades into them.

Body, tree and note are specified where they are made: `bodies`, `tree`, `notes`.
"""

from django.db import models
from django.db.models import Q


class AuditEvent(models.Model):
    """Something that happened, as the canonical text that is hashed, and its MAC.

    A `history` event attests the history row `source_pk` of the model `source`; every other kind
    stands for itself. `body` is null only after an erasure that a `redaction` event orders.
    """

    kind = models.CharField(max_length=20)
    source = models.CharField(max_length=100, null=True)
    source_pk = models.BigIntegerField(null=True)
    # Text, never JSON: a JSON column may reorder, and then hash differently from what was written.
    body = models.TextField(null=True)
    mac = models.CharField("MAC", max_length=80)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "audit event"
        constraints = [
            models.UniqueConstraint(fields=["source", "source_pk"], name="row_attested_once")
        ]
        indexes = [
            models.Index(fields=["kind", "id"], condition=~Q(kind="history"), name="own_events")
        ]

    def __str__(self) -> str:
        return f"{self.kind} event {self.pk}"


class AuditLeaf(models.Model):
    """The place of one event in the tree: leaves are numbered 0, 1, 2, … without gaps."""

    idx = models.BigIntegerField("leaf", primary_key=True)
    event_id = models.BigIntegerField(unique=True)
    leaf_hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["idx"]
        verbose_name_plural = "audit leaves"

    def __str__(self) -> str:
        return f"leaf {self.idx}"


class AuditCheckpoint(models.Model):
    """The signed root of the tree when it had `size` leaves."""

    size = models.BigIntegerField("leaves")
    note = models.TextField("signed note")
    created_at = models.DateTimeField("signed at")

    class Meta:
        ordering = ["-pk"]
        verbose_name = "checkpoint"

    def __str__(self) -> str:
        return f"checkpoint of {self.size} leaves"
