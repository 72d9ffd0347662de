"""Turns reminders that are due into one message a person, and those without need into a remark."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ecportal.accounts.models import User
from ecportal.history import acting
from ecportal.lifecycle import Act
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import recall
from reviews.models import Deadline, Notice, OpenReminder, Setback, Watch
from reviews.notifications import SHOWN, write_digest

BATCH = 500
TOGETHER = "Told together with a later rung"
NO_NEED = "Not sent: there was no more need by then"
PASSED_ON = "Not sent: given to somebody else before"


def tell(now: datetime) -> int:
    """Write one message to each recipient whose reminders are due; return how many messages.

    One transaction a recipient. Held reminders stay until their time, then the message says what
    is true at that time.
    """
    due = OpenReminder.objects.due(now).order_by("person", "address")
    recipients = list(due.values_list("person", "address").distinct())
    return sum(_tell_one(person, address, now) for person, address in recipients)


@transaction.atomic
def _tell_one(person_id: int | None, address: str, now: datetime) -> bool:
    theirs = OpenReminder.objects.due(now).filter(person=person_id, address=address)
    keys = list(theirs.select_for_update(skip_locked=True).values_list("pk", flat=True))
    latest: dict[int, int] = {}
    urgent: list[tuple[datetime, int]] = []
    for some in _batches(keys):
        columns = ("escalation__deadline", "escalation", "escalation__deadline__due_at")
        for deadline, escalation, due_at in some.values_list(*columns):
            latest[deadline] = max(escalation, latest.get(deadline, 0))
            urgent.append((due_at, deadline))
        urgent = sorted(set(urgent))[:SHOWN]
    if not keys:
        return False
    found = Deadline.objects.select_related("owner", "change__incident", "change__implementer")
    shown = list(found.filter(pk__in=[pk for _due, pk in urgent]))
    person = User.objects.get(pk=person_id) if person_id else None
    act = Act("remind", User.objects.system(), "Due by the ladder.", now, now)
    with acting(act):
        message = write_digest(address, person, shown, len(latest), now)
    for some in _batches(keys):
        for reminder in some.select_related("escalation", "person"):
            last = latest[reminder.escalation.deadline_id] == reminder.escalation_id
            act.save(_notice(reminder, message, "" if last else TOGETHER))
        some.delete()
    return True


def _batches(keys: list[int]) -> "list[QuerySet[OpenReminder]]":
    return [
        OpenReminder.objects.filter(pk__in=keys[first : first + BATCH]).order_by("pk")
        for first in range(0, len(keys), BATCH)
    ]


def _notice(reminder: OpenReminder, message: Message | None, remark: str) -> Notice:
    return Notice(
        escalation=reminder.escalation,
        person=reminder.person,
        address=reminder.address,
        message=message,
        remark=remark,
    )


# --- what ends a reminder before it was told ----------------------------------------------------
def end(deadline: Deadline, act: Act) -> None:
    """Stop watching a deadline that is met or void, and take back what was not sent about it.

    Comes before the deadline's own row is written: a sweep that looks at it now is waited for.
    """
    Watch.objects.filter(deadline=deadline).delete()
    take_back(deadline, act, NO_NEED)


def take_back(deadline: Deadline, act: Act, remark: str) -> bool:
    """Keep from being told what is not yet, each with the remark; return whether there was any."""
    opened = OpenReminder.objects.filter(escalation__deadline=deadline).order_by("pk")
    reminders = list(opened.select_for_update().all())
    for reminder in reminders:
        act.save(_notice(reminder, None, remark))
    OpenReminder.objects.filter(pk__in=[reminder.pk for reminder in reminders]).delete()
    return _recall(deadline, act.recorded_at) or bool(reminders)


def _recall(deadline: Deadline, moment: datetime) -> bool:
    """Recall messages that were not sent, unless they also tell of another running deadline."""
    recalled = False
    unsent = Message.objects.filter(sent_at=None, recalled_at=None)
    for message in unsent.filter(notices__escalation__deadline=deadline).distinct():
        others = Deadline.objects.running().exclude(pk=deadline.pk)
        if not others.filter(escalations__notices__message=message).exists():
            recalled |= recall(message, moment)
    return recalled


def pass_on(deadline: Deadline, act: Act) -> None:
    """Take back what the old owner was to be told; the next rung tells the new one at once."""
    if take_back(deadline, act, PASSED_ON):
        Setback.objects.create(deadline=deadline)
