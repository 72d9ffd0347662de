"""What is remarkable about a listed change, in words: late records, exceptions, what is owed."""

from changes.models import EmergencyChange
from ecportal.clock import duration
from ecportal.timeline import LATE_AFTER
from reviews.models import ControlException, Deadline
from reviews.population import Subject

Status = EmergencyChange.Status

EXCEPTIONS = dict(ControlException.Kind.choices)
ANSWERS = {value: str(words).lower() for value, words in ControlException.Status.choices}
TERMS = dict(Deadline.Kind.choices)
BESIDE_ITEMS = (
    Deadline.Kind.DOCUMENTATION,
    Deadline.Kind.FOLLOW_UP,
    Deadline.Kind.CATCH_UP,
    Deadline.Kind.RETROACTIVE,
)


def recorded_late(subject: Subject) -> str:
    """Name each act that was recorded an hour or more after it happened, with the lag."""
    row, facts = subject.change, subject.facts
    acts = [
        ("determination", row["determination__decided_at"], row["determination__recorded_at"]),
        *(("approval", d.decided_at, d.recorded_at) for d in (facts.decision,) if d),
        *(("execution", entry.happened_at, entry.recorded_at) for entry in facts.executions),
        *(("stability check", *times) for times in subject.checks),
        *(("review", r.held_at, r.recorded_at) for r in (facts.review,) if r and r.recorded_at),
    ]
    late = [(name, recorded - happened) for name, happened, recorded in acts]
    return "; ".join(f"{name} {duration(lag)}" for name, lag in late if lag >= LATE_AFTER)


def exceptions(subject: Subject) -> str:
    return "; ".join(f"{EXCEPTIONS[k]} ({ANSWERS[answer]})" for k, answer in subject.exceptions)


def open_items(subject: Subject) -> str:
    """Name what is still owed, by whom: of the five items, and by deadlines beside them."""
    row, sent_back = subject.change, EmergencyChange.Rejection.SENT_BACK
    if row["status"] == Status.CANCELLED:
        return ""
    ended = row["status"] == Status.REJECTED and row["rejection"] != sent_back
    owed = [f"{i.title}: {i.owed_by}" for i in subject.items if not (i.is_there or ended)]
    for term in subject.facts.terms:
        if term.runs and term.kind in BESIDE_ITEMS:
            owed.append(f"{TERMS[term.kind]}: {term.owner or 'A Lead of the systems'}")
    return "; ".join(owed)
