"""What the status of a change asks of its Engineer, where nobody else is waited for."""

from datetime import datetime
from typing import NamedTuple

from changes.models import EmergencyChange, Policy
from ecportal import clock
from ecportal.marks import day_time
from reviews.next_steps import NextStep, Status, ago, page_of

WATCHED = (Status.IMPLEMENTED, Status.VERIFIED)
"""The work is done: what is left to do ends no outage."""


class Asked(NamedTuple):
    """The verb of an act, what it is called before the number, its button, why, since when."""

    verb: str
    act: str
    button: str
    why: str
    since: datetime | None


def of_change(change: EmergencyChange, policy: Policy) -> NextStep | None:
    """Return the Engineer's step that the change stands before.

    Reads `has_evidence`, `is_claimed` and `documentation_due`, which the agenda's query adds.
    """
    asked = _asked(change, policy)
    if asked is None:
        return None
    verb, act, button, why, since = asked
    return NextStep(
        change, act, button, page_of(change, verb), why, f"to {button[0].lower()}{button[1:]}",
        getattr(change, "documentation_due", None), since, change.number, change.title,
        change.status not in WATCHED,
    )  # fmt: skip


def _asked(change: EmergencyChange, policy: Policy) -> Asked | None:
    match change.status:
        case Status.DRAFT if change.scope.strip() and change.rollback_plan.strip():
            why = f"Drafted {ago(change.opened_at)}; nobody was asked yet."
            return Asked("submit", "Ask for approval of", "Ask for approval", why, change.opened_at)
        case Status.DRAFT:
            why = "Nobody can be asked before it says what is changed, and how you go back."
            return Asked("revise", "Complete the draft", "Complete the draft", why,
                         change.opened_at)  # fmt: skip
        case Status.REJECTED:
            why = f"{change.rejected_by} sent it back."
            return Asked("rework", "Work again on", "Work on it again", why, change.submitted_at)
        case Status.APPROVED:
            said = " verbally" if getattr(change, "is_claimed", False) else ""
            why = f"{change.approver} approved{said} {ago(change.approved_at)}."
            return Asked("start", "Start implementing", "Start implementing", why,
                         change.approved_at)  # fmt: skip
        case Status.IMPLEMENTING:
            why = f"Started {ago(change.started_at)}. It ends with its outcome and a log."
            return Asked("finish", "Finish implementing", "Finish implementing", why,
                         change.started_at)  # fmt: skip
        case Status.IMPLEMENTED:
            return _watching(change, policy)
        case Status.VERIFIED if getattr(change, "has_evidence", False):
            why = f"Stability was verified {ago(change.verified_at)}."
            return Asked("document", "Document", "Document it", why, change.verified_at)
        case Status.VERIFIED:
            why = "Without any evidence it cannot be documented."
            return Asked("attach_evidence", "Attach evidence to", "Attach evidence", why,
                         change.verified_at)  # fmt: skip
    return None


def _watching(change: EmergencyChange, policy: Policy) -> Asked:
    since = change.finished_at
    ends = (since or clock.now()) + policy.observation_window
    if clock.now() < ends:
        why = f"The observation window ends at {day_time(ends)}."
        return Asked("check_stability", "Watch the stability of", "Add a stability check", why,
                     since)  # fmt: skip
    why = f"The observation window ended at {day_time(ends)}."
    return Asked("verify", "Verify the stability of", "Verify stability", why, since)
