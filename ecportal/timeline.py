"""A record's past, from its history rows: who did what, with both clocks and what changed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.paginator import Page, Paginator
from django.db import models
from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.text import capfirst

from ecportal.accounts.models import User
from ecportal.audit.differences import Piece, compare, visible
from ecportal.audit.models import AuditEvent, AuditLeaf
from ecportal.audit.words import act_in_words
from ecportal.lifecycle import Lifecycle

CLAIMED_AFTER = timedelta(minutes=1)
"""Up to this lag the server saw it happen; from it on, a person claims when it did."""

LATE_AFTER = timedelta(minutes=60)
"""From this lag on, an act counts as written down late."""

ACTS_PER_PAGE = 50

SHORT = 60
"""Values up to this many characters, on one line, are shown as “old → new”."""

NAME = ("username", "first_name", "last_name")


@dataclass(frozen=True)
class Difference:
    """One field that an act changed, in words."""

    label: str
    before: str
    after: str

    @property
    def is_short(self) -> bool:
        return all(len(text) <= SHORT and "\n" not in text for text in (self.before, self.after))

    @property
    def shown(self) -> tuple[str, str]:
        """Both values with marks of direction spelled out."""
        return visible(self.before), visible(self.after)

    @property
    def pieces(self) -> list[Piece]:
        """How a long text changed, word by word."""
        return compare(self.before, self.after)


@dataclass(frozen=True)
class Entry:
    """One act on the record. `who` names the delegation too, where one was used."""

    did: str
    who: str
    about: str
    reason: str
    happened_at: datetime
    recorded_at: datetime
    differences: tuple[Difference, ...] = ()
    leaf: int | None = None
    """The place of its event in the trail; None while it is not sealed, or was not asked for."""
    event: int | None = None
    """The key of its event in the trail; None where it was not asked for."""
    verb: str = ""
    origin: str = ""
    """Where its request came from, in words; empty where that was not asked for."""

    @property
    def lag(self) -> timedelta:
        return self.recorded_at - self.happened_at

    @property
    def is_late(self) -> bool:
        return self.lag >= LATE_AFTER


def timeline(
    record: models.Model, *, with_changes: bool = False, with_seal: bool = False
) -> list[Entry]:
    """Return the record's acts, the first one first.

    One query; with changes one more for each model that the record points at.
    """
    past = _rows(record).order_by("history_id")
    rows = list(past.annotate(**_place(record)) if with_seal else past)
    return list(_entries(record, None, rows, with_changes=with_changes))


def history_page(record: models.Model, number: str | None) -> "Page[Entry]":
    """Return one page of the record's acts with what each changed, the newest act first.

    A number that is none, or of no page, leads to the first or the last page. Two queries, and one
    for each model that the record points at, however long the history is.
    """
    rows = _rows(record).annotate(**_place(record)).order_by("-history_id")
    page = Paginator(rows, ACTS_PER_PAGE).get_page(number)
    first = max(0, page.start_index() - 1)
    # One row more: what the oldest act of the page changed shows beside the act before it.
    found = list(rows[first : first + ACTS_PER_PAGE + 1])
    shown, older = found[:ACTS_PER_PAGE], found[ACTS_PER_PAGE:]
    entries = list(_entries(record, older[0] if older else None, shown[::-1], with_changes=True))
    page.object_list = entries[::-1]
    return page


def _rows(record: models.Model) -> "models.QuerySet[Any]":
    """Return the history with the names of the people in it, so that they take no further query."""
    person = User.objects.filter(pk=OuterRef("history_user_id"))
    names = {f"by_{name}": Subquery(person.values(name)) for name in NAME}
    return record.history.annotate(**names)  # type: ignore[attr-defined, no-any-return]


def _place(record: models.Model) -> dict[str, Subquery]:
    """Return the columns that say which event of the trail attests a row, and at which place."""
    source = record.history.model._meta.label_lower  # type: ignore[attr-defined]
    events = AuditEvent.objects.filter(source=source)
    inner = events.filter(source_pk=OuterRef(OuterRef("history_id"))).values("pk")
    own = events.filter(source_pk=OuterRef("history_id")).values("pk")
    leaves = AuditLeaf.objects.filter(event_id__in=inner).values("idx")
    return {"leaf": Subquery(leaves[:1]), "attested_by": Subquery(own[:1])}


def _entries(
    record: models.Model, previous: Any, rows: list[Any], *, with_changes: bool
) -> Iterator[Entry]:
    names = _names_of_relations([*filter(None, [previous]), *rows]) if with_changes else {}
    lifecycle = Lifecycle.registry.get(type(record))
    labels = {verb: row.words for verb, row in lifecycle.verbs.items()} if lifecycle else {}
    for row in rows:
        differences = tuple(_differences(previous, row, names)) if with_changes else ()
        yield Entry(
            _done(row, labels),
            row.history_on_behalf_of or _person(row),
            row.history_about,
            row.history_change_reason or "",
            row.history_happened_at or row.history_date,
            row.history_date,
            differences,
            getattr(row, "leaf", None),
            getattr(row, "attested_by", None),
            row.history_verb,
        )
        previous = row


def _done(row: Any, labels: dict[str, str]) -> str:
    if row.history_verb:
        return act_in_words(row.history_verb, labels.get(row.history_verb, ""))
    return f"{row.get_history_type_display().lower()} it"


def _person(row: Any) -> str:
    if row.by_username is None:
        return "Nobody signed in"
    return str(User(**{name: getattr(row, f"by_{name}") for name in NAME}))


def _names_of_relations(rows: Iterable[Any]) -> dict[tuple[type[models.Model], Any], str]:
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


def _differences(before: Any, after: Any, names: dict[Any, str]) -> Iterator[Difference]:
    for field in after.tracked_fields:
        old = getattr(before, field.attname) if before is not None else None
        new = getattr(after, field.attname)
        if not field.primary_key and (old or None) != (new or None):
            label = capfirst(str(field.verbose_name))
            yield Difference(label, _in_words(field, old, names), _in_words(field, new, names))


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
