"""A population of any size, written by the database itself from the rows of one change."""

from datetime import datetime
from typing import Any

from django.db import connection, models

from changes.models import ChangeSystem, EmergencyChange
from reviews.models import Deadline, Watch


def copy(row: models.Model, first: int, last: int, **columns: str) -> None:
    """Insert one row for each number from first to last; `columns` are SQL that may name n."""
    names = [field.column for field in row._meta.concrete_fields]
    table = row._meta.db_table
    values = ", ".join(columns.get(name, name) for name in names)
    series = f"SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE series(n) AS ({series}) INSERT INTO {table} ({', '.join(names)}) "
            f"SELECT {values} FROM {table}, series WHERE {table}.id = {row.pk}"
        )


def crowd(change: EmergencyChange, kind: str, first: int, last: int) -> None:
    """Add as many changes like this one, each with its system and its deadline of this kind."""
    copy(change, first, last, id="n", number="'EC-X-' || n")
    copy(ChangeSystem.objects.get(change=change), first, last, id="n", change_id="n")
    deadline = change.deadlines.filter(kind=kind).latest("pk")
    copy(deadline, first, last, id="n", change_id="n")


def watch(first: int, last: int, look_at: datetime, version: int) -> None:
    """Watch these deadlines as if a sweep had looked at them before."""
    rows: Any = Deadline.objects.filter(pk__gte=first, pk__lte=last).values_list("pk", flat=True)
    Watch.objects.bulk_create(
        (Watch(deadline_id=pk, look_at=look_at, ladder=version) for pk in rows.iterator()),
        batch_size=1000,
    )


def analyze() -> None:
    """Let the database know how much there is, as its own housekeeping does."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
