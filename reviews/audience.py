"""Whom a rung tells: its audience, resolved for many deadlines with a fixed number of queries."""

from collections.abc import Callable, Iterable

from django.db.models import prefetch_related_objects

from changes.authority import Deciders, delegations_now, hands_on, systems_of, with_delegates
from ecportal.accounts.models import User
from reviews.ladder import DELEGATES_TOO
from reviews.models import Deadline, EscalationRung

Audience = EscalationRung.Audience
Recipient = tuple[User | None, str]
"""Somebody with their address, maybe empty; or nobody, with a bare address."""


def _owners(deadline: Deadline, leads: list[User]) -> list[User]:
    """Return who owes it: its owner while they can act, else whoever of the Leads may."""
    owner = deadline.owner
    if deadline.kind == Deadline.Kind.APPROVAL:
        return [lead for lead in leads if lead == owner] or leads[:1]
    return [owner] if owner is not None and owner.may_sign_in else leads


def _approver(deadline: Deadline, leads: list[User]) -> list[User]:
    """Return who approved, is said to have, or was asked to; else the first of the Leads."""
    named = deadline.change.approver or deadline.change.asked_approver
    return [lead for lead in leads if lead == named] or leads[:1]


def _next_lead(deadline: Deadline, leads: list[User]) -> list[User]:
    return [lead for lead in leads if lead.pk != deadline.owner_id][:1]


_AMONG_LEADS: dict[str, Callable[[Deadline, list[User]], list[User]]] = {
    Audience.OWNER: _owners,
    Audience.APPROVER: _approver,
    Audience.NEXT_LEAD: _next_lead,
    Audience.ALL_LEADS: lambda deadline, leads: leads,
}


class Audiences:
    """Knows the Leads, the delegations and who had a hand in each of these deadlines' changes.

    About eight queries, however many deadlines; all as of now.
    """

    def __init__(self, deadlines: Iterable[Deadline]) -> None:
        changes = [deadline.change for deadline in deadlines]
        prefetch_related_objects(changes, "systems")
        self._deciders = Deciders()
        self._delegations = delegations_now()
        self._involved = {pk: first | then for pk, (first, then) in hands_on(changes).items()}

    def of(self, deadline: Deadline, rung: EscalationRung) -> list[Recipient]:
        """Return whom the rung tells; empty when nobody is there who could act on it."""
        if rung.audience == Audience.ADDRESSES:
            named = rung.addresses.replace("\n", ",").split(",")
            return [(None, name) for name in dict.fromkeys(map(str.strip, named)) if name]
        return [(person, person.email) for person in self._people(deadline, rung)]

    def _people(self, deadline: Deadline, rung: EscalationRung) -> list[User]:
        change = deadline.change
        systems, involved = systems_of(change), self._involved[change.pk]
        if rung.audience == Audience.EVERY_LEAD:
            return [lead for lead in self._deciders.leads if lead.pk not in involved]
        leads = self._deciders.on(systems, besides=involved)
        leads.sort(key=lambda lead: lead.pk != change.asked_approver_id)
        people = _AMONG_LEADS[rung.audience](deadline, leads)
        if deadline.kind not in DELEGATES_TOO:
            return people
        return with_delegates(people, systems, besides=involved, delegations=self._delegations)
