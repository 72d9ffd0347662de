"""Which running deadlines one person owes; the ladders ask the same people in the end."""

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from changes.authority import IMPLEMENTING, REQUESTING, leads_among, takes_part
from changes.lifecycle import DOCUMENTED
from changes.models import ChangeSystem, Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.navigation import owed
from reviews.ladder import DELEGATES_TOO
from reviews.models import Deadline, Notice
from reviews.models.deadline import DeadlineQuerySet
from reviews.notifications import LEADS_CAN


@dataclass(frozen=True)
class Right:
    """A Lead by whose right somebody decides: their own, or one who delegated to them.

    `reach` are the systems of that Lead, None: all. `limits` are those of the delegation, empty:
    all.
    """

    lead_id: int
    reach: frozenset[int] | None
    limits: frozenset[int]
    delegated: bool

    def covers(self, systems: set[int]) -> bool:
        reached = self.reach is None or (bool(systems) and systems <= self.reach)
        return reached and (not self.limits or systems <= self.limits)


def owed_by(person: User, among: DeadlineQuerySet | None = None) -> list[Deadline]:
    """Return the running deadlines that the person owes, the nearest first; `among` limits which.

    What any Lead of the systems can do is owed by each of them who had no hand in the change, and
    the decisions among it by their delegates too. Everything else is owed by its owner, and by
    those Leads once the owner can no longer sign in. The number of queries depends on the person's
    role alone, not on how many deadlines run.
    """
    if not takes_part(person):
        return []
    rights = _rights_of(person)
    own = Q(owner=person) & ~Q(kind__in=LEADS_CAN)
    running = Deadline.objects.running() if among is None else among.running()
    found = running.filter(own | _for_leads(person) if rights else own)
    deadlines = list(found.select_related("change", "owner", "follow_up", "deviation"))
    if not rights:
        return deadlines
    systems, involved = _systems(found), _involved(found, {person.pk, *(r.lead_id for r in rights)})

    def may_decide(deadline: Deadline) -> bool:
        change, touched = deadline.change, systems[deadline.change_id]
        barred = {change.requester_id, change.implementer_id, *involved[change.pk]}
        return person.pk not in barred and any(
            right.lead_id not in barred
            and right.covers(touched)
            and (not right.delegated or deadline.kind in DELEGATES_TOO)
            for right in rights
        )

    return [
        deadline
        for deadline in deadlines
        if (deadline.owner == person and deadline.kind not in LEADS_CAN) or may_decide(deadline)
    ]


def away(name: str) -> Q:
    """Whether nobody can act as the person of this field now: it is empty, or they are away."""
    now = clock.now()
    return (
        Q(**{name: None})
        | Q(**{f"{name}__is_active": False})
        | Q(**{f"{name}__access_from__gt": now})
        | Q(**{f"{name}__access_until__lte": now})
    )


def _for_leads(person: User) -> Q:
    """Return what a Lead or delegate may owe without owning it, as far as they may see it."""
    visible = EmergencyChange.objects.visible_to(person).values("pk")
    return (Q(kind__in=LEADS_CAN) | away("owner")) & Q(change__in=visible)


def _rights_of(person: User) -> list[Right]:
    """Return the rights by which the person decides now: as a Lead, and as a delegate of Leads."""
    given = Delegation.objects.valid_at(clock.now()).filter(delegate=person)
    delegations = list(given.prefetch_related("systems"))
    asked = {person.pk, *(delegation.delegator_id for delegation in delegations)}
    leads = leads_among(User.objects.filter(pk__in=asked))
    reaches = {lead.pk: reach for lead, reach in leads.items()}
    rights = [
        Right(
            delegation.delegator_id,
            reaches[delegation.delegator_id],
            frozenset(link.system_id for link in delegation.systems.all()),
            delegated=True,
        )
        for delegation in delegations
        if delegation.delegator_id in reaches
    ]
    if person.pk in reaches:
        rights.append(Right(person.pk, reaches[person.pk], frozenset(), delegated=False))
    return rights


def _systems(deadlines: DeadlineQuerySet) -> dict[int, set[int]]:
    systems: dict[int, set[int]] = defaultdict(set)
    links = ChangeSystem.objects.filter(change__in=deadlines.values("change"))
    for change, system in links.values_list("change_id", "system_id"):
        systems[change].add(system)
    return systems


def _involved(deadlines: DeadlineQuerySet, people: set[int]) -> dict[int, set[int]]:
    """Return who of these people had a hand in which change, by its history."""
    involved: dict[int, set[int]] = defaultdict(set)
    rows = EmergencyChange.history.filter(
        history_verb__in=REQUESTING | IMPLEMENTING,
        id__in=deadlines.values("change"),
        history_user_id__in=people,
    ).order_by()
    for change, key in rows.values_list("id", "history_user_id").distinct():
        involved[change].add(key)
    return involved


@owed
def waiting_on(person: User) -> list[QuerySet[Deadline]]:
    """Return the running deadlines that the navigation counts as the person's work, in one query.

    A review can be held once its change is documented; until then somebody else is waited for.
    """
    if not person.has_perm("changes.view_emergencychange"):
        return []
    mine = Q(owner=person)
    if "reviews.complete_retrospectivereview" in verbs_of(person):
        mine |= Q(owner=None) & ~Q(change__requester=person) & ~Q(change__implementer=person)
    # Whoever was told of a decision can make it, though somebody else was asked first.
    told = Notice.objects.filter(person=person, escalation__deadline__kind__in=LEADS_CAN)
    mine |= Q(pk__in=told.values("escalation__deadline"))
    mine &= ~Q(kind=Deadline.Kind.REVIEW) | Q(change__status=DOCUMENTED)
    visible = EmergencyChange.objects.visible_to(person).values("pk")
    return [Deadline.objects.running().filter(mine, change__in=visible)]
