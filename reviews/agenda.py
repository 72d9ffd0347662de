"""What one person can do now, the most urgent first: what they owe, and untimed steps."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from changes.models import Approval, EmergencyChange, Evidence, Policy
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from reviews.models import Deadline
from reviews.next_steps import Kind, NextStep, Status, of_deadline
from reviews.owing import away, owed_by
from reviews.own_steps import of_change

IMPLEMENTS = "changes.start_emergencychange"
"""Who holds this does the Engineer's steps."""

NEEDED = (
    "change__incident", "change__determination", "change__requester", "change__asked_approver",
    "change__implementer", "change__documenter", "change__review", "owner",
    "follow_up__owner", "follow_up__assigned_by", "deviation",
)  # fmt: skip


def agenda(person: User, policy: Policy | None = None) -> list[NextStep]:
    """Return every step that the person can really take now, the most urgent first.

    Only on changes they may see. Who owes a deadline is said by `owing`, as for the calendar; a
    step without a deadline is its requester's or implementer's, and every Engineer's once they are
    away. The number of queries depends on the person's role, not on how much there is to do.
    """
    visible = EmergencyChange.objects.visible_to(person)
    found = [*_owed(person, visible), *_own_steps(person, visible, policy)]
    return sorted(found, key=lambda step: step.urgency)


def _owed(person: User, visible: QuerySet[Any]) -> list[NextStep]:
    # Documentation is a step of the change itself; a review cannot be held before it.
    doable = ~Q(kind=Kind.DOCUMENTATION) & (
        ~Q(kind=Kind.REVIEW) | Q(change__status=Status.DOCUMENTED)
    )
    among = Deadline.objects.filter(doable, change__in=visible.values("pk")).select_related(*NEEDED)
    deadlines = owed_by(person, among)
    if IMPLEMENTS in verbs_of(person) and person.may_sign_in:
        left = among.running().filter(away("owner"), kind=Kind.CATCH_UP)
        deadlines += [deadline for deadline in left if deadline not in deadlines]
    claims = _claims({d.change_id for d in deadlines if d.kind == Kind.CONFIRMATION})
    steps = (of_deadline(deadline, person, claims) for deadline in deadlines)
    return [step for step in steps if step is not None]


def _claims(changes: set[int]) -> dict[int, Approval]:
    rows = Approval.objects.filter(change__in=changes, status=Approval.Status.CLAIMED)
    return {row.change_id: row for row in rows.select_related("approver", "claimed_by")}


def _own_steps(person: User, visible: QuerySet[Any], policy: Policy | None) -> list[NextStep]:
    if IMPLEMENTS not in verbs_of(person) or not person.may_sign_in:
        return []
    policy = policy or Policy.in_force()
    running = Deadline.objects.running().filter(change=OuterRef("pk"), kind=Kind.DOCUMENTATION)
    changes = (
        visible.filter(_steps_of(person, policy))
        .select_related("incident", "determination", "rejected_by", "approver")
        .annotate(
            has_evidence=Exists(Evidence.objects.filter(change=OuterRef("pk"))),
            is_claimed=Exists(
                Approval.objects.filter(change=OuterRef("pk"), status=Approval.Status.CLAIMED)
            ),
            documentation_due=Subquery(running.values("due_at")[:1]),
        )
    )
    steps = (of_change(change, policy) for change in changes)
    return [step for step in steps if step is not None]


def _steps_of(person: User, policy: Policy) -> Q:
    """Return which changes stand before a step of this Engineer."""
    requested = Q(requester=person) | away("requester")
    implemented = Q(implementer=person) | away("implementer")
    sent_back = Q(status=Status.REJECTED, rejection=EmergencyChange.Rejection.SENT_BACK)
    watching = ~Q(implementer=person) if policy.verifier_differs else implemented
    return (
        (Q(status__in=[Status.DRAFT, Status.APPROVED]) | sent_back) & requested
        | Q(status__in=[Status.IMPLEMENTING, Status.VERIFIED]) & implemented
        | Q(status=Status.IMPLEMENTED) & watching
    )
