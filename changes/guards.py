"""What must hold before an act on a change: each returns a sentence that refuses, or None."""

from django.utils import timezone

from changes.authority import covers, implemented, requested, systems_of
from changes.models import Approval, EmergencyChange, Policy
from changes.models.change import KNOWN_POLICY
from ecportal.lifecycle import Act
from incidents.models import Incident


def visible_to_actor(change: EmergencyChange, act: Act) -> str | None:
    """A confidential change is acted on only by those who may see it."""
    if change._state.adding or not change.confidential or act.by.is_system:
        return None
    if EmergencyChange.objects.visible_to(act.by).filter(pk=change.pk).exists():
        return None
    return "This change is confidential and was not shared with you."


def determined_an_emergency(change: EmergencyChange, act: Act) -> str | None:
    """Step 1 comes first: no emergency change without a determination of its own incident."""
    determination = change.determination
    if determination.incident_id != change.incident_id:
        return "The determination belongs to another incident."
    newest = change.incident.determinations.order_by("pk").last() or determination
    if not (determination.is_emergency and newest.is_emergency):
        return "The incident was determined not to be an emergency. Use the normal process."
    return None


def incident_stands(change: EmergencyChange, act: Act) -> str | None:
    if change.incident.status == Incident.Status.CANCELLED:
        return "The incident was cancelled. Record the right one first."
    return None


def scope_written(change: EmergencyChange, act: Act) -> str | None:
    return None if change.scope.strip() else "Say what exactly will be changed."


def rollback_planned(change: EmergencyChange, act: Act) -> str | None:
    if not change.rollback_plan.strip():
        return "Say how you go back if it makes things worse."
    return None


def systems_named(change: EmergencyChange, act: Act) -> str | None:
    return None if change.systems.all() else "Name at least one affected system."


def not_requester(change: EmergencyChange, act: Act) -> str | None:
    """Segregation of duties (CC8.1): nobody decides on their own change, nor lets it be decided."""
    if requested(act.by, change):
        return "You requested this change; someone else must decide on it."
    if act.delegation and requested(act.delegation.delegator, change):
        return (
            f"{act.delegation.delegator} requested this change; nobody may decide on it for them."
        )
    return None


def not_implementer(change: EmergencyChange, act: Act) -> str | None:
    if implemented(act.by, change):
        return "You implemented this change; someone else must do this."
    if act.delegation and implemented(act.delegation.delegator, change):
        return f"{act.delegation.delegator} implemented this change; nobody may decide for them."
    return None


def may_approve_every_system(change: EmergencyChange, act: Act) -> str | None:
    """A Lead decides for the systems granted to them, or for all with the model permission."""
    decider = act.delegation.delegator if act.delegation else act.by
    if covers(decider, systems_of(change)):
        return None
    names = ", ".join(str(link) for link in change.systems.all())
    return f"You may not decide for every system of this change ({names}). Ask another Lead."


def standing_approval(change: EmergencyChange) -> Approval | None:
    """Return the approval that stands; the database sees to it that there is only one."""
    return next((approval for approval in change.approvals.all() if approval.stands), None)


def waiting_claim(change: EmergencyChange) -> Approval | None:
    """Return the verbal approval that was neither confirmed nor denied yet."""
    return next((approval for approval in change.approvals.all() if approval.is_unconfirmed), None)


def approval_stands(change: EmergencyChange, act: Act) -> str | None:
    """The approval was neither denied nor withdrawn."""
    if standing_approval(change) is None:
        return "No approval stands. Ask a Lead to decide first."
    return None


def claim_waiting(change: EmergencyChange, act: Act) -> str | None:
    if waiting_claim(change) is None:
        return "No verbal approval waits for an answer."
    return None


def named_in_claim(change: EmergencyChange, act: Act) -> str | None:
    """A claim is confirmed or denied by that approver, under their own login."""
    claim = waiting_claim(change)
    if claim and act.verb == "deny_approval" and not claim.approver.may_sign_in:
        return None  # nobody else could ever answer for somebody who left
    if claim and claim.approver_id != act.by.pk:
        return f"Only {claim.approver}, who is said to have approved, can answer this."
    return None


def needs_retroactive_decision(change: EmergencyChange, act: Act) -> str | None:
    if not change.without_approval or change.approver_id:
        return "This change needs no retroactive decision."
    if any(approval.kind == Approval.Kind.RETROACTIVE for approval in change.approvals.all()):
        return "The retroactive decision was made already."
    return None


def was_sent_back(change: EmergencyChange, act: Act) -> str | None:
    if change.rejection != EmergencyChange.Rejection.SENT_BACK:
        return "This change was refused. Open a new one if there is something else to do."
    return None


def policy_on(change: EmergencyChange) -> Policy:
    """Return the present policy, asked once until the change is read anew: each act reads it so."""
    known: Policy | None = change.__dict__.get(KNOWN_POLICY)
    if known is None:
        known = change.__dict__[KNOWN_POLICY] = Policy.in_force()
    return known


def window_passed(change: EmergencyChange, act: Act) -> str | None:
    """Stability is verified only after the observation window (policy, default 30 minutes)."""
    policy = policy_on(change)
    if change.finished_at is None:
        return None
    ends = change.finished_at + policy.observation_window
    if act.recorded_at < ends:
        return (
            f"The observation window of {policy.observation_minutes} minutes "
            f"ends at {timezone.localtime(ends):%H:%M}."
        )
    return None


def verifier_allowed(change: EmergencyChange, act: Act) -> str | None:
    """Policy may demand that another than the implementer verifies."""
    if policy_on(change).verifier_differs and implemented(act.by, change):
        return "You implemented this change; the policy wants another person to verify it."
    return None


def evidence_attached(change: EmergencyChange, act: Act) -> str | None:
    if not change.evidence.all():
        return "Attach at least one piece of evidence first."
    return None


def deviation_open(change: EmergencyChange, act: Act) -> str | None:
    waiting = (d for d in change.deviations.all() if d.catch_up_on and d.caught_up_at is None)
    if next(waiting, None) is None:
        return "No skipped test waits to be caught up on."
    return None


def is_confidential(change: EmergencyChange, act: Act) -> str | None:
    return None if change.confidential else "Everybody can see this change already."
