"""The form in which the demo's outages are written down: published times, and invented acts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ENGINEER: Final = "engineer"
ENGINEER2: Final = "engineer2"
LEAD: Final = "lead"
LEAD2: Final = "lead2"
AUDITOR: Final = "auditor"
ROLE_ADMIN: Final = "roleadmin"


@dataclass(frozen=True)
class DaysAgo:
    """The outage began so many days ago, at the published time of day."""

    days: int


@dataclass(frozen=True)
class LastBusinessDay:
    """The outage began on the last business day before today, at the published time of day."""


@dataclass(frozen=True)
class Now:
    """The outage goes on: the present is this published time."""

    when: str


Placement = DaysAgo | LastBusinessDay | Now


@dataclass(frozen=True)
class Step:
    """One act of one person.

    `when` is a time on the report's clock ("14:07", or "+1 18:14" for the following day), or hours
    from a deadline of the change ("review-14h"). `happened` is the claimed time, where it differs.
    """

    when: str
    who: str
    verb: str
    text: str
    happened: str
    data: Mapping[str, Any]


def step(when: str, who: str, verb: str, text: str, /, *, happened: str = "", **data: Any) -> Step:
    return Step(when, who, verb, text, happened, data)


@dataclass(frozen=True)
class Change:
    """An emergency change of an outage; its first step opens it."""

    title: str
    scope: str
    risk: str
    risk_assessment: str
    rollback_plan: str
    steps: tuple[Step, ...]
    systems: tuple[str, ...] = ()
    confidential: bool = False


@dataclass(frozen=True)
class Outage:
    """A public outage: where it was published, the times given there, and what is played of it.

    `published` are the report's own times and words in short; the first is when it began.
    `resolved` is one of them, or empty while the outage goes on.
    """

    title: str
    description: str
    url: str
    date: str
    zone: str
    systems: tuple[str, ...]
    placed: Placement
    published: tuple[tuple[str, str], ...]
    recorded: str
    determined: Step
    changes: tuple[Change, ...]
    resolved: str = ""
    severity: int = 1

    @property
    def began(self) -> str:
        return self.published[0][0]
