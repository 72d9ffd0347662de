"""How the acts on a change read on its page, and what came before it: alert and determination."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from changes.models import EmergencyChange
from ecportal.timeline import Entry
from incidents.models import Incident

SMALL: Final = frozenset({"revise", "share"})
"""Acts that the page leaves to the full history."""

BATCH: Final = "attach_evidence"
"""The act of which a run by one person is told as one."""

DID: Final = {
    "open": "opened {number}",
    "submit": "asked {Asked approver} for approval",
    "approve": "approved it",
    "reject": "rejected it",
    "claim_approval": "recorded a verbal approval by {Approver}",
    "confirm_approval": "confirmed the verbal approval",
    "deny_approval": "denied the verbal approval",
    "rework": "took it up again",
    "report_instability": "saw that it is not stable",
    "record_deviation": "recorded a skipped test",
    "log_execution": "added lines to the execution log",
    "document": "documented it and sent it to review",
    "close": "reviewed and closed it",
    "cancel": "cancelled it",
}
"""What an act did, in words that name its object; `{…}` is a record that the act names."""

NOBODY: Final = {"Asked approver": "a Lead", "Approver": "a Lead"}


def before(change: EmergencyChange) -> Iterator[Entry]:
    """Yield what came before the change: the alert and the determination.

    Asks nothing where the incident with its recorder and the determination are loaded.
    """
    incident, decision = change.incident, change.determination
    alert = incident.source != Incident.Source.PERSON
    yield Entry(
        f"{'raised' if alert else 'recorded'} {incident.number}, {incident.get_severity_display()}",
        incident.get_source_display() if alert else str(incident.recorded_by),
        "",
        incident.title,
        incident.began_at,
        incident.recorded_at,
    )
    yield Entry(
        f"determined an emergency, {decision.get_criterion_display().lower()}",
        str(decision.decided_by),
        "",
        decision.why_not_normal,
        decision.decided_at,
        decision.recorded_at,
    )


def in_words(change: EmergencyChange, acts: Iterable[Entry]) -> list[Entry]:
    """Return the acts of the change's own history in better words than their buttons give."""
    return [_told(change, act) for act in acts]


def _told(change: EmergencyChange, act: Entry) -> Entry:
    """Say what the act did; a record that its words name is not named again beside them."""
    if act.verb not in DID:
        return act
    named = dict(part.partition(": ")[::2] for part in act.about.split("; ") if ": " in part)
    words = DID[act.verb]
    rest = [f"{name}: {value}" for name, value in named.items() if f"{{{name}}}" not in words]
    did = words.format_map({"number": change.number, **NOBODY, **named})
    return replace(act, did=did, about="; ".join(rest))
