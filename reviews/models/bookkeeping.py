"""What the sweep notes down for itself, so that it need not look at everything; no evidence."""

from datetime import datetime
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import F, Q, Subquery

from ecportal.accounts.models import User
from reviews.models.deadline import CompanyHoliday, Deadline
from reviews.models.escalation import Escalation, EscalationRung

NEVER = -1


def _acts_on(model: Any) -> Subquery:
    rows = model.history.model.objects.order_by()
    number = models.Func(F("history_id"), function="COUNT", output_field=models.IntegerField())
    return Subquery(rows.annotate(number=number).values("number"))


class WatchQuerySet(models.QuerySet["Watch"]):
    def take(self, now: datetime, limit: int) -> list["Watch"]:
        """Lock and return up to `limit` deadlines to look at; another sweep's are left to it.

        First those whose time has come, then those last seen with other rungs or holidays. Two
        queries. `version` is that of the rungs and holidays read after this, or an older one.
        """
        rows = (
            self.select_for_update(of=("self",), skip_locked=True)
            .select_related(
                "deadline__owner", "deadline__change__incident",
                "deadline__change__approver", "deadline__change__asked_approver",
            )
            .annotate(version=_acts_on(EscalationRung) + _acts_on(CompanyHoliday))
        )  # fmt: skip
        due = list(rows.filter(look_at__lte=now).order_by("look_at")[:limit])
        if len(due) == limit:
            return due
        known = [watch.pk for watch in due]
        stale = rows.filter(ladder__lt=F("version")).exclude(pk__in=known).order_by("ladder")
        return [*due, *stale[: limit - len(due)]]


class Watch(models.Model):
    """A running deadline, and when the sweep must look at it next; goes when the deadline ends.

    `look_at` empty: not before the ladder changes. `ladder` counts the acts on rungs and company
    holidays that were known at the last look: with more of them the times of its rungs may be
    others, so the next sweep looks again. `pulled`: whoever was told last was not reached, so the
    next rung that tells somebody else is due at once.
    """

    deadline = models.OneToOneField(
        Deadline, models.PROTECT, related_name="watch", primary_key=True
    )
    look_at = models.DateTimeField(null=True, db_index=True)
    ladder = models.IntegerField(default=NEVER, db_index=True)
    late_noted = models.BooleanField(default=False)
    pulled = models.BooleanField(default=False)

    objects: ClassVar = WatchQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.deadline)


class SetbackQuerySet(models.QuerySet["Setback"]):
    def heed(self) -> None:
        """Have the next look at these deadlines, at any time of the clock, find somebody else."""
        with transaction.atomic():
            rows = dict(self.select_for_update(skip_locked=True).values_list("pk", "deadline"))
            if rows:
                watches = Watch.objects.filter(pk__in=set(rows.values()))
                watches.update(pulled=True, ladder=NEVER)
                self.filter(pk__in=rows).delete()


class Setback(models.Model):
    """Whoever was told of a deadline will not see to it; the next sweep pulls a rung forward.

    A row of its own, so that whoever writes it waits for nobody: an act that ends the deadline
    holds its watch and may be waiting for the message that failed.
    """

    deadline = models.ForeignKey(Deadline, models.PROTECT, related_name="+")

    objects: ClassVar = SetbackQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.deadline)


class ReminderQuerySet(models.QuerySet["OpenReminder"]):
    def due(self, now: datetime) -> "ReminderQuerySet":
        return self.filter(Q(held_until=None) | Q(held_until__lte=now))


class OpenReminder(models.Model):
    """Somebody is to be told of a rung that was reached; becomes a notice in the ledger.

    Written with the escalation, gone with the message that tells of it: a sweep that dies between
    the two leaves it to the next. `held_until`: the end of the recipient's quiet hours.
    """

    escalation = models.ForeignKey(Escalation, models.PROTECT, related_name="open_reminders")
    person = models.ForeignKey(User, models.PROTECT, related_name="+", null=True)
    address = models.CharField(max_length=254)
    held_until = models.DateTimeField(null=True)

    objects: ClassVar = ReminderQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.address

    @property
    def recipient(self) -> str:
        return str(self.person or self.address)
