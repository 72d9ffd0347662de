"""The ladders: which rung of a deadline is due when, and whom it tells."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from changes.authority import deciders_on, involved_in, systems_of, with_delegates
from ecportal.accounts.models import User
from ecportal.calendar import BusinessCalendar
from reviews.lifecycle import RUNGS
from reviews.models import Deadline, EscalationRung

Kind, Unit, Audience = Deadline.Kind, EscalationRung.Unit, EscalationRung.Audience

DELEGATES_TOO = (Kind.APPROVAL, Kind.RETROACTIVE)
"""What a Lead's delegate may decide, and is therefore asked as well."""

# A rung whose time would be before the deadline's start is due at the start: it asks at once.
DEFAULT: dict[str, list[tuple[int, str, str]]] = {
    Kind.APPROVAL: [
        (-15, Unit.MINUTES, Audience.OWNER),
        (0, Unit.MINUTES, Audience.NEXT_LEAD),
        (15, Unit.MINUTES, Audience.ALL_LEADS),
    ],
    Kind.CONFIRMATION: [
        (-12, Unit.HOURS, Audience.OWNER),
        (-4, Unit.HOURS, Audience.OWNER),
        (-1, Unit.HOURS, Audience.OWNER),
        (0, Unit.HOURS, Audience.ALL_LEADS),
    ],
    Kind.RETROACTIVE: [
        (-1, Unit.BUSINESS_DAYS, Audience.OWNER),
        (-4, Unit.HOURS, Audience.OWNER),
        (0, Unit.HOURS, Audience.ALL_LEADS),
    ],
    Kind.DOCUMENTATION: [
        (-4, Unit.HOURS, Audience.OWNER),
        (0, Unit.HOURS, Audience.OWNER),
        (4, Unit.HOURS, Audience.ALL_LEADS),
    ],
    Kind.REVIEW: [
        (-1, Unit.BUSINESS_DAYS, Audience.OWNER),
        (-8, Unit.HOURS, Audience.OWNER),
        (0, Unit.HOURS, Audience.ALL_LEADS),
        (1, Unit.BUSINESS_DAYS, Audience.ALL_LEADS),
    ],
    Kind.FOLLOW_UP: [
        (-1, Unit.BUSINESS_DAYS, Audience.OWNER),
        (0, Unit.HOURS, Audience.OWNER),
        (1, Unit.BUSINESS_DAYS, Audience.ALL_LEADS),
    ],
    Kind.CATCH_UP: [
        (-1, Unit.BUSINESS_DAYS, Audience.OWNER),
        (0, Unit.HOURS, Audience.OWNER),
        (1, Unit.BUSINESS_DAYS, Audience.ALL_LEADS),
    ],
}


def raise_default(**_: Any) -> None:
    """Set up the default ladders where none ever was; runs after each migrate."""
    tables = connection.introspection.table_names()
    if EscalationRung._meta.db_table not in tables or EscalationRung.objects.exists():
        return
    for kind, rungs in DEFAULT.items():
        for offset, unit, audience in rungs:
            RUNGS.perform(
                EscalationRung(),
                "define",
                by=User.objects.system(),
                reason="The default ladder of a new portal.",
                kind=kind,
                offset=offset,
                unit=unit,
                audience=audience,
            )


def due_time(deadline: Deadline, rung: EscalationRung, calendar: BusinessCalendar) -> datetime:
    """Return when the rung of this deadline is due: never before the deadline started."""
    if rung.unit == Unit.BUSINESS_DAYS:
        moment = calendar.shift(deadline.due_at, rung.offset)
    else:
        unit = timedelta(minutes=1) if rung.unit == Unit.MINUTES else timedelta(hours=1)
        moment = deadline.due_at + rung.offset * unit
    return max(moment, deadline.started_at)


def latest_due(rungs: list[EscalationRung], now: datetime, calendar: BusinessCalendar) -> datetime:
    """Return a due time after which no deadline can have reached any of these rungs at `now`."""
    return max((_before(rung, now, calendar) for rung in rungs), default=now)


def _before(rung: EscalationRung, now: datetime, calendar: BusinessCalendar) -> datetime:
    """Return the latest due time whose rung can be reached at `now`; a day more does no harm."""
    ahead = max(-rung.offset, 0)
    if rung.unit == Unit.BUSINESS_DAYS:
        return calendar.shift(now, ahead + 1) + timedelta(days=1)
    return now + ahead * (timedelta(minutes=1) if rung.unit == Unit.MINUTES else timedelta(hours=1))


def _owners(deadline: Deadline, leads: list[User]) -> list[User]:
    """Return who owes it: its owner while they can act, else whoever of the Leads may."""
    owner = deadline.owner
    if deadline.kind == Kind.APPROVAL:
        return [lead for lead in leads if lead == owner] or leads[:1]
    return [owner] if owner is not None and owner.may_sign_in else leads


def _next_lead(deadline: Deadline, leads: list[User]) -> list[User]:
    return [lead for lead in leads if lead.pk != deadline.owner_id][:1]


_AUDIENCES: dict[str, Callable[[Deadline, list[User]], list[User]]] = {
    Audience.OWNER: _owners,
    Audience.NEXT_LEAD: _next_lead,
    Audience.ALL_LEADS: lambda deadline, leads: leads,
}


def recipients(deadline: Deadline, rung: EscalationRung) -> list[tuple[User | None, str]]:
    """Return whom the rung tells: people with their address (maybe empty), or bare addresses."""
    if rung.audience == Audience.ADDRESSES:
        named = rung.addresses.replace("\n", ",").split(",")
        return [(None, address.strip()) for address in named if address.strip()]
    change = deadline.change
    people = _AUDIENCES[rung.audience](deadline, deciders_on(change))
    if deadline.kind in DELEGATES_TOO:
        people = with_delegates(people, systems_of(change), besides=involved_in(change))
    return [(person, person.email) for person in people]
