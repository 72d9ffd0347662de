"""Finds the numbers of changes in what people and pipelines wrote: commits, branches, tags."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from changes.models import EmergencyChange
from ecportal.integrations.mappings import CHANGE_NUMBER

SHOWN: Final = 200
"""Characters of the line in which a number stood, kept as the reference."""

MANY: Final = 50
"""Numbers of one deployment or ticket that are looked up: the first ones."""


def numbers_in(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each number once, as the portal writes it, with the line it stood in; in their order.

    Upper and lower case and any Unicode dash are the same; `EC-2026-00421` is not `EC-2026-0042`.
    """
    seen = set()
    for text in texts:
        for found in CHANGE_NUMBER.finditer(text):
            number = f"EC-{found[1]}-{found[2]}"
            if number not in seen:
                seen.add(number)
                yield number, _line_around(text, found.start(), found.end())


def _line_around(text: str, start: int, end: int) -> str:
    first = text.rfind("\n", 0, start) + 1
    last = text.find("\n", end)
    line = text[first : last if last >= 0 else len(text)]
    if len(line) > SHOWN:
        begin = max(0, start - first - SHOWN // 2)
        line = line[begin : begin + SHOWN]
    return line.strip()


def change_named_in(texts: Iterable[str]) -> tuple[EmergencyChange, str] | None:
    """Return the first change that is named, exists and is not cancelled, with the line."""
    named = dict(itertools.islice(numbers_in(texts), MANY))
    standing = EmergencyChange.objects.filter(number__in=named).exclude(
        status=EmergencyChange.Status.CANCELLED
    )
    found = {change.number: change for change in standing}
    return next(((found[n], line) for n, line in named.items() if n in found), None)
