"""Lets the database itself refuse every change of what was written, and checks that it does.

Triggers on all history tables and on the trail's own; installed after each migrate, because SQLite
drops them silently when it rebuilds a table and a new history table has none yet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.apps import apps
from django.db import connection, models, transaction
from simple_history.models import HistoricalChanges

from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf

FUNCTION: Final = "ecp_append_only"
REFUSAL: Final = "This table is append-only: history is never changed or deleted."
_FUNCTION_BODY: Final = f"BEGIN RAISE EXCEPTION USING ERRCODE = '23001', MESSAGE = '{REFUSAL}'; END"
# pg_trigger.tgtype: ROW 1, BEFORE 2, DELETE 8, UPDATE 16, TRUNCATE 32.
_POSTGRES: Final = {
    "ecp_no_change": ("BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW", 1 | 2 | 8 | 16),
    "ecp_no_truncate": ("BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", 2 | 32),
}


def protected_models() -> list[type[models.Model]]:
    """Return the models whose tables are append-only."""
    own: list[type[models.Model]] = [AuditEvent, AuditLeaf, AuditCheckpoint]
    past = [
        model
        for model in apps.get_models()
        if issubclass(model, HistoricalChanges) or getattr(model, "append_only", False)
    ]
    return own + sorted(past, key=lambda model: model._meta.db_table)


def _existing() -> list[type[models.Model]]:
    tables = set(connection.introspection.table_names())
    return [model for model in protected_models() if model._meta.db_table in tables]


def _identities(model: type[models.Model]) -> list[list[str]]:
    """Return the sets of columns by which a new row could replace one that is there."""
    named = {field.name: str(field.column) for field in model._meta.concrete_fields}
    alone = [[str(field.column)] for field in model._meta.concrete_fields if field.unique]
    together = [[named[n] for n in c.fields] for c in model._meta.total_unique_constraints]
    return [["rowid"], *alone, *together]


def _sqlite_triggers(model: type[models.Model]) -> dict[str, str]:
    table = model._meta.db_table
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    again = " OR ".join(
        f'EXISTS (SELECT 1 FROM "{table}" WHERE '
        + " AND ".join(f'"{column}" = NEW."{column}"' for column in columns)
        + ")"
        for columns in _identities(model)
    )
    return {
        f"ecp_{table}_update": f'BEFORE UPDATE ON "{table}" {refuse}',
        f"ecp_{table}_delete": f'BEFORE DELETE ON "{table}" {refuse}',
        # INSERT OR REPLACE deletes without firing a delete trigger.
        f"ecp_{table}_replace": f'BEFORE INSERT ON "{table}" WHEN {again} {refuse}',
    }


def findings() -> list[str]:
    """Return a sentence for each protection that is missing or altered; empty when all stand."""
    look = _sqlite_findings if connection.vendor == "sqlite" else _postgres_findings
    return look(_existing())


def _sqlite_findings(protected: list[type[models.Model]]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        there = dict(cursor.fetchall())
    return [
        f"{model._meta.db_table}: trigger {name} {'is altered' if name in there else 'is missing'}."
        for model in protected
        for name, text in _sqlite_triggers(model).items()
        if there.get(name) != f'CREATE TRIGGER "{name}" {text}'
    ]


def _postgres_findings(protected: list[type[models.Model]]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname, t.tgenabled, t.tgtype,"
            " t.tgqual IS NULL AND t.tgattr::text = '', p.proname, btrim(p.prosrc)"
            " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
            " JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"
            " AND c.relnamespace = current_schema()::regnamespace"
        )
        there = {(table, name): tuple(rest) for table, name, *rest in cursor.fetchall()}
    wrong = []
    for model in protected:
        table = model._meta.db_table
        for name, (_text, kind) in _POSTGRES.items():
            found = there.get((table, name))
            if found != ("A", kind, True, FUNCTION, _FUNCTION_BODY):
                state = "is altered or disabled" if found else "is missing"
                wrong.append(f"{table}: trigger {name} {state}.")
    return wrong


def install(**_: Any) -> None:
    """Put every trigger in its place; does nothing where all stand. Runs after each migrate."""
    protected = _existing()
    if not findings():
        return
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql"
                f" AS $${_FUNCTION_BODY}$$"
            )
        for model in protected:
            _drop(cursor, model)
            _create(cursor, model)


def _create(cursor: Any, model: type[models.Model]) -> None:
    if connection.vendor == "sqlite":
        for name, text in _sqlite_triggers(model).items():
            cursor.execute(f'CREATE TRIGGER "{name}" {text}')
        return
    table = connection.ops.quote_name(model._meta.db_table)
    for name, (text, _kind) in _POSTGRES.items():
        when = text.format(table=table)
        cursor.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {FUNCTION}()")
        # Otherwise a session that calls itself a replica would walk past.
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def _drop(cursor: Any, model: type[models.Model]) -> None:
    table = connection.ops.quote_name(model._meta.db_table)
    if connection.vendor == "sqlite":
        for name in _sqlite_triggers(model):
            cursor.execute(f'DROP TRIGGER IF EXISTS "{name}"')
        return
    for name in _POSTGRES:
        cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")


@contextmanager
def lifted(protected: list[type[models.Model]] | None = None) -> Iterator[None]:
    """Take the protection of these tables (default: all) away for the code inside.

    For a redaction that was ordered, and for emptying a test database; needs the tables' owner.
    All in one transaction: if the code inside fails, nothing was ever lifted.
    """
    chosen = _existing() if protected is None else protected
    with transaction.atomic():
        with connection.cursor() as cursor:
            for model in chosen:
                _drop(cursor, model)
        yield
        with connection.cursor() as cursor:
            for model in chosen:
                _drop(cursor, model)  # emptying a database ends with a migrate's own signal
                _create(cursor, model)
