"""Which running deadlines one person owes; the ladders ask the same people in the end."""

from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q

from changes.authority import IMPLEMENTING, REQUESTING, takes_part
from changes.models import ChangeSystem, Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import granted, may
from ecportal.accounts.roles import SYSTEM_SCOPE
from incidents.models import System
from reviews.ladder import DELEGATES_TOO
from reviews.models import Deadline
from reviews.models.deadline import DeadlineQuerySet
from reviews.notifications import LEADS_CAN

CHANGE = OuterRef("change")
"""The change of the deadline that is asked about, one level up."""

NOTHING = Q(pk__in=[])


def owed_by(person: User) -> DeadlineQuerySet:
    """Return the running deadlines that the person owes, the nearest first."""
    found: DeadlineQuerySet = Deadline.objects.running().filter(owes(person))
    return found


def owes(person: User) -> Q:
    """Whether the person owes a running deadline.

    What any Lead of the systems can do is owed by each of them who had no hand in the change, and
    the decisions among it by their delegates too, as far as they see the change. Everything else is
    owed by its owner, and by those Leads once the owner can no longer sign in.
    """
    if not takes_part(person):
        return NOTHING
    own = Q(owner=person) & ~Q(kind__in=LEADS_CAN)
    leads_can = Q(kind__in=LEADS_CAN) | away("owner")
    visible = EmergencyChange.objects.visible_to(person).values("pk")
    right = _delegated(person)
    if may(person, "approve", EmergencyChange):
        right |= _reached_by(person)
    return own | leads_can & Q(change__in=visible) & ~_had_a_hand(person) & right


def away(name: str) -> Q:
    """Whether nobody can act as the person of this field now: it is empty, or they are away."""
    now = clock.now()
    return (
        Q(**{name: None})
        | Q(**{f"{name}__is_active": False})
        | Q(**{f"{name}__access_from__gt": now})
        | Q(**{f"{name}__access_until__lte": now})
    )


def _had_a_hand(person: User) -> Q:
    """Whether the person asked for the change or worked on it, by its row or its history."""
    acts = EmergencyChange.history.filter(
        id=CHANGE, history_verb__in=REQUESTING | IMPLEMENTING, history_user_id=person.pk
    )
    return Q(change__requester=person) | Q(change__implementer=person) | Q(Exists(acts.order_by()))


def _reached_by(person: User) -> Q:
    """Whether the person decides for every system of the change in their own right."""
    if may(person, "approve", System):
        return Q(pk__isnull=False)  # an empty Q beside another would mean nothing, not everything
    # All systems of the change, and there are some, were granted one by one.
    systems = ChangeSystem.objects.filter(change=CHANGE)
    theirs = granted(person, SYSTEM_SCOPE, System)
    return Q(Exists(systems) & ~Exists(systems.exclude(system__in=theirs)))


def _delegated(person: User) -> Q:
    """Whether a Lead who may decide has lent the person that right: decisions, nothing else."""
    leads = (one for one in _lent_to(person) if may(one.delegator, "approve", EmergencyChange))
    lent = (_lent(one) for one in leads)
    return Q(kind__in=DELEGATES_TOO) & reduce(or_, lent, NOTHING)


def _lent_to(person: User) -> list[Delegation]:
    """Return the delegations to the person that are valid now; asked for once a user object."""
    known: list[Delegation] | None = getattr(person, "_lent", None)
    if known is None:
        given = Delegation.objects.valid_at(clock.now()).filter(delegate=person)
        known = list(given.select_related("delegator").prefetch_related("systems"))
        person._lent = known  # type: ignore[attr-defined]
    return known


def _lent(delegation: Delegation) -> Q:
    """Whether the delegator decides on the change themselves, and lent its systems."""
    lead = delegation.delegator
    decides = _reached_by(lead) & ~_had_a_hand(lead)
    limits = [link.system_id for link in delegation.systems.all()]
    if not limits:
        return decides
    outside = ChangeSystem.objects.filter(change=CHANGE).exclude(system__in=limits)
    return decides & ~Q(Exists(outside))
