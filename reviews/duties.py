"""The duties matrix: who did what on a change, and whether one hand did too much."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from changes.authority import Hands, hands, hands_on
from changes.guards import standing_approval
from changes.models import EmergencyChange
from changes.models.change import ChangeQuerySet
from ecportal.accounts.models import User


@dataclass(frozen=True)
class Duty:
    """One duty, as a past participle, and who did it in words; empty as long as nobody did.

    `by` is that person alone, without the one for whom they decided.
    """

    name: str
    person: str
    by: User | None


def matrix(change: EmergencyChange) -> list[Duty]:
    approval = standing_approval(change)
    people = {
        "Requested": change.requester,
        "Approved": approval.approver if approval else change.approver,
        "Implemented": change.implementer,
        "Verified": change.verifier,
        "Documented": change.documenter,
        "Reviewed": change.reviewer,
    }
    words = {"Approved": approval.decided_by} if approval else {}
    return [Duty(name, words.get(name, str(by or "")), by) for name, by in people.items()]


def breaches(change: EmergencyChange, known: Hands | None = None) -> list[str]:
    """Return each breach of the segregation of duties in a sentence (CC8.1).

    Whoever lets somebody else decide for them counts as having decided. That another than the
    implementer verifies is refused at the door when the policy demands it. `known` is who had a
    hand in it, where that was asked for many changes at once.
    """
    approval = standing_approval(change)
    if approval is None and change.reviewer is None:
        return []
    requesters, implementers = known or hands(change)
    found = []
    if approval is not None:
        delegator = approval.delegation.delegator if approval.delegation else None
        for person in filter(None, (approval.approver, delegator)):
            if person.pk in implementers:
                found.append(f"{person} both approved and implemented.")
            if person.pk in requesters:
                found.append(f"{person} both requested and approved.")
    if change.reviewer is not None and change.reviewer.pk in requesters | implementers:
        found.append(f"{change.reviewer} reviewed their own work.")
    return found


@dataclass(frozen=True)
class Row:
    """One change of the report: who did which duty, and each breach in a sentence."""

    change: EmergencyChange
    duties: list[Duty]
    breaches: list[str]


PEOPLE = ("requester", "approver", "implementer", "verifier", "documenter", "reviewer")
APPROVALS = (
    "approvals__approver", "approvals__delegation__delegate", "approvals__delegation__delegator",
)  # fmt: skip
AT_A_TIME = 1000


def report(changes: ChangeQuerySet) -> Iterator[Row]:
    """Yield a row for each of the changes, in their order; the same queries for up to 1,000."""
    whole = changes.select_related(*PEOPLE).prefetch_related(*APPROVALS)
    for some in _lots(whole.iterator(chunk_size=AT_A_TIME)):
        known = hands_on(some)
        for change in some:
            yield Row(change, matrix(change), breaches(change, known[change.pk]))


def _lots(changes: Iterable[EmergencyChange]) -> Iterator[list[EmergencyChange]]:
    lot: list[EmergencyChange] = []
    for change in changes:
        lot.append(change)
        if len(lot) == AT_A_TIME:
            yield lot
            lot = []
    if lot:
        yield lot
