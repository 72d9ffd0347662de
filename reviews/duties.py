"""The duties matrix: who did what on a change, and whether one hand did too much."""

from dataclasses import dataclass

from changes.models import EmergencyChange, Policy
from ecportal.accounts.models import User


@dataclass(frozen=True)
class Duty:
    """One duty, as a past participle, and who did it; None as long as nobody did."""

    name: str
    person: User | None


def matrix(change: EmergencyChange) -> list[Duty]:
    return [
        Duty("Requested", change.requester),
        Duty("Approved", change.approver),
        Duty("Implemented", change.implementer),
        Duty("Verified", change.verifier),
        Duty("Documented", change.documenter),
        Duty("Reviewed", change.reviewer),
    ]


def breaches(change: EmergencyChange) -> list[str]:
    """Return each breach of the segregation of duties in a sentence (CC8.1)."""
    found = []
    approver, implementer = change.approver_id, change.implementer_id
    if approver is not None and approver == implementer:
        found.append(f"{change.approver} both approved and implemented.")
    if approver is not None and approver == change.requester_id:
        found.append(f"{change.approver} both requested and approved.")
    if change.reviewer_id is not None and change.reviewer_id in (
        change.requester_id,
        implementer,
    ):
        found.append(f"{change.reviewer} reviewed their own work.")
    verifier = change.verifier_id
    if verifier is not None and verifier == implementer and Policy.in_force().verifier_differs:
        found.append(f"{change.verifier} both implemented and verified.")
    return found
