"""Which changes a pack is of: named ones, or all that were opened in a period."""

from collections.abc import Iterable
from datetime import date

from django.core.exceptions import ValidationError

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from reviews.models import Population
from reviews.numbering import split
from reviews.packs.building import CannotBuild, Choice
from reviews.period import Period
from reviews.population import changes_of

MOST = 5_000
"""Changes in one pack; a longer period is asked for in parts."""


def of_numbers(numbers: Iterable[str], by: User | None = None) -> Choice:
    """Return the choice of these changes, in their order; `by` None sees everything.

    CannotBuild names the first that is not there for that person.
    """
    wanted = {number.strip().upper() for number in numbers if number.strip()}
    if not wanted:
        raise CannotBuild("Name at least one change, such as EC-2026-0001.")
    if len(wanted) > MOST:
        raise CannotBuild(f"One pack holds up to {MOST} changes.")
    changes = (
        EmergencyChange.objects.all() if by is None else EmergencyChange.objects.visible_to(by)
    )
    found = set(changes.values_list("number", flat=True).filter(number__in=wanted))
    for number in sorted(wanted - found):
        raise CannotBuild(f"There is no change {number[:40]}.")
    return Choice(tuple(sorted(found, key=split)))


def of_period(first: date, last: date, by: User | None = None) -> Choice:
    """Return the choice of what was opened from `first` to `last`, both included, company time.

    Confidential changes that the person may not see are named as withheld.
    """
    try:
        period = Period(first, last)
    except ValidationError as error:
        raise CannotBuild(error.messages[0]) from None
    opened = changes_of(period)
    every = list(opened.values_list("number", flat=True))
    seen = every if by is None else list(opened.visible_to(by).values_list("number", flat=True))
    if not seen:
        raise CannotBuild("No change was opened in this period.")
    if len(seen) > MOST:
        raise CannotBuild(f"One pack holds up to {MOST} changes. Choose a shorter period.")
    return Choice(tuple(seen), first, last, tuple(sorted(set(every) - set(seen), key=split)))


def of_population(population: Population, by: User) -> Choice:
    """Return the choice of what belongs to its period: as it was opened now, else as listed."""
    if population.by == Population.By.OPENED:
        return of_period(population.first_day, population.last_day, by)
    listed = EmergencyChange.objects.filter(pk__in=population.rows.values("change"))
    seen = list(listed.visible_to(by).values_list("number", flat=True))
    if not seen:
        raise CannotBuild("No change belongs to this population, so there is no pack to build.")
    return of_numbers(seen, by)


def label_of(choice: Choice) -> str:
    """Return in words what the pack is of."""
    if choice.begins_on and choice.ends_on:
        return f"Opened {choice.begins_on} to {choice.ends_on}, {_count(len(choice.numbers))}"
    if len(choice.numbers) == 1:
        return choice.numbers[0]
    return f"{choice.numbers[0]} and {len(choice.numbers) - 1} more"


def _count(many: int) -> str:
    return "1 change" if many == 1 else f"{many} changes"
