"""What the page for decisions says: in which capacity somebody decides, and what they decided."""

from collections.abc import Iterable

from django.utils import timezone

from changes.authority import delegation_for
from changes.models import Approval, EmergencyChange
from ecportal.accounts.models import User
from ecportal.accounts.permissions import may
from ecportal.marks import day_time
from incidents.models import System

Kind, Status = Approval.Kind, Approval.Status

ANSWERS = {
    "approve": (Kind.IN_SYSTEM, Status.APPROVED, "approved this"),
    "reject": (Kind.IN_SYSTEM, Status.REJECTED, "rejected this"),
    "confirm_approval": (Kind.VERBAL, Status.CONFIRMED, "confirmed your approval"),
    "deny_approval": (Kind.VERBAL, Status.DENIED, "denied that you had approved"),
    "approve_retroactively": (Kind.RETROACTIVE, Status.APPROVED, "approved this retroactively"),
    "reject_retroactively": (Kind.RETROACTIVE, Status.REJECTED, "rejected this retroactively"),
}
"""Each verb that decides: the row that it leaves, and what its actor did, in words."""
REPEATABLE = {"reject": EmergencyChange.Status.REJECTED}
"""A verb that can be done again later, with the status in which it cannot."""


def capacity(change: EmergencyChange, verb: str, user: User) -> str:
    """Say why the user may decide: for whom, or by which right on which systems."""
    if verb == "confirm_approval":
        return "You are named as the one who approved; only you can answer that."
    delegation = delegation_for(user, verb, change)
    if delegation is not None:
        until = timezone.localtime(delegation.ends_at)
        return (
            f"You decide for {delegation.delegator}, until {until:%a} {until.day} {until:%b %H:%M} "
            f"(delegation {delegation.pk})."
        )
    if may(user, "approve", System):
        return "You are an Engineering Lead and decide on every system."
    names = ", ".join(sorted(str(link) for link in change.systems.all()))
    return f"You are an Engineering Lead, and the decision on {names} was given to you."


def answered(
    change: EmergencyChange, rows: Iterable[Approval], verb: str, user: User, seen: str = ""
) -> str | None:
    """Say when the user did this already, where it stands; else return None.

    `rows` are the approvals of the change, `seen` is the fingerprint that came with a new
    decision: on another text it is another decision.
    """
    kind, status, done = ANSWERS[verb]
    rows = list(rows)
    wanted = (kind, status, user.pk)
    found = [row for row in rows if (row.kind, row.status, row.approver_id) == wanted]
    if not found or any(row.is_unconfirmed for row in rows):
        return None
    if seen and kind != Kind.VERBAL and seen != found[-1].fingerprint:
        return None
    if verb in REPEATABLE and change.status != REPEATABLE[verb]:
        return None
    return f"You {done} at {day_time(found[-1].answered_at or found[-1].recorded_at)}."


def answered_twice(
    change: EmergencyChange, rows: Iterable[Approval], verb: str, user: User, seen: str = ""
) -> str | None:
    """Say the same to whoever answers a second time."""
    said = answered(change, rows, verb, user, seen)
    return f"{said} Nothing was recorded twice." if said else None
