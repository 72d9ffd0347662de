"""The five items an auditor asks for, with what was found and who owes what is missing.

One function feeds the page, the reminders, the register and the export: they cannot disagree.
"""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Prefetch

from changes.models import Approval, EmergencyChange
from reviews.facts import HAND, SOURCES, Facts, Term, facts_of
from reviews.models import Deadline

PRESENT, PARTIAL, MISSING, LATE = "present", "partial", "missing", "late"

DECISIONS = (Deadline.Kind.APPROVAL, Deadline.Kind.CONFIRMATION, Deadline.Kind.RETROACTIVE)


class Item(NamedTuple):
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


TITLES = (
    "Created date and emergency flag",
    "Linked incident with timestamps",
    "Approver’s name and time",
    "Execution timestamp from a deployment or system log",
    "Review dated within one business day",
)

WITH_ITEMS = (
    Prefetch(
        "approvals",
        Approval.objects.select_related(
            "approver", "delegation__delegate", "delegation__delegator"
        ),
    ),
    "executions",
    Prefetch("deadlines", Deadline.objects.select_related("owner")),
)
"""What to prefetch, beside the review and the people, before asking for the items of many."""


def five_items(change: EmergencyChange) -> list[Item]:
    """Return the five items in the auditors' order.

    Reads the change's approvals, executions, deadlines and review; prefetch them for a list
    (`WITH_ITEMS`).
    """
    return items_of(facts_of(change))


def items_of(facts: Facts) -> list[Item]:
    """Judge the facts: the five items in the auditors' order, without a query."""
    created, incident, *_ = TITLES
    return [
        Item(created, PRESENT, EmergencyChange.TYPE, (facts.opened_at,)),
        Item(incident, PRESENT, facts.incident, (facts.began_at, facts.incident_recorded_at)),
        _approval(facts),
        _execution(facts),
        _review(facts),
    ]


def _approval(facts: Facts) -> Item:
    title, decision = TITLES[2], facts.decision
    waiting: Term | None = next(
        (term for term in facts.terms if term.kind in DECISIONS and term.runs), None
    )
    due = waiting.due_at if waiting else None
    owner = (waiting.owner or "A Lead of the systems") if waiting else ""
    if decision is None:
        return Item(title, MISSING, "Nobody has approved", (), owner or "The requester", due)
    times = (decision.decided_at, decision.recorded_at)
    if decision.is_unconfirmed:
        found = f"{decision.decided_by}, verbal, not confirmed"
        return Item(title, PARTIAL, found, times, owner, due)
    found = f"{decision.decided_by}, {decision.kind}"
    return Item(title, LATE if facts.without_approval else PRESENT, found, times)


def _execution(facts: Facts) -> Item:
    title, owner = TITLES[3], facts.implementer or "The implementer"
    logged = [entry for entry in facts.executions if entry.source != HAND]
    if logged:
        entry = logged[-1]
        return Item(title, PRESENT, SOURCES[entry.source], (entry.happened_at,))
    if facts.executions:
        found = "Written down by hand; a log or deployment is missing"
        return Item(title, PARTIAL, found, (facts.executions[-1].happened_at,), owner)
    return Item(title, MISSING, "Not implemented yet", (), owner)


def _review(facts: Facts) -> Item:
    title, review = TITLES[4], facts.review
    terms = [term for term in facts.terms if term.kind == Deadline.Kind.REVIEW]
    if review is None:
        due = next((term.due_at for term in terms if term.voided_at is None), None)
        return Item(title, MISSING, "Not reviewed yet", (), "A Lead of the systems", due)
    ends = ((term.met_at or term.voided_at, term.due_at) for term in terms)
    late = any(end is not None and end > due_at for end, due_at in ends)
    times = tuple(time for time in (review.held_at, review.recorded_at) if time)
    return Item(title, LATE if late else PRESENT, review.reviewer, times)
