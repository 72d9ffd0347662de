"""How fast a population is written, beside a bare dump of the same rows, and in how much memory."""

import csv
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db import connection, models, transaction
from django.utils import timezone

from changes.models import (
    Approval,
    ChangeSystem,
    EmergencyChange,
    ExecutionEntry,
    StabilityCheck,
)
from ecportal import clock
from ecportal.models import NumberSequence
from reviews.listing import export, take
from reviews.models import ControlException, Deadline, RetrospectiveReview
from reviews.period import Period
from reviews.population import changes_of
from reviews.renderings import FORMATS
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change, a_draft

CHANGES = 10_000
FEW = 1_000
BELONGING = (
    ChangeSystem, Approval, ExecutionEntry, StabilityCheck, Deadline, ControlException,
    RetrospectiveReview,
)  # fmt: skip


def templates(company: Company) -> list[EmergencyChange]:
    """Return changes of each kind: reviewed in time, late, claimed by voice, waiting, cancelled."""
    with clock.at(clock.now() - timedelta(days=20)):
        late = a_change(company, "documented")
        voice = Journey(company, a_draft(company)).submit().claim().start().finish().change
        sweep()
    Journey(company, late).review()
    kinds = [a_change(company, status) for status in ("closed", "closed", "submitted", "cancelled")]
    return [late, voice, *kinds]


def insert(model: type[models.Model], rows: Iterator[dict[str, Any]]) -> None:
    """Insert rows as they are, by column, past every rule: these only make up the numbers."""
    columns = [field.column for field in model._meta.concrete_fields]
    names = ", ".join(f'"{name}"' for name in columns)
    marks = ", ".join(["%s"] * len(columns))
    statement = f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES ({marks})'
    with connection.cursor() as cursor:
        cursor.executemany(statement, [tuple(row[name] for name in columns) for row in rows])


def stored(model: type[models.Model], **which: Any) -> list[dict[str, Any]]:
    """Return rows as the database holds them."""
    field, value = next(iter(which.items()))
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{model._meta.db_table}" WHERE "{field}" = %s', [value])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@transaction.atomic
def multiply(originals: list[EmergencyChange], total: int) -> None:
    """Copy the originals with all that belongs to them until there are `total` changes."""
    last = max(EmergencyChange.objects.values_list("pk", flat=True))
    sequence = NumberSequence.objects.get(series__startswith="EC-")
    first, year = sequence.last, sequence.series
    copies = range(total - EmergencyChange.objects.count())
    parents = [stored(EmergencyChange, id=change.pk)[0] for change in originals]
    insert(EmergencyChange, (
        {**parents[n % len(parents)], "id": last + 1 + n, "number": f"{year}-{first + 1 + n:04d}"}
        for n in copies
    ))  # fmt: skip
    for model in BELONGING:
        rows = [stored(model, change_id=change.pk) for change in originals]
        top = max(model._default_manager.values_list("pk", flat=True), default=0)
        made = (
            {**row, "change_id": last + 1 + n}
            for n in copies for row in rows[n % len(rows)]
        )  # fmt: skip
        insert(model, ({**row, "id": top + 1 + n} for n, row in enumerate(made)))
    sequence.last = first + len(copies)
    sequence.save()


def bare_dump(period: Period, path: Path) -> int:
    """Write the same rows of the same tables to CSV, with SQL and nothing else; return the rows."""
    within = changes_of(period).order_by().values("pk")
    people = ("incident__number", "incident__title", "incident__severity", "incident__began_at",
              "incident__recorded_at", "determination__verdict", "determination__decided_at",
              "determination__recorded_at")  # fmt: skip
    own = [field.attname for field in EmergencyChange._meta.concrete_fields]
    statements = [changes_of(period).values_list(*own, *people).query.sql_with_params()]
    for model in BELONGING:
        queryset = model._default_manager.filter(change__in=within).order_by()
        statements.append(queryset.values_list().query.sql_with_params())
    count = 0
    with path.open("w", newline="") as file, connection.cursor() as cursor:
        writer = csv.writer(file)
        for sql, params in statements:
            cursor.execute(sql, params)
            while rows := cursor.fetchmany(2000):
                writer.writerows(rows)
                count += len(rows)
    return count


def seconds(work: Callable[[], Any], times: int = 3) -> float:
    """Return the shortest of several runs, as the machine's other work only ever adds.

    SQLite works in this process: its own time is counted, whoever else has the processor. A server
    of its own is waited for, so there the clock counts.
    """
    clock_of = time.process_time if connection.vendor == "sqlite" else time.perf_counter
    found = []
    for _ in range(times):
        begin = clock_of()
        work()
        found.append(clock_of() - begin)
    return min(found)


def peak(work: Callable[[], Any]) -> float:
    """Return the most memory that Python held for the work, in MiB."""
    tracemalloc.start()
    work()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1024 / 1024


def measure_population(company: Company) -> dict[str, float]:
    """Return seconds by format and of the bare dump, ratios, and memory for few and for many."""
    today = timezone.localdate()
    period = Period(today - timedelta(days=40), today + timedelta(days=1))
    originals = templates(company)
    found: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "population"

        def write(form: str) -> None:
            with file.open("wb") as out:
                export(period, form, out, frozenset())

        for total in (FEW, CHANGES):
            multiply(originals, total)
            for form in FORMATS:
                found[f"{form}, MiB of memory for {total}"] = peak(lambda form=form: write(form))
        found["rows dumped"] = bare_dump(period, file)
        found["bare dump, s"] = bare = seconds(lambda: bare_dump(period, file))
        for form in FORMATS:
            found[f"{form}, s"] = seconds(lambda form=form: write(form))
            found[f"{form}, times the bare dump"] = found[f"{form}, s"] / bare
            found[f"{form}, MB"] = file.stat().st_size / 1e6
        found["kept with all three fingerprints, s"] = seconds(lambda: take(period), 1)
    return found
