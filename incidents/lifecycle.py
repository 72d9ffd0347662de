"""What may be done with incidents and systems."""

from ecportal.accounts import roles
from ecportal.accounts.permissions import give, take
from ecportal.lifecycle import NEW, Act, Lifecycle, Transition, TransitionRefused
from ecportal.numbering import take_number
from incidents.models import Determination, Incident, IncidentNote, IncidentSystem, System

OPEN, RESOLVED, CANCELLED = Incident.Status
ACTIVE, RETIRED = System.Status


# --- incidents ----------------------------------------------------------------------------------
def began_before_now(incident: Incident, act: Act) -> str | None:
    if incident._state.adding and incident.began_at and incident.began_at > act.recorded_at:
        return "The incident cannot begin in the future. Enter when it began or was detected."
    return None


def record_incident(incident: Incident, act: Act) -> None:
    incident.number = take_number("INC")
    incident.recorded_at = act.recorded_at
    incident.recorded_by = act.by


def name_systems(incident: Incident, act: Act) -> None:
    """Make the incident's systems those of the act; a system named once stays in the history."""
    if "systems" not in act.data:
        return
    named = {link.system_id: link for link in incident.affected.all()}
    wanted = {system.pk: system for system in act.data["systems"]}
    for key in wanted.keys() - named.keys():
        act.save(IncidentSystem(incident=incident, system=wanted[key]))
    for key in named.keys() - wanted.keys():
        act.remove(named[key])


def revise_incident(incident: Incident, act: Act) -> None:
    """Write the details; that it began earlier only a source can say, no form asks for it."""
    for name in ("title", "description", "severity", "source_url"):
        setattr(incident, name, act.data[name])
    incident.began_at = act.data.get("began_at", incident.began_at)


def write_note(incident: Incident, act: Act) -> None:
    act.save(
        IncidentNote(
            incident=incident,
            text=act.reason,
            written_by=act.by,
            happened_at=act.happened_at,
            recorded_at=act.recorded_at,
        )
    )


def record_determination(incident: Incident, act: Act) -> None:
    """Write the determination; why the normal process can or cannot be used is the act's reason.

    For a confidential change the reason comes apart, as `why`: what the incident shows is public.
    """
    verdict = act.data.get("verdict", Determination.Verdict.EMERGENCY)
    emergency = verdict == Determination.Verdict.EMERGENCY
    if emergency and not act.data.get("criterion"):
        raise TransitionRefused("Choose which kind of emergency it is.", "criterion")
    determination = Determination(
        incident=incident,
        verdict=verdict,
        criterion=act.data.get("criterion", "") if emergency else "",
        imminence=act.data.get("imminence", Determination.Imminence.OCCURRING),
        basis=act.data.get("basis", Determination.Basis.MONITORING),
        why_not_normal=act.data.get("why") or act.reason,
        confidential="why" in act.data,
        decided_by=act.by,
        decided_at=act.happened_at,
        recorded_at=act.recorded_at,
    )
    act.save(determination)


def resolve_incident(incident: Incident, act: Act) -> None:
    if act.happened_at < incident.began_at:
        raise TransitionRefused("It cannot end before it began.", "happened_at")
    incident.resolved_at = act.happened_at


def reopen_incident(incident: Incident, act: Act) -> None:
    incident.resolved_at = None


INCIDENTS = Lifecycle(
    Incident,
    Transition("record", NEW, OPEN, [began_before_now], record_incident, "Record incident",
               after=name_systems),
    Transition("determine", {OPEN, RESOLVED}, None, label="Determine: emergency or not",
               after=record_determination),
    Transition("note", {OPEN, RESOLVED}, None, label="Add note", after=write_note),
    Transition("revise", {OPEN, RESOLVED}, None, [], revise_incident, "Change details",
               after=name_systems),
    Transition("resolve", {OPEN}, RESOLVED, [], resolve_incident, "Mark as resolved"),
    Transition("reopen", {RESOLVED}, OPEN, [], reopen_incident),
    Transition("cancel", {OPEN}, CANCELLED, label="Cancel: recorded in error"),
)  # fmt: skip


# --- systems ------------------------------------------------------------------------------------
def write_system(system: System, act: Act) -> None:
    for name in ("name", "description"):
        setattr(system, name, act.data.get(name, getattr(system, name)))


def grant_scope(system: System, act: Act) -> None:
    give(act.data["person"], roles.SYSTEM_SCOPE, system)


def withdraw_scope(system: System, act: Act) -> None:
    take(act.data["person"], roles.SYSTEM_SCOPE, system)


def not_for_oneself(system: System, act: Act) -> str | None:
    """Nobody gives themselves the right to decide."""
    if act.data.get("person") == act.by:
        return "This is yourself. Another Role Administrator must do this."
    return None


SYSTEMS = Lifecycle(
    System,
    Transition("register", NEW, ACTIVE, effect=write_system, label="Add system"),
    Transition("revise", {ACTIVE}, None, effect=write_system, label="Change details"),
    Transition("grant", {ACTIVE}, None, [not_for_oneself], grant_scope, "Let a Lead decide"),
    Transition("withdraw", {ACTIVE, RETIRED}, None, [not_for_oneself], withdraw_scope,
               "Take the decision right away"),
    Transition("retire", {ACTIVE}, RETIRED),
    Transition("reinstate", {RETIRED}, ACTIVE),
)  # fmt: skip
