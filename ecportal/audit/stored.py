"""Reads rows back as the database holds them, and adds events, by SQL compiled once a model.

Each tracked save pays for both; compiling them anew each time would cost more than running them.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from django.db import connection, models

from ecportal.audit import bodies
from ecportal.audit.models import AuditEvent

BATCH: Final = 5_000
"""Keys in one query: every database takes as many parameters."""


@cache
def _select(model: type[models.Model]) -> tuple[str, Any, Any]:
    names = bodies.columns(model)
    query = model._base_manager.order_by().values_list("pk", *names).query
    compiler = query.get_compiler(connection=connection)
    sql, _no_parameters = compiler.as_sql()
    converters = compiler.get_converters([column for column, _sql, _alias in compiler.select])
    key = connection.ops.quote_name(str(model._meta.pk.column))
    return f"{sql} WHERE {key} IN ", compiler, converters


def read(model: type[models.Model], keys: Sequence[int]) -> dict[int, dict[str, bodies.Plain]]:
    """Return the canonical values of these rows by key, as a query set would read them."""
    sql, compiler, converters = _select(model)
    names = bodies.columns(model)
    found: dict[int, dict[str, bodies.Plain]] = {}
    for first in range(0, len(keys), BATCH):
        part = keys[first : first + BATCH]
        marks = ", ".join(["%s"] * len(part))
        with connection.cursor() as cursor:
            cursor.execute(f"{sql}({marks})", part)
            rows = cursor.fetchall()
        if converters:
            rows = compiler.apply_converters(rows, converters)
        found.update((pk, bodies.fields(names, tuple(values))) for pk, *values in rows)
    return found


@cache
def _insert() -> str:
    quote = connection.ops.quote_name
    columns = ", ".join(quote(name) for name in ("kind", "source", "source_pk", "body", "mac"))
    table = quote(AuditEvent._meta.db_table)
    return f"INSERT INTO {table} ({columns}) VALUES (%s, %s, %s, %s, %s)"


def add(events: Sequence[AuditEvent]) -> None:
    """Write these events; unlike a save this tells nobody their keys."""
    if not events:
        return
    with connection.cursor() as cursor:
        cursor.executemany(
            _insert(), [(e.kind, e.source, e.source_pk, e.body, e.mac) for e in events]
        )
