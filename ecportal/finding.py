"""The find box: straight to the record of a number, else what the words stand in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

NUMBERED: Final = {
    "EC": "changes.emergencychange",
    "INC": "incidents.incident",
    "FA": "reviews.followupaction",
    "POP": "reviews.population",
    "S": "reviews.sample",
}
"""What a number that begins so belongs to."""

SEARCHED: Final = (
    "changes.emergencychange", "incidents.incident", "reviews.followupaction", "incidents.system",
)  # fmt: skip
SHOWN: Final = 10
LONGEST: Final = 200
_NUMBER: Final = re.compile(r"([A-Za-z]{1,3})[- ]?(\d{4})[- ](\d{1,9})", re.ASCII)

Admins = Mapping[type[Model], Any]


@dataclass(frozen=True)
class Found:
    """What was found of one kind: at most SHOWN records, and the list that has them all."""

    name: str
    records: list[tuple[str, Any]]
    more: str


def number_in(text: str) -> tuple[str, str] | None:
    """Return the model's label and the number that was typed, if it is one: "ec 2026 7" too."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None or match[1].upper() not in NUMBERED:
        return None
    prefix = match[1].upper()
    return NUMBERED[prefix], f"{prefix}-{match[2]}-{int(match[3]):04d}"


def address_of(request: HttpRequest, admins: Admins, text: str) -> str | None:
    """Return the address of the record with this number, if the person may see it."""
    asked = number_in(text)
    if asked is None:
        return None
    label, number = asked
    model = apps.get_model(label)
    shown = admins[model]
    if not shown.has_view_permission(request):
        return None
    record = shown.get_queryset(request).filter(number=number).first()
    return None if record is None else str(shown.address(record))


def matches(request: HttpRequest, admins: Admins, text: str) -> list[Found]:
    """Return what has these words, by kind; only what the person may see, one query a kind."""
    kinds = []
    for label in SEARCHED:
        model = apps.get_model(label)
        shown = admins[model]
        if not shown.has_view_permission(request):
            continue
        found, repeats = shown.get_search_results(request, shown.get_queryset(request), text)
        rows = list((found.distinct() if repeats else found)[: SHOWN + 1])
        if not rows:
            continue
        listing = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        more = f"{listing}?{urlencode({'q': text})}" if len(rows) > SHOWN else ""
        name = str(model._meta.verbose_name_plural)
        kinds.append(Found(name, [(shown.address(row), row) for row in rows[:SHOWN]], more))
    return kinds
