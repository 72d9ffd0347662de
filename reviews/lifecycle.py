"""What may be done with reviews, follow-up actions, exceptions, ladders and company holidays."""

from django.dispatch import receiver

from changes.authority import implemented, requested
from changes.lifecycle import CHANGES, CLOSED, DOCUMENTED
from changes.models import EmergencyChange
from ecportal.clock import company_day
from ecportal.lifecycle import NEW, Act, Lifecycle, Transition, TransitionRefused, transitioned
from ecportal.numbering import take_number
from reviews.models import (
    CompanyHoliday,
    ControlException,
    Deadline,
    EscalationRung,
    FollowUpAction,
    RetrospectiveReview,
)


# --- the retrospective review -------------------------------------------------------------------
def change_documented(review: RetrospectiveReview, act: Act) -> str | None:
    status = review.change.status
    if status != DOCUMENTED:
        now = review.change.get_status_display().lower()
        return f"The change must be documented first; it stands at “{now}”."
    return None


def not_requester_nor_implementer(review: RetrospectiveReview, act: Act) -> str | None:
    """Segregation of duties (CC8.1): nobody reviews their own change or work."""
    if requested(act.by, review.change):
        return "You requested this change; someone else must review it."
    if implemented(act.by, review.change):
        return "You implemented this change; someone else must review it."
    return None


def schedule(review: RetrospectiveReview, act: Act) -> None:
    review.requester = review.change.requester
    assert review.change.implementer is not None
    review.implementer = review.change.implementer


def complete(review: RetrospectiveReview, act: Act) -> None:
    for name in ("genuine", "procedure_followed"):
        if act.data.get(name) is None:
            raise TransitionRefused("Answer with yes or no.", name)
    finished = review.change.finished_at
    if finished is not None and act.happened_at < finished:
        raise TransitionRefused("A review cannot be held before the work ended.", "happened_at")
    follow_ups, none_needed = act.data.get("follow_ups", ()), act.data.get("no_follow_up_reason")
    if not follow_ups and not none_needed and not review.change.follow_ups.exists():
        raise TransitionRefused(
            "Assign a follow-up action, or say why none is needed.", "no_follow_up_reason"
        )
    review.reviewer, review.held_at, review.recorded_at = act.by, act.happened_at, act.recorded_at
    review.requester = review.change.requester
    if review.change.implementer is not None:
        review.implementer = review.change.implementer
    review.genuine = act.data["genuine"]
    review.procedure_followed = act.data["procedure_followed"]
    review.appropriateness = act.reason
    review.lessons = act.data.get("lessons", "")
    review.no_follow_up_reason = none_needed or ""


def assign_and_close(review: RetrospectiveReview, act: Act) -> None:
    """Assign what follows, then close the change: the review is the only way to that status."""
    for values in act.data.get("follow_ups", ()):
        FOLLOW_UPS.perform(
            FollowUpAction(change=review.change, **values),
            "assign",
            by=act.by,
            reason=f"From the review of {review.change.number}.",
        )
    overdue = review.change.deadlines.overdue(act.recorded_at).filter(kind=Deadline.Kind.REVIEW)
    known = review.change.exceptions.filter(kind=ControlException.Kind.REVIEW_LATE)
    CHANGES.perform(
        review.change,
        "close",
        by=act.by,
        reason=act.reason,
        happened_at=act.happened_at,
        late=overdue.exists() or known.exists(),
    )


REVIEWS = Lifecycle(
    RetrospectiveReview,
    Transition("schedule", NEW, RetrospectiveReview.Status.SCHEDULED, [], schedule, internal=True),
    Transition("complete", {RetrospectiveReview.Status.SCHEDULED},
               RetrospectiveReview.Status.COMPLETED,
               [change_documented, not_requester_nor_implementer], complete, "Hold the review",
               after=assign_and_close),
)  # fmt: skip


@receiver(transitioned, sender=EmergencyChange)
def closed_by_review_alone(record: EmergencyChange, act: Act, target: str, **_: object) -> None:
    """Refuse to close a change whose review was not completed."""
    if act.verb == "close" and target == CLOSED:
        done = RetrospectiveReview.Status.COMPLETED
        if not RetrospectiveReview.objects.filter(change=record, status=done).exists():
            raise TransitionRefused("Only the retrospective review closes a change.")


# --- follow-up actions --------------------------------------------------------------------------
def due_in_the_future(action: FollowUpAction, act: Act) -> str | None:
    today = company_day(act.recorded_at)
    if action._state.adding and action.due_on < today:
        return "The due date has passed already. Choose a later day."
    return None


def owner_or_assigner(action: FollowUpAction, act: Act) -> str | None:
    if act.by.pk not in (action.owner_id, action.assigned_by_id):
        return f"Only {action.owner}, who owns this action, or {action.assigned_by} can finish it."
    return None


def assign(action: FollowUpAction, act: Act) -> None:
    action.number = take_number("FA")
    action.assigned_by = act.by


def finish(action: FollowUpAction, act: Act) -> None:
    action.finished_at, action.result = act.happened_at, act.reason


def reassign(action: FollowUpAction, act: Act) -> None:
    action.owner = act.data["owner"]


OPEN, DONE, DROPPED = FollowUpAction.Status

FOLLOW_UPS = Lifecycle(
    FollowUpAction,
    Transition("assign", NEW, OPEN, [due_in_the_future], assign, "Assign a follow-up action"),
    Transition("complete", {OPEN}, DONE, [owner_or_assigner], finish, "Mark as done"),
    Transition("reassign", {OPEN}, None, [], reassign, "Give it to somebody else"),
    Transition("drop", {OPEN}, DROPPED, [], finish, "Drop it…"),
)


# --- exceptions ---------------------------------------------------------------------------------
def register(exception: ControlException, act: Act) -> None:
    exception.detail = act.reason
    exception.happened_at, exception.recorded_at = act.happened_at, act.recorded_at


def answer(exception: ControlException, act: Act) -> None:
    exception.response = act.reason
    exception.answered_by, exception.answered_at = act.by, act.recorded_at


EXCEPTIONS = Lifecycle(
    ControlException,
    Transition("register", NEW, ControlException.Status.OPEN, [], register, internal=True),
    Transition("answer", {ControlException.Status.OPEN}, ControlException.Status.ANSWERED, [],
               answer, "Answer for management"),
)  # fmt: skip


# --- ladders and company holidays ---------------------------------------------------------------
RUNG_FIELDS = ("kind", "offset", "unit", "audience", "addresses", "respects_quiet_hours")


def write_rung(rung: EscalationRung, act: Act) -> None:
    for name in RUNG_FIELDS:
        setattr(rung, name, act.data.get(name, getattr(rung, name)))


IN_USE, RETIRED = EscalationRung.Status

RUNGS = Lifecycle(
    EscalationRung,
    Transition("define", NEW, IN_USE, [], write_rung, "Add a rung"),
    Transition("revise", {IN_USE}, None, [], write_rung, "Change it"),
    Transition("retire", {IN_USE}, RETIRED),
    Transition("reinstate", {RETIRED}, IN_USE),
)

DECLARED, WITHDRAWN = CompanyHoliday.Status

HOLIDAYS = Lifecycle(
    CompanyHoliday,
    Transition("declare", NEW, DECLARED, label="Add a company holiday"),
    Transition("declare", {WITHDRAWN}, DECLARED, label="Declare it again"),
    Transition("withdraw", {DECLARED}, WITHDRAWN),
)
