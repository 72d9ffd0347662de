"""What the protected tables look like, as an event whenever that changed."""

import json
from typing import Any, Final

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from ecportal.audit import attestation, protection
from ecportal.audit.models import AuditEvent

SCHEMA: Final = "schema"


def note(**_: Any) -> None:
    """Write an event if the columns of a protected table, or the migrations, changed since."""
    tables = connection.introspection.table_names()
    if AuditEvent._meta.db_table not in tables:
        return  # a partial migration: the full one follows
    now = {"tables": _columns(set(tables)), "migrations": _migrations()}
    last = AuditEvent.objects.filter(kind=SCHEMA).order_by("-pk").first()
    if last is not None and last.body is not None and json.loads(last.body)["fields"] == now:
        return
    with transaction.atomic():
        attestation.record(SCHEMA, None, **now)


def _columns(tables: set[str]) -> str:
    """Return the columns of each protected table as the database has them, as JSON text."""
    found = {}
    with connection.cursor() as cursor:
        for model in protection.protected_models():
            table = model._meta.db_table
            if table in tables:
                columns = connection.introspection.get_table_description(cursor, table)
                found[model._meta.label_lower] = sorted(column.name for column in columns)
    return json.dumps(found, sort_keys=True)


def _migrations() -> str:
    applied = MigrationRecorder(connection).applied_migrations()
    return " ".join(sorted(f"{app}.{name}" for app, name in applied))
