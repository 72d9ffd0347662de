"""Who is waited for, to do what, since when and until when."""

from dataclasses import dataclass
from datetime import datetime

from changes.guards import policy_on
from changes.models import EmergencyChange, Policy
from ecportal.accounts.models import User
from reviews.models import Deadline

Status = EmergencyChange.Status

TO_DO = {
    Deadline.Kind.APPROVAL: "to approve or reject",
    Deadline.Kind.CONFIRMATION: "to confirm or deny the verbal approval",
    Deadline.Kind.RETROACTIVE: "to decide retroactively",
    Deadline.Kind.DOCUMENTATION: "to document",
    Deadline.Kind.REVIEW: "to hold the review",
    Deadline.Kind.FOLLOW_UP: "to finish a follow-up action",
    Deadline.Kind.CATCH_UP: "to catch up on a skipped test",
}

# Steps that no deadline watches, but somebody still owes.
UNTIMED = {
    Status.DRAFT: "to ask for approval",
    Status.REJECTED: "to work on it again",
    Status.APPROVED: "to start implementing",
    Status.IMPLEMENTING: "to finish implementing",
    Status.IMPLEMENTED: "to verify stability",
}


@dataclass(frozen=True)
class Debt:
    """Somebody owes something; times are aware, `due_at` None where nothing sets one."""

    who: str
    to_do: str
    since: datetime | None
    due_at: datetime | None
    person: User | None
    """Whom `who` means, where it is one person and not whoever of a group comes first."""
    deadline: Deadline | None = None


def waiting_for(change: EmergencyChange, policy: Policy | None = None) -> list[Debt]:
    """Return every debt on the change, the most urgent first; empty when nobody owes anything.

    Reads the change's deadlines and the policy; for a list, prefetch the deadlines with their owner
    and pass the policy.
    """
    debts = [
        Debt(
            _owner(deadline),
            TO_DO[Deadline.Kind(deadline.kind)],
            deadline.started_at,
            deadline.due_at,
            _present_owner(deadline),
            deadline,
        )
        for deadline in change.deadlines.all()
        if deadline.runs
    ]
    debts.sort(key=lambda debt: (debt.due_at is None, debt.due_at))
    untimed = _untimed(change, policy)
    return [untimed, *debts] if untimed else debts


def _owner(deadline: Deadline) -> str:
    """Return who owes it: when the owner has left, the Leads do."""
    owner = deadline.owner
    if _present_owner(deadline) is not None:
        return str(owner)
    return f"A Lead of the systems, as {owner} is away" if owner else "A Lead of the systems"


def _present_owner(deadline: Deadline) -> User | None:
    owner: User | None = deadline.owner
    return owner if owner is not None and owner.may_sign_in else None


def _untimed(change: EmergencyChange, policy: Policy | None) -> Debt | None:
    """Return the step that no deadline watches, if the change stands before one."""
    status = Status(change.status)
    if status == Status.REJECTED and change.rejection != EmergencyChange.Rejection.SENT_BACK:
        return None
    if status not in UNTIMED:
        return None
    who, since = {
        Status.DRAFT: (change.requester, change.opened_at),
        Status.REJECTED: (change.requester, change.submitted_at),
        Status.APPROVED: (None, change.approved_at),
        Status.IMPLEMENTING: (change.implementer, change.started_at),
        Status.IMPLEMENTED: (change.implementer, change.finished_at),
    }[status]
    if status == Status.IMPLEMENTED and (policy or policy_on(change)).verifier_differs:
        who = None
    return Debt(str(who or "An Engineer"), UNTIMED[status], since, None, who)
