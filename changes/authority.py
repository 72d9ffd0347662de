"""Who may decide on which change: Leads by system, and their delegates."""

from collections import defaultdict
from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Q
from guardian.models import UserObjectPermission

from changes.models import Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import granted, may
from ecportal.accounts.roles import SYSTEM_SCOPE
from ecportal.lifecycle import once
from incidents.models import System

DELEGABLE = frozenset({"approve", "reject", "approve_retroactively", "reject_retroactively"})


def systems_of(change: EmergencyChange) -> set[int]:
    return {link.system_id for link in change.systems.all()}


def covers(user: User, systems: set[int]) -> bool:
    """Whether the user may decide on every one of the systems in their own right."""
    if may(user, "approve", System):
        return True
    return bool(systems) and systems <= granted(user, SYSTEM_SCOPE, System)


def takes_part(user: User) -> bool:
    """Whether the user is an Engineer or Lead: these two write corrections, others only read."""
    return may(user, "correct", EmergencyChange)


def delegation_for(user: User, verb: str, change: EmergencyChange) -> Delegation | None:
    """Return the delegation under which `user` does `verb`, if they need one and have one.

    The delegator must hold the right themselves, now: a delegation does not cascade and does not
    outlive the delegator's role. Delegated systems and the delegator's scope both limit it.
    """
    if verb not in DELEGABLE or change._state.adding:
        return None
    if may(user, verb, EmergencyChange) and may(user, "approve", System):
        return None  # the common case, known without asking the database
    if not takes_part(user):
        return None
    given = Delegation.objects.valid_at(clock.now()).filter(delegate=user)
    given = given.select_related("delegator", "delegate").order_by("pk")
    candidates = once("delegations", lambda: list(given))
    if not candidates:
        return None
    systems = systems_of(change)
    if may(user, verb, EmergencyChange, change) and covers(user, systems):
        return None
    usable = [d for d in candidates if _usable(d, verb, change, systems)]
    # A delegation by the requester or implementer would be refused; prefer another.
    usable.sort(key=lambda d: d.delegator_id in involved_in(change))
    return usable[0] if usable else None


def _usable(delegation: Delegation, verb: str, change: EmergencyChange, systems: set[int]) -> bool:
    limits = {link.system_id for link in delegation.systems.all()}
    return (
        (not limits or systems <= limits)
        and may(delegation.delegator, verb, EmergencyChange, change)
        and covers(delegation.delegator, systems)
    )


def leads_among(people: models.QuerySet[User]) -> dict[User, frozenset[int] | None]:
    """Return the active Leads among these people, the longest-serving first.

    Each with the keys of the systems they decide for, None: for all. Four queries, however many
    Leads there are.
    """
    leads = list(
        people.filter(
            is_active=True,
            is_system=False,
            groups__permissions__codename="approve_emergencychange",
            groups__permissions__content_type__app_label="changes",
        )
        .distinct()
        .order_by("pk")
    )
    everywhere = set(
        User.objects.filter(
            Q(groups__permissions__codename=SYSTEM_SCOPE)
            | Q(user_permissions__codename=SYSTEM_SCOPE)
        ).values_list("pk", flat=True)
    )
    scopes: dict[int, set[int]] = defaultdict(set)
    if any(lead.pk not in everywhere for lead in leads):
        kind = ContentType.objects.get_for_model(System)
        rows = UserObjectPermission.objects.filter(
            permission__codename=SYSTEM_SCOPE, content_type=kind, user__in=leads
        ).values_list("user_id", "object_pk")
        for user_id, system_id in rows:
            scopes[user_id].add(int(system_id))
    return {
        lead: None if lead.pk in everywhere else frozenset(scopes[lead.pk])
        for lead in leads
        if lead.may_sign_in
    }


class Deciders:
    """The Leads and what each may decide on, as of now: asked once, for many changes."""

    def __init__(self) -> None:
        self._reach = leads_among(User.objects.all())

    @property
    def leads(self) -> list[User]:
        return list(self._reach)

    def on(self, systems: Iterable[int], *, besides: Iterable[int] = ()) -> list[User]:
        """Return who may decide on all these systems, the longest-serving first."""
        wanted, excluded = set(systems), set(besides)
        return [
            lead
            for lead, reach in self._reach.items()
            if lead.pk not in excluded and (reach is None or (bool(wanted) and wanted <= reach))
        ]


def deciders(systems: Iterable[int], *, besides: Iterable[int] = ()) -> list[User]:
    """Return the active Leads who may decide on all these systems, the longest-serving first.

    `besides` are the keys of people who may not decide, such as the requester.
    """
    return Deciders().on(systems, besides=besides)


REQUESTING = frozenset({"open", "revise", "submit", "amend", "rework", "claim_approval"})
IMPLEMENTING = frozenset({"start", "start_unapproved", "finish"})


Hands = tuple[set[int], set[int]]
"""The keys of those who asked, and of those who did the work."""


def hands_on(changes: Iterable[EmergencyChange]) -> dict[int, Hands]:
    """Return, by the change's key, who wrote or submitted the request, and who did the work.

    By the history, not only by who opened and who started; one query for all the changes.
    """
    found: dict[int, Hands] = {}
    for change in changes:
        implementers = {change.implementer_id} if change.implementer_id else set()
        found[change.pk] = ({change.requester_id}, implementers)
    rows = EmergencyChange.history.filter(
        id__in=list(found), history_verb__in=REQUESTING | IMPLEMENTING
    ).order_by()
    for pk, verb, key in rows.values_list("id", "history_verb", "history_user_id").distinct():
        requesters, implementers = found[pk]
        if verb in REQUESTING:
            requesters.add(key)
        elif implementers:
            implementers.add(key)
    return found


def hands(change: EmergencyChange) -> Hands:
    """Return the keys of all who wrote or submitted the request, and of all who did the work."""
    return hands_on([change])[change.pk]


def involved_in(change: EmergencyChange) -> set[int]:
    """Return the keys of those who may not decide on the change."""
    requesters, implementers = hands(change)
    return requesters | implementers


def requested(user: User, change: EmergencyChange) -> bool:
    """Whether the user had a hand in the request; only Engineers can, beside who opened it."""
    if user.pk == change.requester_id:
        return True
    return may(user, "revise", EmergencyChange) and user.pk in hands(change)[0]


def implemented(user: User, change: EmergencyChange) -> bool:
    """Whether the user had a hand in the work; only Engineers can, beside who started it."""
    if user.pk == change.implementer_id:
        return True
    return may(user, "finish", EmergencyChange) and user.pk in hands(change)[1]


def deciders_on(change: EmergencyChange) -> list[User]:
    """Return who may decide on this change; the one who was asked comes first."""
    leads = deciders(systems_of(change), besides=involved_in(change))
    return sorted(leads, key=lambda lead: lead.pk != change.asked_approver_id)


def delegations_now() -> list[Delegation]:
    """Return the delegations valid now, with their delegates and systems; two queries."""
    valid = Delegation.objects.valid_at(clock.now()).select_related("delegate")
    return list(valid.prefetch_related("systems").order_by("pk"))


def with_delegates(
    leads: Iterable[User],
    systems: Iterable[int],
    *,
    besides: Iterable[int] = (),
    delegations: Iterable[Delegation] | None = None,
) -> list[User]:
    """Return the Leads, each followed by who stands in for them now on these systems; nobody twice.

    `besides` are the keys of people who may not decide, such as the requester; `delegations` are
    those valid now, where they were asked for already.
    """
    wanted, excluded = set(systems), set(besides)
    standing_in = defaultdict(list)
    for delegation in delegations_now() if delegations is None else delegations:
        limits = {link.system_id for link in delegation.systems.all()}
        if not limits or wanted <= limits:
            standing_in[delegation.delegator_id].append(delegation.delegate)
    known: dict[int, User] = {}
    for lead in leads:
        for person in (lead, *standing_in[lead.pk]):
            if person.may_sign_in and person.pk not in excluded:
                known.setdefault(person.pk, person)
    return list(known.values())
