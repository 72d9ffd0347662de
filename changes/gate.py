"""The gate before production: whether a pipeline may deploy a change now, and if not, why."""

from typing import NamedTuple

from changes.guards import approval_stands, standing_approval, was_sent_back
from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.lifecycle import LOAD_AGAIN, Act, TransitionRefused

Status = EmergencyChange.Status

UNDECIDED = frozenset({Status.DRAFT, Status.SUBMITTED})
OPEN = frozenset({Status.APPROVED, Status.IMPLEMENTING})


class Verdict(NamedTuple):
    """Whether the change may be deployed, and the sentence that says why or why not."""

    may_deploy: bool
    reason: str


def judge(change: EmergencyChange) -> Verdict:
    """Ask what the button “Start implementing” asks, in the same words.

    Open from the approval until the work is finished, as long as the approval is neither denied
    nor withdrawn. Reads the change's approvals and their approvers; prefetch them.
    """
    closed = _closed(change)
    if closed:
        return Verdict(False, closed)
    approval = standing_approval(change)
    assert approval is not None
    claimed = " by word of mouth, not confirmed yet" if approval.is_unconfirmed else ""
    return Verdict(True, f"{approval.decided_by} approved it{claimed}.")


def _closed(change: EmergencyChange) -> str | None:
    now = clock.now()
    act = Act("start", User(), "?", now, now)
    if change.status in OPEN:
        refusal = approval_stands(change, act)
        if refusal and change.without_approval:
            return f"The work was started without an approval. {refusal}"
        return refusal
    if change.status in UNDECIDED:
        return approval_stands(change, act)
    if change.status == Status.REJECTED:
        return was_sent_back(change, act) or "It was sent back: something must be changed first."
    try:
        CHANGES.row(change, "start")
    except TransitionRefused as refused:
        return refused.sentence.removesuffix(LOAD_AGAIN).strip()
    return None
