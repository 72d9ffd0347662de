"""The duties matrix as it is drawn: a row a duty, a column a person, and the rules below."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from changes.guards import standing_approval
from changes.models import EmergencyChange
from ecportal.accounts.models import User
from reviews.duties import matrix
from reviews.models import Deadline

Kind = Deadline.Kind
DID, CLAIMED, PLANNED, CONFLICT = "did", "claimed", "planned", "conflict"
IN_WORDS: Final = {
    DID: "did it", CLAIMED: "not confirmed", PLANNED: "planned", CONFLICT: "conflict",
}  # fmt: skip
NAMES: Final = ("Request", "Approve", "Implement", "Verify", "Document", "Review")
PLANNED_BY: Final = {
    "Approve": Kind.APPROVAL, "Document": Kind.DOCUMENTATION, "Review": Kind.REVIEW,
}  # fmt: skip
"""The deadline whose owner is to do a duty that nobody has done yet."""
HOLDS, BROKEN, OPEN = "holds", "broken", "open"


@dataclass(frozen=True)
class Row:
    """One duty: whose it is, and for each column the mark there; empty where there is none."""

    name: str
    person: User | None
    marks: Sequence[str]

    @property
    def cells(self) -> list[tuple[str, str]]:
        return [(mark, IN_WORDS.get(mark, "")) for mark in self.marks]


@dataclass(frozen=True)
class Grid:
    """The matrix; `keys` are the marks that occur in it, `rules` the sentences and their state."""

    people: Sequence[User]
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


def _held(change: EmergencyChange) -> list[tuple[str, User | None, str]]:
    """Return each duty with who did it or is to do it, and the mark for that."""
    approval = standing_approval(change)
    claimed = approval is not None and approval.is_unconfirmed
    found: list[tuple[str, User | None, str]] = []
    for name, duty in zip(NAMES, matrix(change), strict=True):
        if duty.by is None:
            found.append((name, _owner(change, PLANNED_BY.get(name)), PLANNED))
        else:
            found.append((name, duty.by, CLAIMED if claimed and name == "Approve" else DID))
    return found


def _owner(change: EmergencyChange, kind: str | None) -> User | None:
    """Return whoever owes a deadline of this kind."""
    running = (d for d in change.deadlines.all() if d.runs)
    return next((d.owner for d in running if d.kind == kind and d.owner is not None), None)


def _clashes(person: Mapping[str, User | None]) -> set[str]:
    """Return the duties that one hand must not hold together, and does."""
    found = set()
    for decides in ("Approve", "Review"):
        for works in ("Request", "Implement"):
            if person[decides] is not None and person[decides] == person[works]:
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
