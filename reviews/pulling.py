"""What pulls the next rung of a deadline forward, or ends the quiet hours of its reminders."""

from django.db.models import Exists, OuterRef
from django.dispatch import receiver

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.celery import wake
from ecportal.lifecycle import Act, transitioned
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import undelivered
from incidents.models import Incident
from reviews.models import Deadline, Escalation, Notice, OpenReminder, Setback
from reviews.models.deadline import DeadlineQuerySet
from reviews.tasks import sweep_deadlines


def _set_back(deadlines: DeadlineQuerySet) -> None:
    keys = deadlines.order_by().values_list("pk", flat=True)
    Setback.objects.bulk_create(Setback(deadline_id=key) for key in keys)
    wake(sweep_deadlines)


@receiver(undelivered)
def note_undelivered(message: Message, **_: object) -> None:
    """Write into the ledger that it never arrived; where nobody else was told, the next rung is."""
    now = clock.now()
    act = Act("note_undelivered", User.objects.system(), "The message did not arrive.", now, now)
    for notice in Notice.objects.filter(message=message, undelivered_at=None):
        notice.undelivered_at = now
        act.save(notice)
    arrived = Notice.objects.filter(
        escalation=OuterRef("pk"), message__isnull=False, undelivered_at=None
    )
    waiting = OpenReminder.objects.filter(escalation=OuterRef("pk"))
    silent = Escalation.objects.filter(~Exists(arrived), ~Exists(waiting), notices__message=message)
    _set_back(Deadline.objects.running().filter(escalations__in=silent).distinct())


@receiver(transitioned, sender=User)
def pass_duties_on(record: User, act: Act, **_: object) -> None:
    """Have somebody else told of what a person owes who is deactivated, by the next rung."""
    if act.verb == "deactivate":
        told = Escalation.objects.filter(deadline=OuterRef("pk"))
        _set_back(Deadline.objects.running().filter(Exists(told), owner=record))


@receiver(transitioned, sender=Incident)
def end_the_quiet(record: Incident, act: Act, **_: object) -> None:
    """An outage that is live again leaves nobody in peace."""
    if act.verb == "reopen":
        held = OpenReminder.objects.filter(escalation__deadline__change__incident=record)
        held.update(held_until=None)
        wake(sweep_deadlines)
