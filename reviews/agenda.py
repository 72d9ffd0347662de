"""What one person can do now, the most urgent first: what they owe, and untimed steps."""

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from changes.authority import takes_part
from changes.models import Approval, EmergencyChange, Evidence, Policy
from changes.models.change import ChangeQuerySet
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.navigation import owed
from reviews.models import Deadline
from reviews.models.deadline import DeadlineQuerySet
from reviews.next_steps import Kind, NextStep, Status, of_deadline
from reviews.owing import away, owes
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
    away. Four queries at most, however much there is to do.
    """
    deadlines = list(_deadlines(person).select_related(*NEEDED))
    claims = _claims({d.change_id for d in deadlines if d.kind == Kind.CONFIRMATION})
    owed_steps = [of_deadline(deadline, person, claims) for deadline in deadlines]
    changes = list(_with_facts(_changes(person))) if _implements(person) else []
    policy = policy or Policy.in_force()
    own_steps = [of_change(change, policy) for change in changes]
    steps = [step for step in owed_steps + own_steps if step is not None]
    return sorted(steps, key=lambda step: step.urgency)


@owed
def waiting_on(person: User) -> list[QuerySet[Any]]:
    """Return what the navigation counts as the person's work: as many as the agenda has steps."""
    if not takes_part(person):
        return []
    return [_deadlines(person), _changes(person)] if _implements(person) else [_deadlines(person)]


def needing(person: User) -> Q:
    """Return which changes the agenda of the person has steps on."""
    owed_on = Q(pk__in=_deadlines(person).values("change"))
    return owed_on | Q(pk__in=_changes(person).values("pk")) if _implements(person) else owed_on


def _implements(person: User) -> bool:
    return takes_part(person) and IMPLEMENTS in verbs_of(person)


def _deadlines(person: User) -> DeadlineQuerySet:
    """Return the deadlines that the person can meet now."""
    verbs = verbs_of(person)
    # Documentation is a step of the change itself; a review cannot be held before it.
    doable = ~Q(kind=Kind.DOCUMENTATION)
    doable &= ~Q(kind=Kind.REVIEW) | Q(change__status=Status.DOCUMENTED)
    if "changes.catch_up_emergencychange" not in verbs:
        doable &= ~Q(kind=Kind.CATCH_UP)
    if "reviews.reassign_followupaction" not in verbs:
        own = Q(follow_up__owner=person) | Q(follow_up__assigned_by=person)
        doable &= ~Q(kind=Kind.FOLLOW_UP) | own
    mine = owes(person)
    if _implements(person):
        mine |= Q(kind=Kind.CATCH_UP) & away("owner")
    visible = EmergencyChange.objects.visible_to(person).values("pk")
    found: DeadlineQuerySet = Deadline.objects.running()
    return found.filter(doable, mine, change__in=visible)


def _claims(changes: set[int]) -> dict[int, Approval]:
    rows = Approval.objects.filter(change__in=changes, status=Approval.Status.CLAIMED)
    return {row.change_id: row for row in rows.select_related("approver", "claimed_by")}


def _changes(person: User) -> ChangeQuerySet:
    """Return the changes that stand before a step of this Engineer."""
    requested = Q(requester=person) | away("requester")
    implemented = Q(implementer=person) | away("implementer")
    sent_back = Q(status=Status.REJECTED, rejection=EmergencyChange.Rejection.SENT_BACK)
    differs = Q(Exists(Policy.objects.filter(verifier_differs=True)))
    watching = differs & ~Q(implementer=person) | ~differs & implemented
    found: ChangeQuerySet = EmergencyChange.objects.visible_to(person)
    return found.filter(
        (Q(status__in=[Status.DRAFT, Status.APPROVED]) | sent_back) & requested
        | Q(status__in=[Status.IMPLEMENTING, Status.VERIFIED]) & implemented
        | Q(status=Status.IMPLEMENTED) & watching
    )


def _with_facts(changes: ChangeQuerySet) -> ChangeQuerySet:
    """Add what the words of a step need."""
    here = OuterRef("pk")
    documentation = Deadline.objects.running().filter(change=here, kind=Kind.DOCUMENTATION)
    claims = Approval.objects.filter(change=here, status=Approval.Status.CLAIMED)
    return changes.select_related("incident", "determination", "rejected_by", "approver").annotate(
        has_evidence=Exists(Evidence.objects.filter(change=here)),
        is_claimed=Exists(claims),
        documentation_due=Subquery(documentation.values("due_at")[:1]),
    )
