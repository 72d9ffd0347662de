"""What the five items are judged by, as plain values: from one change, or read for many at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from changes.guards import standing_approval
from changes.models import Approval, EmergencyChange, ExecutionEntry
from reviews.models import Deadline, RetrospectiveReview

HAND, DETACHED = ExecutionEntry.Source.HAND, ExecutionEntry.Source.DETACHED
HELD = RetrospectiveReview.Status.COMPLETED
SOURCES = dict(ExecutionEntry.Source.choices)
APPROVAL_KINDS = {value: str(words).lower() for value, words in Approval.Kind.choices}


class Decision(NamedTuple):
    """The approval that stands: who, how, and the two clocks."""

    decided_by: str
    kind: str
    is_unconfirmed: bool
    decided_at: datetime
    recorded_at: datetime


class Term(NamedTuple):
    """A deadline: what is owed, by whom (empty: every Lead of the systems), and how it ended."""

    kind: str
    owner: str
    due_at: datetime
    met_at: datetime | None
    voided_at: datetime | None

    @property
    def runs(self) -> bool:
        return self.met_at is None and self.voided_at is None


class Execution(NamedTuple):
    """A line of an execution log, in the order in which they happened."""

    source: str
    happened_at: datetime
    recorded_at: datetime


class Review(NamedTuple):
    """The retrospective review that was held."""

    reviewer: str
    held_at: datetime
    recorded_at: datetime | None


class Facts(NamedTuple):
    """Everything that the five items depend on; times aware, terms in the order of their due time.

    `review` is None until it was held.
    """

    opened_at: datetime
    incident: str
    began_at: datetime
    incident_recorded_at: datetime
    decision: Decision | None
    without_approval: bool
    implementer: str
    executions: Sequence[Execution]
    terms: Sequence[Term]
    review: Review | None


def facts_of(change: EmergencyChange) -> Facts:
    """Read the facts of one change; of a list, prefetch `completeness.WITH_ITEMS` and the people.

    The population reads the same facts of many in `population.subjects`.
    """
    approval = standing_approval(change)
    review: RetrospectiveReview | None = getattr(change, "review", None)
    return Facts(
        change.opened_at,
        str(change.incident),
        change.incident.began_at,
        change.incident.recorded_at,
        None if approval is None else _decision(approval),
        change.without_approval,
        str(change.implementer or ""),
        [
            Execution(e.source, e.happened_at, e.recorded_at)
            for e in change.executions.all()
            if e.source != DETACHED
        ],
        [_term(deadline) for deadline in change.deadlines.all()],
        _held(review) if review is not None and review.status == HELD else None,
    )


def _decision(approval: Approval) -> Decision:
    return Decision(
        approval.decided_by,
        APPROVAL_KINDS[approval.kind],
        approval.is_unconfirmed,
        approval.decided_at,
        approval.recorded_at,
    )


def _term(deadline: Deadline) -> Term:
    owner = str(deadline.owner or "")
    return Term(deadline.kind, owner, deadline.due_at, deadline.met_at, deadline.voided_at)


def _held(review: RetrospectiveReview) -> Review:
    assert review.held_at is not None
    return Review(str(review.reviewer), review.held_at, review.recorded_at)
