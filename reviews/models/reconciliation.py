"""What other systems saw and no change claimed, until a Lead has settled it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from changes.models import Deployment, EmergencyChange, Ticket
from ecportal.accounts.models import User
from ecportal.history import TrackedQuerySet, tracked
from incidents.models import Incident


class ReconciliationQuerySet(TrackedQuerySet["ReconciliationItem"]):
    def unsettled(self) -> "ReconciliationQuerySet":
        return self.filter(status=ReconciliationItem.Status.OPEN)

    def visible_to(self, user: User) -> "ReconciliationQuerySet":
        """All but those that were matched to a confidential change that the user may not see."""
        visible = EmergencyChange.objects.visible_to(user).values("pk")
        return self.filter(Q(change=None) | Q(change__in=visible))


def _one_of(*names: str) -> Q:
    """Return the condition that exactly one of these is set."""
    condition = Q()
    for chosen in names:
        condition |= Q(**{f"{name}__isnull": name != chosen for name in names}, kind=chosen)
    return condition


class ReconciliationItem(models.Model):
    """An incident, a deployment or a ticket that must end at a change, or at a reason why not.

    `rule` says in words why it is here, as it was when it was found.
    """

    class Kind(models.TextChoices):
        INCIDENT = "incident", "SEV-1 incident"
        DEPLOYMENT = "deployment", "Deployment"
        TICKET = "ticket", "Ticket"

    class Status(models.TextChoices):
        OPEN = "open", "Unmatched"
        MATCHED = "matched", "Matched"
        DISMISSED = "dismissed", "Dismissed"
        SETTLED = "settled", "Settled itself"

    kind = models.CharField(max_length=20, choices=Kind)
    incident = models.OneToOneField(
        Incident, models.PROTECT, related_name="reconciliation", null=True
    )
    deployment = models.OneToOneField(
        Deployment, models.PROTECT, related_name="reconciliation", null=True
    )
    ticket = models.OneToOneField(Ticket, models.PROTECT, related_name="reconciliation", null=True)
    rule = models.TextField("why it is here")
    found_at = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN, editable=False)
    change = models.ForeignKey(
        EmergencyChange, models.PROTECT, related_name="reconciled", null=True
    )
    settled_by = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    settled_at = models.DateTimeField(null=True)
    reason = models.TextField(blank=True)
    objects: ClassVar = ReconciliationQuerySet.as_manager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=_one_of("incident", "deployment", "ticket"),
                name="reconciliation_is_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(status="open", settled_by=None, settled_at=None, change=None)
                | ~Q(status="open")
                & Q(settled_by__isnull=False, settled_at__isnull=False)
                & ~Q(reason=""),
                name="settled_reconciliation_says_by_whom",
            ),
            models.CheckConstraint(
                condition=~Q(status="matched") | Q(change__isnull=False),
                name="matched_reconciliation_names_a_change",
            ),
            models.CheckConstraint(
                condition=~Q(status="dismissed") | Q(change=None),
                name="dismissed_reconciliation_names_no_change",
            ),
        ]
        indexes = [
            models.Index(
                fields=["found_at"], condition=Q(status="open"), name="reconciliations_open"
            )
        ]

    def __str__(self) -> str:
        about = str(self.about)
        # A deployment says itself that it is one.
        is_said = self.kind == self.Kind.DEPLOYMENT
        return about if is_said else f"{self.get_kind_display()} {about}"

    @property
    def about(self) -> Incident | Deployment | Ticket:
        """The incident, deployment or ticket itself."""
        found = self.incident or self.deployment or self.ticket
        assert found is not None
        return found
