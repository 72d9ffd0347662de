"""The seven steps of the process, and how far through them one change is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from changes.guards import standing_approval
from changes.models import EmergencyChange
from reviews.models import Deadline

VERBS: Final = ("Determine", "Open", "Approve", "Implement", "Verify", "Document", "Review")

Status, Kind = EmergencyChange.Status, Deadline.Kind

AT: Final[dict[str, int]] = {
    Status.DRAFT: 2,
    Status.SUBMITTED: 3,
    Status.REJECTED: 3,
    Status.APPROVED: 4,
    Status.IMPLEMENTING: 4,
    Status.IMPLEMENTED: 5,
    Status.VERIFIED: 6,
    Status.DOCUMENTED: 7,
}
"""The step that a change of this status stands before, or in; of others none is left."""

WATCHED: Final = {3: Kind.APPROVAL, 5: Kind.DOCUMENTATION, 6: Kind.DOCUMENTATION, 7: Kind.REVIEW}
"""The deadline that runs while the change is at this step."""


@dataclass(frozen=True)
class Dot:
    """One step: `done`, `flagged` (done, but not as it should be), `now`, `overdue` or `ahead`."""

    verb: str
    state: str


@dataclass(frozen=True)
class Progress:
    """How far a change is: the step it is at, and a dot for each of the seven."""

    number: int
    dots: tuple[Dot, ...]
    remark: str = ""

    @property
    def words(self) -> str:
        return f"{self.number} of {len(VERBS)}, {VERBS[self.number - 1]}"


def progress(change: EmergencyChange, moment: datetime) -> Progress:
    """Return how far the change is at `moment`; reads its approvals and deadlines."""
    at = AT.get(change.status, len(VERBS) + 1)
    flaw = _flaw(change)
    late = any(
        deadline.kind == WATCHED.get(at)
        and deadline.met_at is None
        and deadline.voided_at is None
        and deadline.due_at < moment
        for deadline in change.deadlines.all()
    )

    def state(number: int) -> str:
        if number < at:
            return "flagged" if number == 3 and flaw else "done"
        if number > at:
            return "ahead"
        return "overdue" if late else "now"

    dots = tuple(Dot(verb, state(number)) for number, verb in enumerate(VERBS, 1))
    remarks = filter(None, ("Overdue" if late else "", flaw if at > 3 else _sent_back(change)))
    return Progress(min(at, len(VERBS)), dots, ". ".join(remarks))


def _flaw(change: EmergencyChange) -> str:
    """Return what is wrong with the approval of a change that went on."""
    approval = standing_approval(change)
    if approval is None:
        return "No approval"
    if approval.is_unconfirmed:
        return "Approval not confirmed"
    return "Approved afterwards" if change.without_approval else ""


def _sent_back(change: EmergencyChange) -> str:
    return change.get_status_display() if change.status == Status.REJECTED else ""
