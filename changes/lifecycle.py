"""What may be done with an emergency change: one row a verb and where it leads."""

from typing import Any

from django.db import connection
from django.dispatch import receiver

from changes import claiming, decisions, deploying, guards, ticketing, work
from changes.authority import delegation_for, takes_part
from changes.guards import (
    approval_stands,
    claim_waiting,
    determined_an_emergency,
    deviation_open,
    evidence_attached,
    incident_stands,
    is_confidential,
    may_approve_every_system,
    named_in_claim,
    needs_retroactive_decision,
    not_implementer,
    not_requester,
    rollback_planned,
    scope_written,
    systems_named,
    verifier_allowed,
    was_sent_back,
    window_passed,
)
from changes.models import (
    DelegatedSystem,
    Delegation,
    Deployment,
    EmergencyChange,
    Policy,
    Ticket,
)
from ecportal.accounts.models import User
from ecportal.lifecycle import NEW, Act, Lifecycle, Transition, TransitionRefused, transitioned
from incidents.models import Incident

(DRAFT, SUBMITTED, APPROVED, IMPLEMENTING, IMPLEMENTED, VERIFIED, DOCUMENTED, CLOSED, REJECTED,
 CANCELLED) = EmergencyChange.Status  # fmt: skip

STARTED: set[str] = {IMPLEMENTING, IMPLEMENTED, VERIFIED, DOCUMENTED}
FROZEN: set[str] = {SUBMITTED, APPROVED, *STARTED, CLOSED, REJECTED}
DECISION = [not_requester, may_approve_every_system]
RETROACTIVE = [not_requester, not_implementer, may_approve_every_system]
ANSWER = [named_in_claim]

CHANGES = Lifecycle(
    EmergencyChange,
    # 2 Open
    Transition("open", NEW, DRAFT, [determined_an_emergency, incident_stands], work.open_change,
               after=work.name_systems),
    Transition("submit", {DRAFT}, SUBMITTED,
               [determined_an_emergency, scope_written, systems_named, rollback_planned],
               decisions.submit, "Ask for approval"),
    # 3 Approve
    Transition("approve", {SUBMITTED}, APPROVED, [determined_an_emergency, *DECISION],
               decisions.approve),
    Transition("approve", {APPROVED}, None, DECISION, decisions.approve, "Approve now instead",
               when=[claim_waiting]),
    Transition("confirm_approval", {APPROVED, *STARTED, CLOSED}, None, ANSWER, decisions.confirm,
               "Confirm: I approved", when=[claim_waiting]),
    Transition("deny_approval", {APPROVED}, SUBMITTED, ANSWER, decisions.deny,
               "Deny: I did not approve", when=[claim_waiting]),
    Transition("deny_approval", {*STARTED, CLOSED}, None, ANSWER, decisions.deny,
               "Deny: I did not approve", when=[claim_waiting]),
    Transition("reject", {SUBMITTED}, REJECTED, DECISION, decisions.reject, "Reject…"),
    Transition("claim_approval", {SUBMITTED}, APPROVED, [], decisions.claim_approval,
               "A Lead already said yes"),
    Transition("rework", {REJECTED}, DRAFT, [], decisions.back_to_draft, "Work on it again",
               when=[was_sent_back]),
    # 4 Implement
    Transition("start", {APPROVED}, IMPLEMENTING, [approval_stands], work.name_implementer,
               "Start implementing"),
    Transition("start_unapproved", {DRAFT, SUBMITTED, REJECTED}, IMPLEMENTING, [],
               work.start_unapproved, "Start without approval…"),
    Transition("finish", {IMPLEMENTING}, IMPLEMENTED, [], work.finish, "Finish implementing",
               after=work.finish_rows),
    Transition("approve_retroactively", {*STARTED, CLOSED}, None, RETROACTIVE,
               decisions.approve_retroactively, when=[needs_retroactive_decision]),
    Transition("reject_retroactively", {*STARTED, CLOSED}, None, RETROACTIVE,
               decisions.reject_retroactively, "Reject retroactively…",
               when=[needs_retroactive_decision]),
    # 5 Verify
    Transition("verify", {IMPLEMENTED}, VERIFIED, [window_passed, verifier_allowed], work.verify,
               "Verify stability"),
    Transition("report_instability", {IMPLEMENTED, VERIFIED}, IMPLEMENTING, [],
               work.report_instability, "Not stable: back to implementing"),
    Transition("check_stability", {IMPLEMENTED}, None, label="Add a stability check",
               after=work.check_stability),
    # 6 Document
    Transition("document", {VERIFIED}, DOCUMENTED, [evidence_attached], work.document,
               "Document and send to review"),
    Transition("attach_evidence", {DRAFT, *FROZEN}, None, label="Attach evidence",
               after=work.attach_evidence),
    Transition("supersede_evidence", {DRAFT, *FROZEN}, None, label="Replace evidence…",
               after=work.supersede_evidence, when=[evidence_attached]),
    Transition("log_execution", {*STARTED, CLOSED}, None, label="Add execution log",
               after=work.log_execution),
    Transition("record_deviation", STARTED, None, [], work.take_none_back,
               "Add a skipped test", after=work.record_deviation),
    Transition("catch_up", {*STARTED, CLOSED}, None, label="Catch up on a test",
               after=work.catch_up, when=[deviation_open]),
    # 7 Review: closed by the retrospective review alone
    Transition("close", {DOCUMENTED}, CLOSED, [not_requester, not_implementer], work.close,
               internal=True),
    # at any step
    Transition("revise", {DRAFT}, None, [], work.revise, "Change the text",
               after=work.name_systems),
    Transition("amend", {SUBMITTED, APPROVED}, DRAFT, [], decisions.back_to_draft,
               "Amend the scope…"),
    Transition("correct", FROZEN, None, label="Add a correction", after=work.correct),
    Transition("share", {DRAFT, *FROZEN}, None, label="Share with…",
               after=work.share, when=[is_confidential]),
    Transition("cancel", {DRAFT, SUBMITTED, APPROVED, REJECTED}, CANCELLED, [],
               decisions.withdraw_approval, "Cancel the change…"),
    always=[guards.visible_to_actor],
    stand_in=delegation_for,
)  # fmt: skip


@receiver(transitioned, sender=Incident)
def keep_incident_of_changes(record: Incident, act: Act, **_: object) -> None:
    """An incident with a change that is not cancelled stays: the change would lose its link."""
    if act.verb == "cancel" and record.changes.exclude(status=CANCELLED).exists():
        raise TransitionRefused("An emergency change belongs to this incident. Cancel that first.")


# --- deployments, as pipelines tell of them -----------------------------------------------------
TOLD: set[str] = set(Deployment.Status)

DEPLOYMENTS = Lifecycle(
    Deployment,
    Transition("record", NEW, None, [deploying.has_a_key], deploying.record,
               "Record deployment", after=deploying.name_systems, internal=True),
    Transition("advance", TOLD, None, [deploying.is_newer], deploying.advance,
               "Report on deployment", after=deploying.name_systems, internal=True),
    Transition("attach", TOLD, None, [claiming.change_stands],
               deploying.attach, "Attach to a change…", when=[deploying.not_attached]),
    Transition("detach", TOLD, None, [deploying.change_not_closed], deploying.detach,
               "Detach from the change…", when=[deploying.is_attached]),
    Transition("enter", TOLD, None, [deploying.is_attached], deploying.write_execution,
               "Enter in the execution log", internal=True),
    always=[claiming.visible_to_actor],
)  # fmt: skip


TICKETS = Lifecycle(
    Ticket,
    Transition("record", NEW, None, effect=ticketing.record, label="Record ticket", internal=True),
    Transition("advance", {Ticket.Status.THERE}, None, [ticketing.is_newer], ticketing.advance,
               "Report on ticket", internal=True),
    Transition("delete", {Ticket.Status.THERE}, Ticket.Status.DELETED, [ticketing.is_newer],
               ticketing.advance, "Report its deletion", internal=True),
    Transition("link", set(Ticket.Status), None, [claiming.change_stands], ticketing.link,
               "Link to a change…", when=[ticketing.not_linked]),
    Transition("unlink", set(Ticket.Status), None, [], ticketing.unlink,
               "Unlink from the change…", when=[ticketing.is_linked]),
    always=[claiming.visible_to_actor],
)  # fmt: skip


@receiver(transitioned, sender=EmergencyChange)
def enter_what_ran_before(record: EmergencyChange, act: Act, source: str, **_: object) -> None:
    """Enter what pipelines told before the change could have an execution log."""
    if record.status not in deploying.LOGGED or source in deploying.LOGGED:
        return
    # Who holds one of these rows now waits for the change, and enters it themselves: `take_in`.
    waiting = Deployment.objects.in_production().filter(
        change=record, execution=None, status__in=Deployment.RAN
    )
    for deployment in waiting.select_for_update(skip_locked=True, of=("self",), no_key=True):
        DEPLOYMENTS.perform(
            deployment, "enter", by=User.objects.system(), reason=f"{record.number}: {act.verb}."
        )


# --- delegations and the policy -----------------------------------------------------------------
def to_a_colleague(delegation: Delegation, act: Act) -> str | None:
    if delegation.delegate.pk == act.by.pk:
        return "You cannot delegate to yourself."
    if not delegation.delegate.may_sign_in:
        return f"{delegation.delegate} cannot sign in at present. Choose somebody else."
    if not takes_part(delegation.delegate):
        return f"{delegation.delegate} is neither an Engineer nor an Engineering Lead."
    return None


def ends_in_the_future(delegation: Delegation, act: Act) -> str | None:
    if delegation.ends_at <= max(delegation.begins_at, act.recorded_at):
        return "A delegation must end after it begins, and not in the past."
    return None


def by_the_delegator(delegation: Delegation, act: Act) -> str | None:
    if act.by.pk not in (delegation.delegator_id, delegation.delegate_id):
        return f"Only {delegation.delegator} or {delegation.delegate} can end this."
    return None


def delegate(delegation: Delegation, act: Act) -> None:
    delegation.delegator, delegation.reason = act.by, act.reason


def limit_to_systems(delegation: Delegation, act: Act) -> None:
    for system in act.data.get("systems", ()):
        act.save(DelegatedSystem(delegation=delegation, system=system))


DELEGATIONS = Lifecycle(
    Delegation,
    Transition("delegate", NEW, Delegation.Status.GIVEN, [to_a_colleague, ends_in_the_future],
               delegate, "Delegate decisions", after=limit_to_systems),
    Transition("end", {Delegation.Status.GIVEN}, Delegation.Status.ENDED, [by_the_delegator],
               label="End early"),
)  # fmt: skip


def revise_policy(policy: Policy, act: Act) -> None:
    for name, value in act.data.items():
        setattr(policy, name, value)


POLICIES = Lifecycle(
    Policy,
    Transition("adopt", NEW, Policy.Status.IN_FORCE, internal=True),
    Transition("revise", {Policy.Status.IN_FORCE}, None, [], revise_policy, "Change the policy"),
)


def adopt_default(**_: Any) -> None:
    """Put the default policy in force where none is; runs after each migrate."""
    tables = connection.introspection.table_names()
    if Policy._meta.db_table in tables and not Policy.objects.exists():
        reason = "The default policy of a new portal."
        POLICIES.perform(Policy(pk=1), "adopt", by=User.objects.system(), reason=reason)
