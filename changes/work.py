"""Effects of steps 2 and 4 to 7: opening, implementing, verifying, documenting, closing."""

from typing import Any

from django.utils import timezone

from changes.evidence_store import AlteredInStoreError
from changes.models import (
    ChangeSystem,
    Correction,
    Deviation,
    EmergencyChange,
    Evidence,
    ExecutionEntry,
    Policy,
    StabilityCheck,
)
from ecportal.accounts.permissions import give
from ecportal.lifecycle import Act, TransitionRefused
from ecportal.numbering import take_number
from incidents.models import Incident

VIEW = "view_emergencychange"
TEXTS = ("title", "scope", "risk", "risk_assessment", "rollback_plan")


# --- step 2: open -------------------------------------------------------------------------------
def open_change(change: EmergencyChange, act: Act) -> None:
    """Give the change its number; the incident is held so that nobody cancels it meanwhile."""
    held = Incident.objects.select_for_update(no_key=True).get(pk=change.incident_id)
    if held.status == Incident.Status.CANCELLED:
        raise TransitionRefused("The incident was cancelled. Record the right one first.")
    change.number = take_number("EC")
    change.requester = act.by
    change.opened_at = act.recorded_at


def name_systems(change: EmergencyChange, act: Act) -> None:
    """Make the systems those of the act; share a confidential change with whoever opened it."""
    if change.confidential:
        give(change.requester, VIEW, change)
    if "systems" not in act.data:
        return
    named = {link.system_id: link for link in change.systems.all()}
    wanted = {system.pk: system for system in act.data["systems"]}
    for key in wanted.keys() - named.keys():
        act.save(ChangeSystem(change=change, system=wanted[key]))
    for key in named.keys() - wanted.keys():
        act.remove(named[key])


def revise(change: EmergencyChange, act: Act) -> None:
    for name in TEXTS:
        setattr(change, name, act.data.get(name, getattr(change, name)))


def share(change: EmergencyChange, act: Act) -> None:
    give(act.data["person"], VIEW, change)


def correct(change: EmergencyChange, act: Act) -> None:
    act.save(
        Correction(
            change=change,
            part=act.data.get("part", Correction.Part.OTHER),
            text=act.reason,
            after_approval=change.approved_at is not None or change.has_started,
            written_by=act.by,
            happened_at=act.happened_at,
            recorded_at=act.recorded_at,
        )
    )


# --- step 4: implement --------------------------------------------------------------------------
def name_implementer(change: EmergencyChange, act: Act) -> None:
    """Note who implements since when; work that began before its approval had none."""
    change.implementer = act.by
    change.started_at = act.happened_at
    if change.approved_at is not None and act.happened_at < change.approved_at:
        change.without_approval = True


def start_unapproved(change: EmergencyChange, act: Act) -> None:
    change.without_approval = True
    name_implementer(change, act)


def log_execution(change: EmergencyChange, act: Act) -> None:
    """Write an execution entry; its text is given, or else the reason of the act."""
    act.save(
        ExecutionEntry(
            change=change,
            source=act.data.get("source") or ExecutionEntry.Source.HAND,
            text=act.data.get("execution") or act.reason,
            link=act.data.get("link", ""),
            happened_at=act.happened_at,
            recorded_at=act.recorded_at,
            written_by=act.by,
        )
    )


def _write_deviation(change: EmergencyChange, act: Act, **values: Any) -> None:
    day = values["catch_up_on"]
    today = timezone.localdate(act.recorded_at, timezone.get_default_timezone())
    if day is not None and day < today:
        raise TransitionRefused("Choose a day that has not passed.", "catch_up_on")
    act.save(Deviation(change=change, recorded_at=act.recorded_at, written_by=act.by, **values))


def record_deviation(change: EmergencyChange, act: Act) -> None:
    """Write what was skipped; why is the reason of the act. It takes an explicit "none" back."""
    _write_deviation(
        change,
        act,
        skipped=act.data["skipped"],
        why=act.reason,
        catch_up_on=act.data.get("catch_up_on"),
    )


def take_none_back(change: EmergencyChange, act: Act) -> None:
    change.no_deviations = False


def finish(change: EmergencyChange, act: Act) -> None:
    """Record finish and outcome; deviations from standard testing or an explicit "none"."""
    if change.started_at is not None and act.happened_at < change.started_at:
        started = timezone.localtime(change.started_at)
        raise TransitionRefused(
            f"It cannot finish before it started at {started:%H:%M}.", "happened_at"
        )
    failed = change.checks.filter(stable=False).order_by("happened_at").last()
    if failed is not None and act.happened_at < failed.happened_at:
        seen = timezone.localtime(failed.happened_at)
        raise TransitionRefused(
            f"It was not stable at {seen:%H:%M}, so it cannot have been finished before.",
            "happened_at",
        )
    if act.data.get("outcome") not in EmergencyChange.Outcome.values:
        raise TransitionRefused("Choose how it went.", "outcome")
    skipped, none = bool(act.data.get("skipped")), bool(act.data.get("no_deviations"))
    stated = skipped or change.deviations.exists()
    if none and stated:
        raise TransitionRefused(
            "A skipped test is written down, so “none” is not true. Untick it.", "no_deviations"
        )
    if not none and not stated:
        raise TransitionRefused(
            "Say which standard tests were skipped, or tick “none”.", "no_deviations"
        )
    if skipped and not act.data.get("why"):
        raise TransitionRefused("Say why it was skipped.", "why")
    change.finished_at = act.happened_at
    change.outcome = act.data["outcome"]
    change.no_deviations = none


def finish_rows(change: EmergencyChange, act: Act) -> None:
    log_execution(change, act)
    if act.data.get("skipped"):
        _write_deviation(
            change,
            act,
            skipped=act.data["skipped"],
            why=act.data["why"],
            catch_up_on=act.data.get("catch_up_on"),
        )


def catch_up(change: EmergencyChange, act: Act) -> None:
    """Record that a skipped test was done after all; its result is the reason of the act."""
    deviation: Deviation = act.data["deviation"]
    if deviation.change_id != change.pk or deviation.caught_up_at is not None:
        raise TransitionRefused("This one is not open any more.", "deviation")
    deviation.caught_up_at = act.happened_at
    deviation.caught_up_by = act.by
    deviation.result = act.reason
    act.save(deviation)


# --- step 5: verify -----------------------------------------------------------------------------
def _write_check(change: EmergencyChange, act: Act, stable: bool) -> None:
    act.save(
        StabilityCheck(
            change=change,
            watched=act.data["watched"],
            stable=stable,
            result=act.reason,
            link=act.data.get("link", ""),
            checked_by=act.by,
            happened_at=act.happened_at,
            recorded_at=act.recorded_at,
        )
    )


def check_stability(change: EmergencyChange, act: Act) -> None:
    _write_check(change, act, stable=True)


def report_instability(change: EmergencyChange, act: Act) -> None:
    """A failed check sends the change back to implementing; what was finished is open again."""
    if change.finished_at is not None and act.happened_at < change.finished_at:
        raise TransitionRefused(
            "A check says something about the time after the implementation. "
            f"Enter a time from {timezone.localtime(change.finished_at):%H:%M} on.",
            "happened_at",
        )
    _write_check(change, act, stable=False)
    change.finished_at = change.verifier = change.verified_at = None
    change.outcome, change.no_deviations = "", False


def verify(change: EmergencyChange, act: Act) -> None:
    assert change.finished_at is not None
    ends = change.finished_at + Policy.in_force().observation_window
    if act.happened_at < ends:
        raise TransitionRefused(
            "The observation window must have passed when you looked. "
            f"Enter a time from {timezone.localtime(ends):%H:%M} on.",
            "happened_at",
        )
    _write_check(change, act, stable=True)
    change.verifier, change.verified_at = act.by, act.happened_at


# --- step 6: document, step 7: close ------------------------------------------------------------
def attach_evidence(change: EmergencyChange, act: Act) -> None:
    """Write one piece of evidence; captured at is when it happened."""
    _write_evidence(change, act)


def supersede_evidence(change: EmergencyChange, act: Act) -> None:
    """Write a new version of a piece of evidence; the old one stays beside it as superseded."""
    old: Evidence = act.data["supersedes"]
    if old.change_id != change.pk:
        raise TransitionRefused("This evidence belongs to another change.", "supersedes")
    if Evidence.objects.filter(supersedes=old).exists():
        raise TransitionRefused(
            "A newer version superseded this one already. Choose that.", "supersedes"
        )
    _write_evidence(change, act, supersedes=old)


def _write_evidence(change: EmergencyChange, act: Act, **further: Any) -> None:
    names = (
        "kind", "description", "source_system", "file", "file_name", "link", "text", "size",
        "sha256", "content_type",
    )  # fmt: skip
    values = {name: act.data[name] for name in names if act.data.get(name)}
    if not values.get("description"):
        raise TransitionRefused("Say what it proves.", "description")
    if sum(name in values for name in ("file", "link", "text")) != 1:
        raise TransitionRefused(
            "Attach exactly one thing at a time: a file, a link or a pasted log."
        )
    evidence = Evidence(
        change=change,
        captured_at=act.happened_at,
        recorded_at=act.recorded_at,
        attached_by=act.by,
        **values,
        **further,
    )
    try:
        act.save(evidence)
    except AlteredInStoreError:
        raise TransitionRefused(
            "The same file was stored before and is not intact any more. "
            "Tell whoever runs the portal; nothing was saved.",
            "file",
        ) from None
    except OSError:
        raise TransitionRefused(
            "The file could not be stored, so nothing was saved. "
            "Try again in a minute, then tell whoever runs the portal.",
            "file",
        ) from None


def document(change: EmergencyChange, act: Act) -> None:
    change.documenter, change.documented_at = act.by, act.happened_at
    change.results = act.reason
    change.rollback_actions = act.data.get("rollback_actions", "")


def close(change: EmergencyChange, act: Act) -> None:
    change.reviewer, change.closed_at = act.by, act.recorded_at
    change.closed_late = bool(act.data.get("late"))
