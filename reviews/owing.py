"""Which running deadlines one person owes; the ladders ask the same people in the end."""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db.models import BigIntegerField, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Cast
from guardian.models import UserObjectPermission

from changes.authority import IMPLEMENTING, REQUESTING, takes_part
from changes.models import ChangeSystem, DelegatedSystem, Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import may
from ecportal.accounts.roles import SYSTEM_SCOPE
from incidents.models import System
from reviews.ladder import DELEGATES_TOO
from reviews.models import Deadline
from reviews.models.deadline import DeadlineQuerySet
from reviews.notifications import LEADS_CAN

CHANGE = OuterRef("change")
"""The change of the deadline that is asked about, one level up; `OuterRef(CHANGE)`: two."""


def owed_by(person: User) -> DeadlineQuerySet:
    """Return the running deadlines that the person owes, the nearest first; one query.

    What any Lead of the systems can do is owed by each of them who had no hand in the change, and
    the decisions among it by their delegates too, as far as they see the change. Everything else is
    owed by its owner, and by those Leads once the owner can no longer sign in.
    """
    running: DeadlineQuerySet = Deadline.objects.running()
    if not takes_part(person):
        return running.none()
    own = Q(owner=person) & ~Q(kind__in=LEADS_CAN)
    leads_can = Q(kind__in=LEADS_CAN) | away("owner")
    visible = EmergencyChange.objects.visible_to(person).values("pk")
    right = _delegated(person)
    if may(person, "approve", EmergencyChange):
        right |= _reached_by(person)
    return running.filter(own | leads_can & Q(change__in=visible) & ~_had_a_hand(person) & right)


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
    return (
        Q(change__requester=person)
        | Q(change__implementer=person)
        | Q(Exists(_acts(CHANGE).filter(history_user_id=person.pk)))
    )


def _acts(change: OuterRef) -> QuerySet[Any]:
    verbs = REQUESTING | IMPLEMENTING
    found: QuerySet[Any] = EmergencyChange.history.filter(id=change, history_verb__in=verbs)
    return found.order_by()


def _reached_by(person: User) -> Q:
    """Whether the person decides for every system of the change in their own right."""
    if may(person, "approve", System):
        return Q(pk__isnull=False)  # an empty Q beside another would mean nothing, not everything
    return Q(_covers(CHANGE, Q(user=person)))


def _covers(change: OuterRef, whose: Q) -> Any:
    """Whether all systems of the change, and there are some, were granted one by one."""
    kind = ContentType.objects.get_for_model(System)
    granted = (
        UserObjectPermission.objects.filter(
            whose, content_type=kind, permission__codename=SYSTEM_SCOPE
        )
        .annotate(system=Cast("object_pk", BigIntegerField()))
        .values("system")
    )
    systems = ChangeSystem.objects.filter(change=change)
    return Exists(systems) & ~Exists(systems.exclude(system__in=granted))


def _delegated(person: User) -> Q:
    """Whether a Lead who may decide has lent the person that right: decisions, nothing else."""
    change = OuterRef(CHANGE)
    leads = User.objects.filter(
        groups__permissions__codename="approve_emergencychange",
        groups__permissions__content_type__app_label="changes",
        is_system=False,
    )
    everywhere = User.objects.filter(
        Q(groups__permissions__codename=SYSTEM_SCOPE) | Q(user_permissions__codename=SYSTEM_SCOPE)
    )
    limits = DelegatedSystem.objects.filter(delegation=OuterRef("pk"))
    within = DelegatedSystem.objects.filter(
        delegation=OuterRef(OuterRef("pk")), system=OuterRef("system")
    )
    outside = ChangeSystem.objects.filter(~Exists(within), change=change)
    lent = (
        Delegation.objects.valid_at(clock.now())
        .filter(~away("delegator"), delegate=person, delegator__in=leads.values("pk"))
        .filter(~Exists(limits) | ~Exists(outside))
        .filter(
            Q(delegator__in=everywhere.values("pk"))
            | Q(_covers(change, Q(user=OuterRef(OuterRef("delegator")))))
        )
        .exclude(delegator=OuterRef("change__requester"))
        .exclude(delegator__in=_implementer())
        .exclude(Exists(_acts(change).filter(history_user_id=OuterRef("delegator"))))
    )
    return Q(Exists(lent)) & Q(kind__in=DELEGATES_TOO)


def _implementer() -> QuerySet[Any]:
    found = EmergencyChange.objects.filter(pk=OuterRef(CHANGE), implementer__isnull=False)
    return found.values("implementer")
