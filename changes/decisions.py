"""Effects of step 3: approvals in system, verbal, retroactive; rejections; withdrawals."""

import json
from typing import Final

from changes.authority import covers, deciders_on, requested, systems_of
from changes.guards import standing_approval
from changes.models import Approval, EmergencyChange
from changes.models.change import fingerprint
from ecportal.accounts.models import User
from ecportal.accounts.permissions import may
from ecportal.lifecycle import Act, TransitionRefused

STALE: Final = "The change is not what you were shown. Read it again, then decide."


def check_seen(change: EmergencyChange, act: Act) -> None:
    """Refuse a decision on anything else than what the decider was shown."""
    if act.data.get("fingerprint") != change.fingerprint():
        raise TransitionRefused(STALE, "fingerprint")


def _approval(change: EmergencyChange, act: Act, kind: str, status: str) -> Approval:
    shown = change.shown()
    return Approval(
        change=change,
        kind=kind,
        status=status,
        approver=act.by,
        requester=change.requester,
        delegation=act.delegation,
        decided_at=act.happened_at,
        recorded_at=act.recorded_at,
        comment=act.reason,
        shown=json.dumps(shown, ensure_ascii=False),
        fingerprint=fingerprint(shown),
    )


def approve(change: EmergencyChange, act: Act) -> None:
    """Record an approval in the portal; it takes the place of a claim that waits."""
    check_seen(change, act)
    if change.submitted_at is not None and act.happened_at < change.submitted_at:
        raise TransitionRefused(
            "An approval in the portal cannot be older than the request. "
            "What was said before is written down as a verbal approval.",
            "happened_at",
        )
    withdraw_approval(change, act)
    act.save(_approval(change, act, Approval.Kind.IN_SYSTEM, Approval.Status.APPROVED))
    change.approver, change.approved_at = act.by, act.happened_at


def reject(change: EmergencyChange, act: Act) -> None:
    check_seen(change, act)
    if act.data.get("rejection") not in EmergencyChange.Rejection.values:
        raise TransitionRefused("Choose which kind of no it is.", "rejection")
    act.save(_approval(change, act, Approval.Kind.IN_SYSTEM, Approval.Status.REJECTED))
    change.rejected_by, change.rejection = act.by, act.data["rejection"]


def claim_approval(change: EmergencyChange, act: Act) -> None:
    """Write down that somebody said yes; what was said is the reason, when is happened_at."""
    approver: User = act.data["approver"]
    if approver.pk == act.by.pk or requested(approver, change):
        raise TransitionRefused("Name somebody else: nobody approves their own change.", "approver")
    entitled = may(approver, "approve", EmergencyChange) and covers(approver, systems_of(change))
    if not (approver.may_sign_in and entitled):
        raise TransitionRefused(
            f"{approver} may not decide on this change. Name a Lead of its systems.", "approver"
        )
    if act.data.get("channel") not in Approval.Channel.values:
        raise TransitionRefused("Choose how it was said.", "channel")
    claim = _approval(change, act, Approval.Kind.VERBAL, Approval.Status.CLAIMED)
    claim.approver = approver
    claim.claimed_by = act.by
    claim.channel = act.data["channel"]
    claim.call_log = act.data.get("call_log", "")
    act.save(claim)
    change.approver, change.approved_at = approver, act.happened_at


def _answer(change: EmergencyChange, act: Act, status: str) -> None:
    claim = change.approvals.get(status=Approval.Status.CLAIMED)
    claim.status = status
    claim.answered_at = act.recorded_at
    claim.answer = act.reason
    act.save(claim)


def confirm(change: EmergencyChange, act: Act) -> None:
    _answer(change, act, Approval.Status.CONFIRMED)


def deny(change: EmergencyChange, act: Act) -> None:
    """Take the claimed approval away; work that had begun by then had none."""
    _answer(change, act, Approval.Status.DENIED)
    change.approver = change.approved_at = None
    change.without_approval = change.has_started


def withdraw_approval(change: EmergencyChange, act: Act) -> None:
    """Mark the approval that stands, if any, as withdrawn; its row stays."""
    approval = standing_approval(change)
    if approval is not None:
        approval.status = Approval.Status.WITHDRAWN
        act.save(approval)
    change.approver = change.approved_at = None


def back_to_draft(change: EmergencyChange, act: Act) -> None:
    withdraw_approval(change, act)
    change.submitted_at = None
    change.rejected_by, change.rejection = None, ""


def approve_retroactively(change: EmergencyChange, act: Act) -> None:
    check_seen(change, act)
    act.save(_approval(change, act, Approval.Kind.RETROACTIVE, Approval.Status.APPROVED))
    change.approver, change.approved_at = act.by, act.happened_at


def reject_retroactively(change: EmergencyChange, act: Act) -> None:
    check_seen(change, act)
    act.save(_approval(change, act, Approval.Kind.RETROACTIVE, Approval.Status.REJECTED))


def submit(change: EmergencyChange, act: Act) -> None:
    """Freeze the record and name who is asked first: the Lead chosen, else the longest-serving."""
    change.submitted_at = act.recorded_at
    leads = deciders_on(change)
    asked = act.data.get("asked_approver")
    if asked is not None and asked not in leads:
        raise TransitionRefused(
            f"{asked} may not decide on this change. Choose a Lead of its systems.",
            "asked_approver",
        )
    change.asked_approver = asked or (leads[0] if leads else None)
