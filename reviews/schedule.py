"""Which act starts, meets or voids which deadline, and when each is due."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.dispatch import receiver

from changes.models import Deviation, EmergencyChange, Policy
from ecportal.accounts.models import User
from ecportal.celery import wake
from ecportal.lifecycle import Act, transitioned
from reviews.business_days import company_calendar, next_business_day
from reviews.lifecycle import REVIEWS
from reviews.models import Deadline, FollowUpAction, RetrospectiveReview, Watch
from reviews.register import note_late
from reviews.tasks import sweep_deadlines
from reviews.telling import end, pass_on

Kind = Deadline.Kind
Step = Callable[[EmergencyChange, Act], None]


# --- the three things that happen to a deadline -------------------------------------------------
def start(
    act: Act,
    change: EmergencyChange,
    kind: str,
    due: tuple[datetime, str],
    owner: User | None,
    *,
    since: datetime,
    follow_up: FollowUpAction | None = None,
    deviation: Deviation | None = None,
) -> None:
    due_at, rule = due
    deadline = Deadline(
        kind=kind,
        change=change,
        owner=owner,
        started_at=since,
        due_at=max(due_at, since),
        rule=rule,
        follow_up=follow_up,
        deviation=deviation,
    )
    act.save(deadline)
    Watch.objects.create(deadline=deadline)


def meet(act: Act, change: EmergencyChange, kind: str, **subject: object) -> None:
    """Mark what runs of this kind as met, by the server's clock; late is an exception."""
    for deadline in change.deadlines.running().filter(kind=kind, **subject):
        end(deadline, act)
        deadline.met_at = act.recorded_at
        act.save(deadline)
        if deadline.is_late(act.recorded_at):
            note_late(deadline, act.recorded_at)


def void(act: Act, change: EmergencyChange, *kinds: str, **subject: object) -> None:
    """Mark what runs of these kinds as void: nothing is owed any more. That it was late remains."""
    for deadline in change.deadlines.running().filter(kind__in=kinds, **subject):
        end(deadline, act)
        if deadline.is_late(act.recorded_at):
            note_late(deadline, act.recorded_at)
        deadline.voided_at = act.recorded_at
        act.save(deadline)


# --- steps of a change --------------------------------------------------------------------------
def ask_for_decision(change: EmergencyChange, act: Act) -> None:
    minutes = Policy.in_force().approval_minutes
    due = act.recorded_at + timedelta(minutes=minutes), f"{minutes} minutes after it was asked for"
    start(act, change, Kind.APPROVAL, due, change.asked_approver, since=act.recorded_at)


def decided(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.APPROVAL)
    void(act, change, Kind.CONFIRMATION)


def ask_for_confirmation(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.APPROVAL)
    hours = Policy.in_force().confirmation_hours
    due = act.recorded_at + timedelta(hours=hours), f"{hours} hours after the claim was written"
    start(act, change, Kind.CONFIRMATION, due, change.approver, since=act.recorded_at)


def confirmed(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.CONFIRMATION)


def denied(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.CONFIRMATION)
    if change.has_started:
        ask_for_retroactive_decision(change, act)
    else:
        ask_for_decision(change, act)


def ask_for_retroactive_decision(change: EmergencyChange, act: Act) -> None:
    void(act, change, Kind.APPROVAL)
    due = next_business_day(act.happened_at)
    start(act, change, Kind.RETROACTIVE, due, None, since=act.happened_at)


def decided_retroactively(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.RETROACTIVE)


def ask_for_documents_and_review(change: EmergencyChange, act: Act) -> None:
    hours = Policy.in_force().documentation_hours
    due = act.happened_at + timedelta(hours=hours), f"{hours} hours after the implementation"
    start(act, change, Kind.DOCUMENTATION, due, change.implementer, since=act.happened_at)
    due = next_business_day(act.happened_at)
    start(act, change, Kind.REVIEW, due, None, since=act.happened_at)
    if not RetrospectiveReview.objects.filter(change=change).exists():
        REVIEWS.perform(
            RetrospectiveReview(change=change),
            "schedule",
            by=User.objects.system(),
            reason=f"{change.number} was implemented.",
        )


def ask_for_catch_up(change: EmergencyChange, act: Act) -> None:
    for deviation in change.deviations.filter(catch_up_on__isnull=False, deadlines=None):
        assert deviation.catch_up_on is not None
        due = (
            company_calendar().end_of_day(deviation.catch_up_on),
            "The day named with the deviation",
        )
        start(act, change, Kind.CATCH_UP, due, act.by, since=act.recorded_at, deviation=deviation)


def caught_up(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.CATCH_UP, deviation=act.data["deviation"])


def sent_back(change: EmergencyChange, act: Act) -> None:
    void(act, change, Kind.DOCUMENTATION, Kind.REVIEW)


def documented(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.DOCUMENTATION)


def reviewed(change: EmergencyChange, act: Act) -> None:
    meet(act, change, Kind.REVIEW)


def withdrawn(change: EmergencyChange, act: Act) -> None:
    void(act, change, Kind.APPROVAL, Kind.CONFIRMATION)


STEPS: dict[str, tuple[Step, ...]] = {
    "submit": (ask_for_decision,),
    "approve": (decided,),
    "reject": (decided,),
    "claim_approval": (ask_for_confirmation,),
    "confirm_approval": (confirmed,),
    "deny_approval": (denied,),
    "start_unapproved": (ask_for_retroactive_decision,),
    "approve_retroactively": (decided_retroactively,),
    "reject_retroactively": (decided_retroactively,),
    "finish": (ask_for_documents_and_review, ask_for_catch_up),
    "record_deviation": (ask_for_catch_up,),
    "catch_up": (caught_up,),
    "report_instability": (sent_back,),
    "document": (documented,),
    "close": (reviewed,),
    "amend": (withdrawn,),
    "cancel": (withdrawn,),
}


@receiver(transitioned, sender=EmergencyChange)
def keep_deadlines(record: EmergencyChange, act: Act, **_: object) -> None:
    steps = STEPS.get(act.verb, ())
    for step in steps:
        step(record, act)
    if steps:
        wake(sweep_deadlines)


@receiver(transitioned, sender=FollowUpAction)
def keep_follow_up_deadlines(record: FollowUpAction, act: Act, **_: object) -> None:
    """A follow-up action is due at the end of its day, whoever owns it by then."""
    if act.verb == "assign":
        due = company_calendar().end_of_day(record.due_on), "The day named with the action"
        start(
            act, record.change, Kind.FOLLOW_UP, due, record.owner,
            since=act.recorded_at, follow_up=record,
        )  # fmt: skip
    elif act.verb == "complete":
        meet(act, record.change, Kind.FOLLOW_UP, follow_up=record)
    elif act.verb == "drop":
        void(act, record.change, Kind.FOLLOW_UP, follow_up=record)
    elif act.verb == "reassign":
        for deadline in record.deadlines.running():
            deadline.owner = record.owner
            act.save(deadline)
            pass_on(deadline, act)
    wake(sweep_deadlines)
