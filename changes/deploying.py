"""Guards and effects of deployments: what is told of them, and which change claims them."""

from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Final

from django.conf import settings

from changes.models import Deployment, DeploymentSystem, EmergencyChange, ExecutionEntry
from ecportal.lifecycle import Act

Attachment, Status = Deployment.Attachment, EmergencyChange.Status

LOGGED: Final = frozenset({
    Status.APPROVED, Status.IMPLEMENTING, Status.IMPLEMENTED, Status.VERIFIED, Status.DOCUMENTED,
    Status.CLOSED,
})  # fmt: skip
"""Statuses of a change in which what ran is part of its execution log."""

TOLD: Final = (
    "status", "environment", "commit", "branch", "tag", "actor", "url", "description",
    "started_at", "finished_at",
)  # fmt: skip

# Of two events of the same moment the later of these counts, in whichever order they arrive.
ORDER: Final = tuple(
    Deployment.Status(status)
    for status in ("pending", "running", "canceled", "succeeded", "failed", "rolled_back")
)


def in_production(environment: str) -> bool:
    """Whether this is one of PRODUCTION_ENVIRONMENTS, upper and lower case alike."""
    name = environment.strip().casefold()
    return any(fnmatchcase(name, pattern) for pattern in settings.PRODUCTION_ENVIRONMENTS)


# --- guards -------------------------------------------------------------------------------------
def has_a_key(deployment: Deployment, act: Act) -> str | None:
    if not deployment.key:
        return "A deployment needs a key by which its source knows it."
    return None


def is_newer(deployment: Deployment, act: Act) -> str | None:
    """What is told counts by the source's clock, not by when it arrived."""
    told = act.data["told"]["status"]
    now = (deployment.heard_at, ORDER.index(Deployment.Status(deployment.status)))
    if (act.happened_at, ORDER.index(Deployment.Status(told))) <= now:
        return "Something newer was told of this deployment already."
    return None


def not_attached(deployment: Deployment, act: Act) -> str | None:
    if deployment.change is not None:
        return f"This deployment belongs to {deployment.change.number} already. Detach it first."
    return None


def is_attached(deployment: Deployment, act: Act) -> str | None:
    return "This deployment belongs to no change." if deployment.change is None else None


def change_not_closed(deployment: Deployment, act: Act) -> str | None:
    """What was reviewed is not taken apart afterwards."""
    change = deployment.change
    if change and change.status == Status.CLOSED and deployment.execution_id is not None:
        return f"{change.number} is closed. Add a correction to it instead."
    return None


# --- effects ------------------------------------------------------------------------------------
def record(deployment: Deployment, act: Act) -> None:
    deployment.recorded_at, deployment.recorded_by = act.recorded_at, act.by
    _write_told(deployment, act)


def advance(deployment: Deployment, act: Act) -> None:
    _write_told(deployment, act)
    write_execution(deployment, act)


def _write_told(deployment: Deployment, act: Act) -> None:
    """Write what was told; what was not said stays."""
    for name in TOLD:
        if value := act.data["told"].get(name):
            setattr(deployment, name, value)
    deployment.is_production = in_production(deployment.environment)
    deployment.heard_at = act.happened_at


def name_systems(deployment: Deployment, act: Act) -> None:
    named = set(deployment.systems.values_list("system", flat=True))
    for system in act.data.get("systems", ()):
        if system.pk not in named:
            act.save(DeploymentSystem(deployment=deployment, system=system))


def attach(deployment: Deployment, act: Act) -> None:
    """Attach to the act's `change`: by the line in which its number stood, or else by hand."""
    deployment.change = act.data["change"]
    deployment.reference = act.data.get("reference", "")
    by_hand = "reference" not in act.data
    deployment.attachment = Attachment.PERSON if by_hand else Attachment.REFERENCE
    deployment.attached_by = act.by
    write_execution(deployment, act)


def detach(deployment: Deployment, act: Act) -> None:
    """Take it from its change; the line in the execution log stays, and proves nothing more."""
    entry = deployment.execution
    if entry is not None:
        entry.source = ExecutionEntry.Source.DETACHED
        entry.text = f"{entry.text}\nDetached by {act.by}: {act.reason}"
        act.save(entry)
    deployment.change = deployment.attached_by = deployment.execution = None
    deployment.reference, deployment.attachment = "", Attachment.DETACHED


def is_to_be_entered(deployment: Deployment) -> bool:
    """Whether its change is to have a line for it, and has none.

    The change is held from here on, so that its start and this act do not miss each other.
    """
    ran = deployment.is_production and deployment.has_run
    if not ran or deployment.change_id is None or deployment.execution_id is not None:
        return False
    held = EmergencyChange.objects.select_for_update(of=("self",), no_key=True)
    deployment.change = held.get(pk=deployment.change_id)
    return deployment.change.status in LOGGED and not deployment.came_after_closing


def write_execution(deployment: Deployment, act: Act) -> None:
    """Keep the one line of the change's execution log for what ran in production.

    What ran after the change was closed is none: later work names its number, too.
    """
    entry = deployment.execution
    if entry is None:
        if not is_to_be_entered(deployment):
            return
        entry = ExecutionEntry(change=deployment.change, source=ExecutionEntry.Source.DEPLOYMENT)
    elif not deployment.is_production:
        return
    entry.text, entry.link = in_words(deployment), deployment.url
    entry.happened_at = min(deployment.happened_at, act.recorded_at)
    entry.recorded_at, entry.written_by = act.recorded_at, act.by
    act.save(entry)
    deployment.execution = entry


def in_words(deployment: Deployment) -> str:
    """Return what is known of it as lines of a log, times in UTC."""
    told = [
        f"{deployment}: {deployment.get_status_display().lower()} (told by {deployment.source})"
    ]
    for name, value in (
        ("started", _time(deployment.started_at)),
        ("finished", _time(deployment.finished_at)),
        ("commit", deployment.commit),
        ("branch", deployment.branch),
        ("tag", deployment.tag),
        ("triggered by", deployment.actor),
    ):
        if value:
            told.append(f"{name} {value}")
    return "\n".join(told)


def _time(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if moment else ""
