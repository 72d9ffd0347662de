"""What may be done with what reconciliation found: a Lead settles it, never the portal."""

from typing import Final

from changes.lifecycle import DEPLOYMENTS, TICKETS
from changes.models import EmergencyChange
from ecportal.lifecycle import NEW, Act, Lifecycle, Transition
from reviews.models import ControlException, ReconciliationItem
from reviews.register import raise_exception

OPEN, MATCHED, DISMISSED, SETTLED = ReconciliationItem.Status
Kind = ReconciliationItem.Kind


# --- guards -------------------------------------------------------------------------------------
def visible_to_actor(item: ReconciliationItem, act: Act) -> str | None:
    """What concerns a confidential change is settled only by those who may see that change."""
    change = act.data.get("change") or item.change
    if change is None or not change.confidential or act.by.is_system:
        return None
    if EmergencyChange.objects.visible_to(act.by).filter(pk=change.pk).exists():
        return None
    return "This change is confidential and was not shared with you."


def change_stands(item: ReconciliationItem, act: Act) -> str | None:
    change = act.data.get("change")
    if change is not None and change.status == EmergencyChange.Status.CANCELLED:
        return f"{change.number} was cancelled. Choose another change."
    return None


# --- effects ------------------------------------------------------------------------------------
def find(item: ReconciliationItem, act: Act) -> None:
    item.found_at, item.rule = act.recorded_at, act.reason


def settle(item: ReconciliationItem, act: Act) -> None:
    item.settled_by, item.settled_at, item.reason = act.by, act.recorded_at, act.reason
    item.change = act.data.get("change")


def claim(item: ReconciliationItem, act: Act) -> None:
    """Let the change claim the deployment or the ticket, and register what this shows."""
    change: EmergencyChange = act.data["change"]
    if item.deployment is not None:
        DEPLOYMENTS.perform(item.deployment, "attach", by=act.by, reason=act.reason, change=change)
    if item.ticket is not None:
        TICKETS.perform(item.ticket, "link", by=act.by, reason=act.reason, change=change)
    if item.kind != Kind.INCIDENT:
        _register(item, change)


def _take_away(item: ReconciliationItem, act: Act) -> None:
    """Take the deployment or the ticket from the change that claims it, if any."""
    if item.deployment is not None and item.deployment.change_id:
        DEPLOYMENTS.perform(item.deployment, "detach", by=act.by, reason=act.reason)
    if item.ticket is not None and item.ticket.change_id:
        TICKETS.perform(item.ticket, "unlink", by=act.by, reason=act.reason)


def _register(item: ReconciliationItem, change: EmergencyChange) -> None:
    """Register what was declared, or linked to an incident, only after it had been found.

    Source of the rule: the process's "Exceptions and the five items".
    """
    if change.opened_at > item.found_at:
        detail = (
            f"{item} was found by reconciliation before the emergency change was opened. "
            f"{item.rule}"
        )
        raise_exception(change, ControlException.Kind.NOT_DECLARED, detail)
    if change.incident.recorded_at > item.found_at:
        detail = f"{item} was found before {change.incident.number} was recorded. {item.rule}"
        raise_exception(change, ControlException.Kind.NO_INCIDENT, detail)


def forget(item: ReconciliationItem, act: Act) -> None:
    item.settled_by = item.settled_at = item.change = None
    item.reason = ""


RECONCILIATIONS: Final = Lifecycle(
    ReconciliationItem,
    Transition("find", NEW, OPEN, [], find, internal=True),
    Transition("match", {OPEN}, MATCHED, [change_stands], settle, "Match to a change…",
               after=claim),
    Transition("dismiss", {OPEN}, DISMISSED, [], settle, "No change was made…"),
    Transition("settle", {OPEN}, SETTLED, [], settle, "Settle itself", internal=True),
    Transition("reopen", {MATCHED, DISMISSED}, OPEN, [], forget, "Open it again…",
               after=_take_away),
    Transition("return", {MATCHED, SETTLED}, OPEN, [], forget, "Return to the inbox",
               internal=True),
    always=[visible_to_actor],
)  # fmt: skip
