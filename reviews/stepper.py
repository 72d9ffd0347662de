"""Where a change stands on its seven steps: who did which, what is next, and what went wrong."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from changes.guards import standing_approval
from changes.models import Approval, EmergencyChange, StabilityCheck
from ecportal.clock import duration
from reviews.models import Deadline, RetrospectiveReview
from reviews.steps import DONE, FLAGGED, NOW, REJECTED, SKIPPED, TO_COME, Step, in_a_row

Status, Kind = EmergencyChange.Status, Deadline.Kind
Rejection = EmergencyChange.Rejection
A_LEAD, AN_ENGINEER = "A Lead", "An Engineer"


def seven_steps(change: EmergencyChange) -> list[Step]:
    """Return the steps of the change as it stands.

    Asks nothing where the people, approvals, checks, evidence, deadlines and review are loaded.
    """
    steps = [
        _determine(change),
        _open(change),
        _approve(change),
        _implement(change),
        _verify(change),
        _document(change),
        _review(change),
    ]
    return list(in_a_row(_ended(change, steps)))


def _ended(change: EmergencyChange, steps: list[Step]) -> Iterator[Step]:
    """Mark what is not reached any more: all to come of a cancelled or refused change."""
    words = "Cancelled" if change.status == Status.CANCELLED else ""
    for step in steps:
        if step.state == TO_COME and change.leads_nowhere:
            yield replace(step, state=SKIPPED, due_at=None, person="", note=words)
            words = ""
        else:
            yield step


def _determine(change: EmergencyChange) -> Step:
    decision = change.determination
    note = f"{decision.get_criterion_display()}, {change.incident.get_severity_display()}"
    return Step(1, "Determine", DONE, str(decision.decided_by), decision.decided_at, note=note)


def _open(change: EmergencyChange) -> Step:
    step = Step(2, "Open", DONE, str(change.requester), change.opened_at)
    if change.status == Status.DRAFT:
        return replace(step, state=NOW, note="Approval not asked for yet")
    after = change.opened_at - change.incident.began_at
    return replace(step, note=f"{duration(after)} after it began")


# --- 3 Approve ----------------------------------------------------------------------------------
REFUSED = {
    Rejection.SENT_BACK: "Sent back",
    Rejection.REFUSED: "Refused",
    Rejection.NOT_EMERGENCY: "Not an emergency",
}


def _approve(change: EmergencyChange) -> Step:
    step = Step(3, "Approve", TO_COME)
    standing = standing_approval(change)
    if standing is not None:
        return _approved(change, standing, step)
    newest = max(change.approvals.all(), key=lambda approval: approval.pk, default=None)
    if change.status == Status.SUBMITTED:
        denied = newest is not None and newest.status == Approval.Status.DENIED
        note = "Claim denied, asked again" if denied else "Waiting for a decision"
        asked = str(change.asked_approver or A_LEAD)
        return replace(step, state=NOW, person=asked, due_at=_due(change, Kind.APPROVAL), note=note)
    if newest is not None and newest.status == Approval.Status.REJECTED:
        return _rejected(change, newest, step)
    if change.without_approval:
        denied = newest is not None and newest.status == Approval.Status.DENIED
        who = str(newest.approver) if newest is not None and denied else A_LEAD
        note = "Verbal approval denied" if denied else "Started without it"
        due_at = _due(change, Kind.RETROACTIVE)
        return replace(step, state=FLAGGED, person=who, due_at=due_at, note=note)
    withdrawn = newest is not None and newest.status == Approval.Status.WITHDRAWN
    return replace(step, note="Withdrawn" if withdrawn else "")


def _approved(change: EmergencyChange, approval: Approval, step: Step) -> Step:
    step = replace(step, person=approval.decided_by, at=approval.decided_at)
    if approval.is_unconfirmed:
        return replace(step, state=FLAGGED, note="Verbal, not confirmed")
    if approval.kind == Approval.Kind.RETROACTIVE or change.without_approval:
        return replace(step, state=FLAGGED, note="After the work began")
    verbal = approval.kind == Approval.Kind.VERBAL
    late = _late(change, Kind.CONFIRMATION if verbal else Kind.APPROVAL)
    words = "Verbal, confirmed" if verbal else "In the portal"
    note = f"Confirmed {late}" if late and verbal else late or words
    return replace(step, state=FLAGGED if late else DONE, note=note)


def _rejected(change: EmergencyChange, decision: Approval, step: Step) -> Step:
    note = REFUSED.get(Rejection(change.rejection)) if change.rejection else ""
    if decision.kind == Approval.Kind.RETROACTIVE:
        note = "After the work began"
    elif change.has_started:
        note = "Started all the same"
    elif change.status in (Status.DRAFT, Status.CANCELLED):
        return replace(step, note="Sent back before")
    who = decision.decided_by
    return replace(step, state=REJECTED, person=who, at=decision.decided_at, note=note or "")


# --- 4 to 7 -------------------------------------------------------------------------------------
def _implement(change: EmergencyChange) -> Step:
    step = Step(4, "Implement", TO_COME, str(change.implementer or ""), change.started_at)
    if change.status == Status.APPROVED:
        return replace(step, state=NOW, person=AN_ENGINEER, note="May start")
    if not change.has_started:
        return step
    flag = "Without approval" if change.without_approval else ""
    if change.status == Status.IMPLEMENTING:
        again = "Again, as it was not stable" if _unstable(change) else ""
        return replace(step, state=NOW, note=flag or again or "Under way")
    step = replace(step, until=change.finished_at, note=flag or change.get_outcome_display())
    return replace(step, state=FLAGGED if flag else DONE)


def _verify(change: EmergencyChange) -> Step:
    step = Step(5, "Verify", TO_COME)
    if change.verified_at is not None and change.finished_at is not None:
        stable = duration(change.verified_at - change.finished_at)
        who, at = str(change.verifier), change.verified_at
        return replace(step, state=DONE, person=who, at=at, note=f"Stable for {stable}")
    if change.status == Status.IMPLEMENTED:
        return replace(step, state=NOW, person=AN_ENGINEER, note="Watching stability")
    failed = _unstable(change)
    if failed is None:
        return step
    who, at = str(failed.checked_by), failed.happened_at
    return replace(step, state=FLAGGED, person=who, at=at, note="Not stable")


def _unstable(change: EmergencyChange) -> StabilityCheck | None:
    """Return the check that sent it back, where the newest one did."""
    newest = max(change.checks.all(), key=lambda check: check.pk, default=None)
    return newest if newest is not None and not newest.stable else None


def _document(change: EmergencyChange) -> Step:
    pieces = len(change.evidence.all())
    note = f"{pieces} piece{'s' * (pieces != 1)} of evidence" if pieces else "No evidence yet"
    step = Step(6, "Document", TO_COME, note=note if pieces else "")
    if change.documented_at is not None:
        late = _late(change, Kind.DOCUMENTATION)
        done = replace(step, person=str(change.documenter), at=change.documented_at)
        return replace(done, state=FLAGGED if late else DONE, note=late or note)
    due_at, who = _due(change, Kind.DOCUMENTATION), str(change.implementer or "")
    if change.status == Status.VERIFIED:
        return replace(step, state=NOW, person=who or AN_ENGINEER, due_at=due_at, note=note)
    return replace(step, due_at=due_at, person=who if due_at else "")


def _review(change: EmergencyChange) -> Step:
    step = Step(7, "Review", TO_COME)
    review: RetrospectiveReview | None = getattr(change, "review", None)
    if review is not None and review.held_at is not None:
        late = _late(change, Kind.REVIEW) or ("Late" if change.closed_late else "")
        note = late or ("" if review.genuine else "Not a genuine emergency")
        done = replace(step, person=str(review.reviewer), at=review.held_at)
        return replace(done, state=FLAGGED if note else DONE, note=note or "In time")
    due_at = _due(change, Kind.REVIEW)
    if change.status == Status.DOCUMENTED:
        return replace(step, state=NOW, person=A_LEAD, due_at=due_at, note="Waiting for the review")
    return replace(step, due_at=due_at, person=A_LEAD if due_at else "", note="After step 6")


def _of(change: EmergencyChange, kinds: tuple[str, ...]) -> list[Deadline]:
    return [deadline for deadline in change.deadlines.all() if deadline.kind in kinds]


def _due(change: EmergencyChange, *kinds: str) -> datetime | None:
    running = (d for d in _of(change, kinds) if d.runs)
    return next((deadline.due_at for deadline in running), None)


def _late(change: EmergencyChange, *kinds: str) -> str:
    """Return how late it was done in the end, in words; nothing where it was in time."""
    met = [d for d in _of(change, kinds) if d.met_at is not None]
    last = max(met, key=lambda deadline: deadline.pk, default=None)
    if last is None or last.met_at is None or last.met_at <= last.due_at:
        return ""
    return f"{duration(last.met_at - last.due_at)} late"
