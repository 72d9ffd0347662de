"""The duties matrix: who did what on a change, and whether one hand did too much."""

from dataclasses import dataclass

from changes.authority import hands
from changes.guards import standing_approval
from changes.models import EmergencyChange


@dataclass(frozen=True)
class Duty:
    """One duty, as a past participle, and who did it in words; empty as long as nobody did."""

    name: str
    person: str


def matrix(change: EmergencyChange) -> list[Duty]:
    approval = standing_approval(change)
    people = {
        "Requested": change.requester,
        "Approved": approval.decided_by if approval else change.approver,
        "Implemented": change.implementer,
        "Verified": change.verifier,
        "Documented": change.documenter,
        "Reviewed": change.reviewer,
    }
    return [Duty(name, str(person or "")) for name, person in people.items()]


def breaches(change: EmergencyChange) -> list[str]:
    """Return each breach of the segregation of duties in a sentence (CC8.1).

    Whoever lets somebody else decide for them counts as having decided. That another than the
    implementer verifies is refused at the door when the policy demands it.
    """
    approval = standing_approval(change)
    if approval is None and change.reviewer is None:
        return []
    requesters, implementers = hands(change)
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
