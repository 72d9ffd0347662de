"""The columns of a population: what each row says of one change, as text."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from changes.models import EmergencyChange
from incidents.models import Determination, Incident
from reviews.completeness import LATE, MISSING, PARTIAL, PRESENT, TITLES
from reviews.models import Deadline
from reviews.population import Subject
from reviews.remarks import exceptions, open_items, recorded_late

Status = EmergencyChange.Status
Value = str | int | bool | datetime | None

REDACTED = "[confidential]"
STATES = {PRESENT: "there", LATE: "there, late", PARTIAL: "partly there", MISSING: "missing"}
STATUSES = dict(Status.choices)
RISKS = dict(EmergencyChange.Risk.choices)
OUTCOMES = dict(EmergencyChange.Outcome.choices)
SEVERITIES = dict(Incident.Severity.choices)
VERDICTS = dict(Determination.Verdict.choices)
CRITERIA = dict(Determination.Criterion.choices)


class Column(NamedTuple):
    """A column: its key in JSON, its heading, and how its value is made; times aware."""

    key: str
    label: str
    value: Callable[[Subject], Value]


def _field(key: str, label: str, name: str = "") -> Column:
    name = name or key
    return Column(key, label, lambda subject: subject.change[name])


def _choice(key: str, label: str, name: str, words: dict[Any, Any]) -> Column:
    return Column(key, label, lambda subject: str(words.get(subject.change[name], "")))


def _person(key: str, label: str, name: str) -> Column:
    return Column(key, label, lambda subject: subject.names.get(subject.change[name], ""))


def _item(place: int) -> Column:
    label = f"Item {place + 1}: {TITLES[place]}"
    return Column(f"item_{place + 1}", label, lambda subject: STATES[subject.items[place].state])


def _status(subject: Subject) -> str:
    return "Closed late" if subject.change["closed_late"] else STATUSES[subject.change["status"]]


def _approved_by(subject: Subject) -> str:
    decision = subject.facts.decision
    return decision.decided_by if decision else ""


def _approval(subject: Subject) -> str:
    decision = subject.facts.decision
    if decision is None:
        return ""
    return f"{decision.kind}, not confirmed" if decision.is_unconfirmed else decision.kind


def _approved_at(subject: Subject) -> datetime | None:
    return subject.facts.decision and subject.facts.decision.decided_at


def _approval_recorded_at(subject: Subject) -> datetime | None:
    return subject.facts.decision and subject.facts.decision.recorded_at


def _executed_at(subject: Subject) -> datetime | None:
    times = subject.items[3].times
    return times[0] if times else None


def _execution_source(subject: Subject) -> str:
    item = subject.items[3]
    return "" if item.state == MISSING else item.found


def _review_due_at(subject: Subject) -> datetime | None:
    kind = Deadline.Kind.REVIEW
    due = [term.due_at for term in subject.facts.terms if term.kind == kind and not term.voided_at]
    return due[0] if due else None


def _there(subject: Subject) -> str:
    return f"{sum(item.is_there for item in subject.items)} of {len(subject.items)}"


COLUMNS: tuple[Column, ...] = (
    _field("number", "Number"),
    Column("type", "Type", lambda _subject: EmergencyChange.TYPE),
    _field("confidential", "Confidential"),
    _field("title", "Title"),
    Column("status", "Status", _status),
    _field("opened_at", "Opened at"),
    _person("requested_by", "Requested by", "requester_id"),
    Column("systems", "Systems", lambda subject: ", ".join(subject.systems)),
    _choice("risk", "Risk", "risk", RISKS),
    _field("incident", "Incident", "incident__number"),
    _field("incident_title", "Incident title", "incident__title"),
    _choice("severity", "Severity", "incident__severity", SEVERITIES),
    _field("incident_began_at", "Incident began at", "incident__began_at"),
    _field("incident_recorded_at", "Incident recorded at", "incident__recorded_at"),
    _choice("determination", "Determination", "determination__verdict", VERDICTS),
    _choice("criterion", "Criterion", "determination__criterion", CRITERIA),
    _person("determined_by", "Determined by", "determination__decided_by_id"),
    _field("determined_at", "Determined at", "determination__decided_at"),
    _field("submitted_at", "Submitted at"),
    Column("approved_by", "Approved by", _approved_by),
    Column("approval", "Approval", _approval),
    Column("approved_at", "Approved at", _approved_at),
    Column("approval_recorded_at", "Approval recorded at", _approval_recorded_at),
    _field("without_approval", "Implemented without approval", "without_approval"),
    _person("implemented_by", "Implemented by", "implementer_id"),
    _field("started_at", "Started at"),
    _field("implemented_at", "Implemented at", "finished_at"),
    _choice("outcome", "Outcome", "outcome", OUTCOMES),
    Column("executed_at", "Execution timestamp", _executed_at),
    Column("execution_source", "Execution source", _execution_source),
    _person("verified_by", "Verified by", "verifier_id"),
    _field("verified_at", "Verified at"),
    _person("documented_by", "Documented by", "documenter_id"),
    _field("documented_at", "Documented at"),
    Column("reviewed_by", "Reviewed by", lambda s: s.facts.review and s.facts.review.reviewer),
    Column("review_due_at", "Review due before", _review_due_at),
    Column("reviewed_at", "Reviewed at", lambda s: s.facts.review and s.facts.review.held_at),
    _field("closed_at", "Closed at"),
    *map(_item, range(len(TITLES))),
    Column("items_there", "Items there", _there),
    Column("recorded_late", "Recorded late", recorded_late),
    Column("exceptions", "Exceptions", exceptions),
    Column("open_items", "Open items", open_items),
)
GAP = ("gap_before", "Numbers missing before this one")
HEADINGS = {**{column.key: column.label for column in COLUMNS}, GAP[0]: GAP[1]}
"""Every column of a row in its order: key in JSON and heading."""

_MAKERS = tuple(column.value for column in COLUMNS)
KEPT_WHEN_REDACTED = frozenset({"number", "type", "confidential", "gap_before"})


def cells(subject: Subject, gap: list[str], zone: ZoneInfo) -> list[str]:
    """Return the row of one change as text, times local to `zone` with their offset."""
    values = [make(subject) for make in _MAKERS]
    return [
        *(value if value.__class__ is str else as_text(value, zone) for value in values),
        ", ".join(gap),
    ]


def as_text(value: Value, zone: ZoneInfo) -> str:
    """Return a value as a cell says it; a time as 2026-07-01 09:30:00+02:00."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(zone).isoformat(" ", "seconds")
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)


def redacted(row: list[str], keys: Iterable[str] = HEADINGS) -> list[str]:
    """Return the row with nothing but its number readable, so that the list stays complete."""
    kept = zip(keys, row, strict=True)
    return [value if key in KEPT_WHEN_REDACTED else REDACTED for key, value in kept]
