"""Compares live rows with the newest row of their history: an edit past the door shows as drift.

The comparison is of contents, in SQL, so it survives an attacker who removes every trigger.
"""

import logging
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db import connection, models

from ecportal.audit import attestation

logger = logging.getLogger(__name__)

DRIFT: Final = "drift"
GONE: Final = "(the record itself)"
"""Stands for all columns: the live row exists without history, or the other way around."""


class Drifted(Exception):
    """A live row differs from its history; raised only where AUDIT_STRICT is set."""


def tracked_models() -> list[type[models.Model]]:
    """Return every model that keeps a history, in a stable order."""
    found = [m for m in apps.get_models() if hasattr(m._meta, "simple_history_manager_attribute")]
    return sorted(found, key=lambda model: model._meta.label_lower)


def history_of(model: type[models.Model]) -> type[Any]:
    """Return the model of the history rows of a tracked model."""
    return getattr(model, model._meta.simple_history_manager_attribute).model  # type: ignore[attr-defined, no-any-return]


@cache
def _compared(model: type[models.Model]) -> list[str]:
    return [field.column for field in history_of(model).tracked_fields]


@cache
def _tests(model: type[models.Model], vendor: str) -> list[str]:
    """Return the SQL that says of each compared column whether the live value is another."""
    quote = connection.ops.quote_name
    differs = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    return [f"l.{quote(c)} {differs} h.{quote(c)}" for c in _compared(model)]


@cache
def _joined(model: type[models.Model], vendor: str) -> tuple[str, str]:
    """Return the FROM part, live rows beside their newest history, and the difference of them."""
    quote = connection.ops.quote_name
    live, past = quote(model._meta.db_table), quote(history_of(model)._meta.db_table)
    key = quote(str(model._meta.pk.column))
    newest = f"SELECT MAX(n.history_id) FROM {past} n WHERE n.{key} = l.{key}"
    source = f"FROM {live} l LEFT JOIN {past} h ON h.history_id = ({newest})"
    gone = ["h.history_id IS NULL", "h.history_type = '-'"]
    return source, " OR ".join([*gone, *_tests(model, vendor)])


def _query(sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def drifted_columns(model: type[models.Model], pk: Any) -> list[str]:
    """Return the columns in which this live row differs from its newest history, if any."""
    source, difference = _joined(model, connection.vendor)
    key = connection.ops.quote_name(str(model._meta.pk.column))
    here = f"{source} WHERE l.{key} = %s"
    if not _query(f"SELECT 1 {here} AND ({difference})", (pk,)):
        return []
    return _which(model, here, (pk,))


def _which(model: type[models.Model], here: str, parameters: tuple[Any, ...]) -> list[str]:
    names = _compared(model)
    flags = ", ".join(_tests(model, connection.vendor))
    (row,) = _query(
        f"SELECT h.history_id IS NULL OR h.history_type = '-', {flags} {here}",
        parameters,
    )
    return (
        [GONE]
        if row[0]
        else [c for c, is_different in zip(names, row[1:], strict=True) if is_different]
    )


def drifts(model: type[models.Model]) -> Iterator[tuple[Any, list[str]]]:
    """Yield the key and columns of every live row of the model that differs from its history.

    Records whose newest history says that they exist, and that do not, come with GONE.
    """
    quote = connection.ops.quote_name
    source, difference = _joined(model, connection.vendor)
    key = quote(str(model._meta.pk.column))
    for (pk,) in _query(f"SELECT l.{key} {source} WHERE {difference}"):
        yield pk, _which(model, f"{source} WHERE l.{key} = %s", (pk,))
    live, past = quote(model._meta.db_table), quote(history_of(model)._meta.db_table)
    vanished = (
        f"SELECT h.{key} FROM {past} h JOIN (SELECT MAX(history_id) AS newest FROM {past}"
        f" GROUP BY {key}) n ON h.history_id = n.newest LEFT JOIN {live} l ON l.{key} = h.{key}"
        f" WHERE l.{key} IS NULL AND h.history_type <> '-'"
    )
    for (pk,) in _query(vanished):
        yield pk, [GONE]


def guard(sender: type[models.Model], instance: models.Model, **_: Any) -> None:
    """Look once, before a record is saved or deleted, whether somebody went past its history.

    Otherwise the save that follows would write the foreign value into the history as its own.
    The names of the columns become an event; the values are in the history row that follows.
    """
    if instance._state.adding or not hasattr(sender._meta, "simple_history_manager_attribute"):
        return
    names = drifted_columns(sender, instance.pk)
    if names:
        tell(sender._meta.label_lower, instance.pk, names)


def tell(label: str, pk: Any, names: list[str]) -> None:
    """Record that these columns differ from their trail; Drifted where AUDIT_STRICT is set."""
    found = f"{label}:{pk}: {', '.join(names)}"
    if settings.AUDIT_STRICT:
        raise Drifted(found)
    logger.error("Changed past its history: %s", found)
    attestation.record(DRIFT, model=label, pk=str(pk), columns=", ".join(names))


def look_again(instance: models.Model, **_: Any) -> None:
    """Where AUDIT_STRICT is set: find at once a save that stored less than its history says."""
    if settings.AUDIT_STRICT and type(instance)._base_manager.filter(pk=instance.pk).exists():
        names = drifted_columns(type(instance), instance.pk)
        if names:
            raise Drifted(f"{instance._meta.label_lower}:{instance.pk}: {', '.join(names)}")
