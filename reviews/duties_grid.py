"""The duties matrix as it is drawn: a row a duty, a column a person, and the rules below."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from changes.guards import standing_approval
from changes.models import EmergencyChange
from reviews.models import Deadline

Kind = Deadline.Kind
DID, CLAIMED, PLANNED, CONFLICT = "did", "claimed", "planned", "conflict"
IN_WORDS: Final = {
    DID: "did it", CLAIMED: "not confirmed", PLANNED: "planned", CONFLICT: "conflict",
}  # fmt: skip
HOLDS, BROKEN, OPEN = "holds", "broken", "open"


@dataclass(frozen=True)
class Row:
    """One duty: whose it is, and for each column the mark there; empty where there is none."""

    name: str
    person: str
    marks: Sequence[str]

    @property
    def cells(self) -> list[tuple[str, str]]:
        return [(mark, IN_WORDS.get(mark, "")) for mark in self.marks]


@dataclass(frozen=True)
class Grid:
    """The matrix; `keys` are the marks that occur in it, `rules` the sentences and their state."""

    people: Sequence[str]
    rows: Sequence[Row]
    rules: Sequence[tuple[str, str]]

    @property
    def keys(self) -> list[tuple[str, str]]:
        used = {mark for row in self.rows for mark in row.marks}
        return [(mark, words) for mark, words in IN_WORDS.items() if mark in used]


def grid(change: EmergencyChange, breaches: Sequence[str]) -> Grid:
    """Return the matrix of the change; `breaches` are those of `duties.breaches`.

    Asks nothing where people, approvals and deadlines are loaded.
    """
    held = _held(change)
    clashes = _clashes({name: person for name, person, _mark in held}) if breaches else set()
    people = list(dict.fromkeys(person for _name, person, _mark in held if person))
    rows = []
    for name, person, mark in held:
        shown = CONFLICT if name in clashes and mark == DID else mark
        rows.append(Row(name, person, [shown if one == person else "" for one in people]))
    return Grid(people, rows, _rules(change, breaches))


def _held(change: EmergencyChange) -> list[tuple[str, str, str]]:
    """Return each duty with who did it or is to do it, and the mark for that."""
    approval = standing_approval(change)
    approver = str(approval.approver) if approval is not None else str(change.approver or "")
    claimed = approval is not None and approval.is_unconfirmed
    done = [
        ("Request", str(change.requester), DID),
        ("Approve", approver, CLAIMED if claimed else DID),
        ("Implement", str(change.implementer or ""), DID),
        ("Verify", str(change.verifier or ""), DID),
        ("Document", str(change.documenter or ""), DID),
        ("Review", str(change.reviewer or ""), DID),
    ]
    planned = {
        "Approve": _owner(change, Kind.APPROVAL),
        "Document": _owner(change, Kind.DOCUMENTATION),
        "Review": _owner(change, Kind.REVIEW),
    }
    return [
        (name, person or planned.get(name, ""), mark if person else PLANNED)
        for name, person, mark in done
    ]


def _owner(change: EmergencyChange, kind: str) -> str:
    running = (d for d in change.deadlines.all() if d.met_at is None and d.voided_at is None)
    return next((str(d.owner) for d in running if d.kind == kind and d.owner is not None), "")


def _clashes(person: dict[str, str]) -> set[str]:
    """Return the duties that one hand must not hold together, and does."""
    found = set()
    for decides in ("Approve", "Review"):
        for works in ("Request", "Implement"):
            if person[decides] and person[decides] == person[works]:
                found |= {decides, works}
    return found


def _rules(change: EmergencyChange, breaches: Sequence[str]) -> list[tuple[str, str]]:
    reviews = [one for one in breaches if "reviewed" in one]
    approved = standing_approval(change) is not None
    decided = len(breaches) > len(reviews)
    return [
        ("The approver is neither requester nor implementer", _state(decided, approved)),
        ("The reviewer is neither requester nor implementer",
         _state(bool(reviews), change.reviewer is not None)),
    ]  # fmt: skip


def _state(broken: bool, done: bool) -> str:
    return BROKEN if broken else HOLDS if done else OPEN
