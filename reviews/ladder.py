"""The ladders: the rungs of a new portal, and when a rung of a deadline is due."""

from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from ecportal.accounts.models import User
from ecportal.calendar import BusinessCalendar
from reviews.lifecycle import RUNGS
from reviews.models import Deadline, EscalationRung

Kind, Unit, Audience = Deadline.Kind, EscalationRung.Unit, EscalationRung.Audience

DELEGATES_TOO = (Kind.APPROVAL, Kind.RETROACTIVE)
"""What a Lead's delegate may decide, and is therefore asked as well."""

URGENT = (Kind.APPROVAL, Kind.CONFIRMATION, Kind.RETROACTIVE)
"""Whose default rungs come at any hour: work waits for the answer, or went on without it."""

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
                respects_quiet_hours=kind not in URGENT,
            )


def due_time(deadline: Deadline, rung: EscalationRung, calendar: BusinessCalendar) -> datetime:
    """Return when the rung of this deadline is due: never before the deadline started."""
    if rung.unit == Unit.BUSINESS_DAYS:
        moment = calendar.shift(deadline.due_at, rung.offset)
    else:
        unit = timedelta(minutes=1) if rung.unit == Unit.MINUTES else timedelta(hours=1)
        moment = deadline.due_at + rung.offset * unit
    return max(moment, deadline.started_at)
