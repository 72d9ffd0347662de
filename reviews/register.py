"""Raises exceptions by itself, each once, from acts and from deadlines that passed."""

from datetime import datetime

from django.dispatch import receiver
from django.utils import timezone

from changes.models import Deployment, EmergencyChange, ExecutionEntry
from ecportal.accounts.models import User
from ecportal.clock import company_time, due_day
from ecportal.lifecycle import REASON_LIMIT, Act, transitioned
from reviews.duties import breaches
from reviews.lifecycle import EXCEPTIONS
from reviews.models import ControlException, Deadline, RetrospectiveReview

Kind, Source = ControlException.Kind, ExecutionEntry.Source

LATE = {
    Deadline.Kind.APPROVAL: Kind.APPROVAL_LATE,
    Deadline.Kind.CONFIRMATION: Kind.UNCONFIRMED,
    Deadline.Kind.RETROACTIVE: Kind.RETROACTIVE_LATE,
    Deadline.Kind.DOCUMENTATION: Kind.DOCUMENTATION_LATE,
    Deadline.Kind.REVIEW: Kind.REVIEW_LATE,
}


def raise_exception(
    change: EmergencyChange, kind: str, detail: str, happened_at: datetime | None = None
) -> ControlException | None:
    """Register an exception unless the change has one of this kind; return the new one."""
    if change.exceptions.filter(kind=kind).exists():
        return None
    return EXCEPTIONS.perform(
        ControlException(change=change, kind=kind),
        "register",
        by=User.objects.system(),
        reason=detail[:REASON_LIMIT],
        happened_at=happened_at,
    )


def note_late(deadline: Deadline, moment: datetime) -> ControlException | None:
    """Register that a deadline passed; follow-up actions are overdue, but no exception."""
    kind = LATE.get(Deadline.Kind(deadline.kind))
    if kind is None:
        return None
    day, at = due_day(deadline.due_at, timezone.get_default_timezone())
    verb = "was met late" if deadline.met_at else "was not met in time"
    detail = f"{deadline.get_kind_display()} {verb}. It was due {day:%Y-%m-%d} {at} {day:%Z}."
    exception = raise_exception(deadline.change, kind, detail)
    if deadline.kind == Deadline.Kind.DOCUMENTATION and not deadline.change.evidence.exists():
        raise_exception(deadline.change, Kind.EVIDENCE_MISSING, "No evidence was attached in time.")
    return exception


@receiver(transitioned, sender=EmergencyChange)
def register_from_acts(record: EmergencyChange, act: Act, **_: object) -> None:
    if act.verb == "deny_approval":
        raise_exception(record, Kind.DENIED, f"{act.by} denied having approved: {act.reason}")
    if record.without_approval and act.verb in {"start", "start_unapproved", "deny_approval"}:
        assert record.started_at is not None
        when = company_time(record.started_at)
        after = (
            f" after it was rejected ({record.get_rejection_display()})" if record.rejection else ""
        )
        detail = f"Started {when:%Y-%m-%d %H:%M %Z}{after} without a valid approval: {act.reason}"
        raise_exception(record, Kind.UNAPPROVED, detail)
    if act.verb in {"finish", "log_execution"} and record.approved_at is not None:
        _compare_logs_with_approval(record, record.approved_at)
    if act.verb in {"start", "start_unapproved", "confirm_approval", "verify"}:
        found = breaches(record)
        if found:
            raise_exception(record, Kind.DUTIES, " ".join(found))


@receiver(transitioned, sender=Deployment)
def register_from_deployments(record: Deployment, **_: object) -> None:
    """What a pipeline tells is a log as well."""
    change = record.change
    if record.execution_id is not None and change is not None and change.approved_at is not None:
        _compare_logs_with_approval(change, change.approved_at)


def _compare_logs_with_approval(change: EmergencyChange, approved_at: datetime) -> None:
    """A log older than the approval says that the work was not approved when it was done."""
    logs = change.executions.exclude(source__in=(Source.HAND, Source.DETACHED))
    early = logs.filter(happened_at__lt=approved_at).first()
    if early is not None:
        when = company_time(early.happened_at)
        detail = f"A log of {when:%Y-%m-%d %H:%M %Z} is older than the approval: {early.text}"
        raise_exception(change, Kind.UNAPPROVED, detail)


@receiver(transitioned, sender=RetrospectiveReview)
def register_from_review(record: RetrospectiveReview, act: Act, **_: object) -> None:
    """A review that finds no genuine emergency is an exception."""
    if act.verb == "complete" and record.genuine is False:
        raise_exception(record.change, Kind.NOT_GENUINE, f"By the review: {act.reason}")
