"""A record's past, from its history rows: who did what, with both clocks and what changed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.utils import timezone

from ecportal.accounts.models import User

CLAIMED_AFTER = timedelta(minutes=1)
"""Up to this lag the server saw it happen; from it on, a person claims when it did."""

LATE_AFTER = timedelta(minutes=60)
"""From this lag on, an act counts as written down late."""


@dataclass(frozen=True)
class Difference:
    """One field that an act changed, in words."""

    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Entry:
    """One act on the record. `who` names the delegation too, where one was used."""

    verb: str
    who: str
    about: str
    reason: str
    happened_at: datetime
    recorded_at: datetime
    differences: tuple[Difference, ...] = ()

    @property
    def lag(self) -> timedelta:
        return self.recorded_at - self.happened_at

    @property
    def is_late(self) -> bool:
        return self.lag >= LATE_AFTER


def timeline(record: models.Model, *, with_changes: bool = False) -> list[Entry]:
    """Return the record's acts, the first one first; two queries, or three with changes."""
    rows = list(record.history.order_by("history_id"))  # type: ignore[attr-defined]
    people = User.objects.in_bulk({row.history_user_id for row in rows if row.history_user_id})
    names = _names_of_relations(rows) if with_changes else {}
    entries = []
    previous = None
    for row in rows:
        who = row.history_on_behalf_of or str(people.get(row.history_user_id, "Nobody signed in"))
        differences = tuple(_differences(previous, row, names)) if with_changes else ()
        entries.append(
            Entry(
                (row.history_verb or row.get_history_type_display()).replace("_", " "),
                who,
                row.history_about,
                row.history_change_reason or "",
                row.history_happened_at or row.history_date,
                row.history_date,
                differences,
            )
        )
        previous = row
    return entries


def _names_of_relations(rows: list[Any]) -> dict[tuple[type[models.Model], Any], str]:
    """Return the words for every record that the rows point at; one query a model."""
    wanted: dict[type[models.Model], set[Any]] = {}
    for row in rows:
        for field in row.tracked_fields:
            if field.is_relation and getattr(row, field.attname) is not None:
                wanted.setdefault(field.related_model, set()).add(getattr(row, field.attname))
    return {
        (model, key): str(found)
        for model, keys in wanted.items()
        for key, found in model._default_manager.in_bulk(keys).items()
    }


def _differences(before: Any, after: Any, names: dict[Any, str]) -> list[Difference]:
    found = []
    for field in after.tracked_fields:
        old = getattr(before, field.attname) if before is not None else None
        new = getattr(after, field.attname)
        if field.name != "id" and (old or None) != (new or None):
            found.append(
                Difference(
                    str(field.verbose_name).capitalize(),
                    _in_words(field, old, names),
                    _in_words(field, new, names),
                )
            )
    return found


def _in_words(field: Any, value: Any, names: dict[Any, str]) -> str:
    if value is None or value == "":
        return ""
    if field.is_relation:
        return names.get((field.related_model, value), str(value))
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S %Z}"
    return str(value)
