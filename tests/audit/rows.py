"""Rows for any table: one value of the right kind for each column."""

from datetime import UTC, date, datetime, time
from typing import Any

from django.db import connection, models

_VALUES: list[tuple[Any, Any]] = [
    (models.BooleanField, True),
    (models.IntegerField, 7),
    (models.DateTimeField, datetime(2026, 11, 23, 9, 40, tzinfo=UTC)),
    (models.DateField, date(2026, 11, 23)),
    (models.TimeField, time(9, 40)),
    (models.ForeignKey, 7),
    (models.Field, "x"),
]


def value_for(field: Any) -> Any:
    if field.related_model is field.model and field.null:
        return None  # a row that follows none of its own kind
    if isinstance(field, models.ForeignKey) and field.db_constraint:
        return a_row(field.related_model).pk
    return next(value for kind, value in _VALUES if isinstance(field, kind))


def a_row(model: type[models.Model], **values: Any) -> Any:
    """Insert a row with something in each column, around every door, and return it."""
    for field in model._meta.concrete_fields:
        if not field.primary_key or not isinstance(field, models.AutoField):
            values.setdefault(field.attname, value_for(field))
    (row,) = model._base_manager.bulk_create([model(**values)])
    if connection.vendor == "postgresql":
        sql("SET CONSTRAINTS ALL IMMEDIATE")  # else nothing can be truncated for another reason
    return row


def sql(statement: str, *parameters: Any) -> None:
    """Do it in the database itself, as somebody with a database console would."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)


def look(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Return what the database itself answers."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters or None)
        return cursor.fetchall()
