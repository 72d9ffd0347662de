"""The five items an auditor asks for, with what was found and who owes what is missing.

One function feeds the page, the reminders, the register and the export: they cannot disagree.
"""

from dataclasses import dataclass
from datetime import datetime

from changes.guards import standing_approval
from changes.models import EmergencyChange, ExecutionEntry
from reviews.models import Deadline, RetrospectiveReview

PRESENT, PARTIAL, MISSING, LATE = "present", "partial", "missing", "late"


@dataclass(frozen=True)
class Item:
    """One of the five: its state, the value found, who owes it, and when it is due (UTC)."""

    title: str
    state: str
    found: str
    times: tuple[datetime, ...] = ()
    owed_by: str = ""
    due_at: datetime | None = None

    @property
    def is_there(self) -> bool:
        """Whether the auditor will find it; late is there, partly is not."""
        return self.state in (PRESENT, LATE)


def five_items(change: EmergencyChange) -> list[Item]:
    """Return the five items in the auditors' order.

    Reads the change's approvals, executions, deadlines and review; prefetch them for a list
    (`WITH_ITEMS`).
    """
    return [
        Item("Created date and emergency flag", PRESENT, change.TYPE, (change.opened_at,)),
        Item(
            "Linked incident with timestamps",
            PRESENT,
            str(change.incident),
            (change.incident.began_at, change.incident.recorded_at),
        ),
        _approval(change),
        _execution(change),
        _review(change),
    ]


WITH_ITEMS = (
    "approvals__approver",
    "approvals__delegation__delegate",
    "approvals__delegation__delegator",
    "executions",
    "deadlines__owner",
)
"""What to prefetch, beside the review and the people, before asking for the items of many."""


def running(change: EmergencyChange, *kinds: str) -> Deadline | None:
    """Return the first running deadline of these kinds, from what was prefetched."""
    for deadline in change.deadlines.all():
        if deadline.kind in kinds and deadline.met_at is None and deadline.voided_at is None:
            return deadline
    return None


def _approval(change: EmergencyChange) -> Item:
    title = "Approver’s name and time"
    approval = standing_approval(change)
    waiting = running(
        change, Deadline.Kind.APPROVAL, Deadline.Kind.CONFIRMATION, Deadline.Kind.RETROACTIVE
    )
    due = waiting.due_at if waiting else None
    owner = str(waiting.owner or "A Lead of the systems") if waiting else ""
    if approval is None:
        return Item(title, MISSING, "Nobody has approved", (), owner or "The requester", due)
    times = (approval.decided_at, approval.recorded_at)
    if approval.is_unconfirmed:
        found = f"{approval.decided_by}, verbal, not confirmed"
        return Item(title, PARTIAL, found, times, owner, due)
    found = f"{approval.decided_by}, {approval.get_kind_display().lower()}"
    return Item(title, LATE if change.without_approval else PRESENT, found, times)


def _execution(change: EmergencyChange) -> Item:
    title = "Execution timestamp from a deployment or system log"
    entries = list(change.executions.all())
    logged = [entry for entry in entries if entry.source != ExecutionEntry.Source.HAND]
    owner = str(change.implementer or "The implementer")
    if logged:
        entry = logged[-1]
        return Item(title, PRESENT, entry.get_source_display(), (entry.happened_at,))
    if entries:
        found = "Written down by hand; a log or deployment is missing"
        return Item(title, PARTIAL, found, (entries[-1].happened_at,), owner)
    return Item(title, MISSING, "Not implemented yet", (), owner)


def _review(change: EmergencyChange) -> Item:
    title = "Review dated within one business day"
    deadlines = [d for d in change.deadlines.all() if d.kind == Deadline.Kind.REVIEW]
    deadline = next((d for d in deadlines if d.voided_at is None), None)
    review: RetrospectiveReview | None = getattr(change, "review", None)
    due = deadline.due_at if deadline else None
    if review is None or review.status == RetrospectiveReview.Status.SCHEDULED:
        return Item(title, MISSING, "Not reviewed yet", (), "A Lead of the systems", due)
    ends = ((d.met_at or d.voided_at, d.due_at) for d in deadlines)
    late = any(end is not None and end > due_at for end, due_at in ends)
    times = tuple(time for time in (review.held_at, review.recorded_at) if time)
    return Item(title, LATE if late else PRESENT, str(review.reviewer), times)
