"""Changes of the schema, and commands that would tidy history up, leave the trail as it was."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import IntegrityError, connection, migrations, models, transaction
from django.db.migrations.state import ProjectState
from simple_history.utils import update_change_reason  # noqa: TID251 - shown to be refused

from ecportal.accounts.models import User
from ecportal.audit import heartbeat, keys, protection, schema, sealer, stored
from ecportal.audit.models import AuditEvent
from ecportal.audit.verification import verify
from incidents.lifecycle import SYSTEMS
from incidents.models import Incident, System
from tests.audit.conftest import rolled_back
from tests.audit.folders import files_in
from tests.audit.mutating import change_history, history, unlocked
from tests.audit.rows import look, sql
from tests.scenario import Company, an_incident, found_company

PAST: Any = System.history.model
TABLE = PAST._meta.db_table
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own")


@pytest.fixture(scope="module")
def _no_foreign_keys(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """As during `migrate`: SQLite rebuilds tables only where foreign keys were off before."""
    with django_db_blocker.unblock():
        connection.disable_constraint_checking()
        with rolled_back():
            yield
        connection.enable_constraint_checking()


@pytest.fixture
def company(_no_foreign_keys: None, db: None, tmp_path: Path) -> Iterator[Company]:
    """A company whose trail is sealed, in a transaction in which the schema may change."""
    with files_in(tmp_path), rolled_back():
        keys.generate("portal.example.test")
        with files_in(tmp_path):
            made = found_company()
            an_incident(made)
            heartbeat.heartbeat()
            sealer.seal()
            yield made


class Migration:
    """Runs operations as a migration would, and then what every `migrate` ends with, or not."""

    def __init__(self) -> None:
        self.state = ProjectState.from_apps(apps)

    def run(self, *operations: Any, app: str = "incidents", end: bool = True) -> None:
        for operation in operations:
            after = self.state.clone()
            operation.state_forwards(app, after)
            with connection.schema_editor() as editor:
                operation.database_forwards(app, editor, self.state, after)
            self.state = after
        if end:
            protection.install()
            schema.note()


@contextmanager
def having(model: Any, field: Any) -> Iterator[None]:
    """Let the model have one more column, as its code would after the migration."""
    field.contribute_to_class(model, field.name)
    stored._select.cache_clear()
    try:
        yield
    finally:
        model._meta.local_fields.remove(field)
        model._meta._expire_cache()
        delattr(model, field.attname)
        stored._select.cache_clear()


@contextmanager
def lacking(model: Any, name: str) -> Iterator[None]:
    """Let the model have one column less, as its code would after the migration."""
    field = model._meta.get_field(name)
    place = model._meta.local_fields.index(field)
    model._meta.local_fields.remove(field)
    model._meta._expire_cache()
    stored._select.cache_clear()
    try:
        yield
    finally:
        model._meta.local_fields.insert(place, field)
        model._meta._expire_cache()
        stored._select.cache_clear()


def color(**options: Any) -> Any:
    field = models.CharField(max_length=20, **options)
    field.set_attributes_from_name("color")
    return field


def codes() -> set[str]:
    return {finding.code for finding in verify().findings}


def assert_append_only() -> None:
    ((newest,),) = look(f"SELECT MAX(history_id) FROM {TABLE}")
    for statement in (
        f"UPDATE {TABLE} SET name = 'x' WHERE history_id = %s",
        f"DELETE FROM {TABLE} WHERE history_id = %s",
    ):
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            sql(statement, newest)


REBUILDS = {
    "a column with a default": migrations.AddField("historicalsystem", "color", color(default="")),
    "another type": migrations.AlterField(
        "historicalsystem", "history_about", models.CharField(max_length=900, default="")
    ),
    "an index": migrations.AlterField(
        "historicalsystem", "name", models.CharField(max_length=100, db_index=False)
    ),
}
KEEPS = {
    "a column that may be null": migrations.AddField("historicalsystem", "color", color(null=True)),
    "another name": migrations.RenameField("historicalsystem", "history_about", "history_named"),
    "a column less": migrations.RemoveField("historicalsystem", "history_about"),
}


@pytest.mark.parametrize("how", [*REBUILDS, *KEEPS])
def test_protection_stands_after_every_migration(company: Company, how: str) -> None:
    Migration().run({**REBUILDS, **KEEPS}[how])
    assert protection.findings() == []
    assert_append_only()


@pytest.mark.parametrize("how", ["a column with a default", "another type"])
def test_what_a_rebuild_drops_is_found_until_migrate_ends(company: Company, how: str) -> None:
    """SQLite says nothing when it drops the triggers of a table that it rebuilds."""
    assert codes() == set()
    Migration().run(REBUILDS[how], end=False)
    dropped = connection.vendor == "sqlite"
    assert bool(protection.findings()) is dropped
    assert codes() == ({"TRIGGER"} if dropped else set())
    Migration().run()
    assert codes() == set()


def test_a_new_history_table_is_protected_by_the_migration_that_makes_it(company: Company) -> None:
    sql(f"DROP TABLE {TABLE}")
    with connection.schema_editor() as editor:
        editor.create_model(PAST)
    assert any(TABLE in sentence for sentence in protection.findings())
    protection.install()
    assert protection.findings() == []


def test_old_rows_are_no_false_alarm_after_a_new_column(company: Company) -> None:
    field = color(null=True)
    Migration().run(migrations.AddField("historicalsystem", "color", color(null=True)))
    with having(PAST, field):
        assert codes() == set()
        SYSTEMS.perform(company.system, "retire", by=company.lead, reason="Gone.")
        old, new = history(company.system)
        told = AuditEvent.objects.get(source=PAST._meta.label_lower, source_pk=new.pk)
        assert json.loads(str(told.body))["fields"]["color"] is None
        assert codes() == set()
        # From then on the column is attested: its value in the new row cannot be changed.
        change_history(old, color="red")
        assert codes() == set()
        change_history(new, color="red")
        assert codes() == {"ROW"}


def test_a_column_that_is_gone_needs_the_schema_event(company: Company) -> None:
    Migration().run(migrations.RemoveField("historicalsystem", "history_about"), end=False)
    with lacking(PAST, "history_about"):
        found = verify().findings
        assert {finding.code for finding in found} == {"ROW"}
        assert "history_about" in found[0].sentence
        schema.note()
        assert codes() == set()


def test_a_schema_event_of_somebody_without_the_key_explains_nothing(company: Company) -> None:
    Migration().run(migrations.RemoveField("historicalsystem", "history_about"), end=False)
    with lacking(PAST, "history_about"):
        schema.note()
        event = AuditEvent.objects.filter(kind="schema").order_by("-pk")[0]
        with unlocked("audit_auditevent"):
            sql("UPDATE audit_auditevent SET mac = 'k1:00' WHERE id = %s", event.pk)
        assert codes() == {"MAC", "ROW"}


def test_a_column_of_another_name_is_explained_by_the_schema_event(company: Company) -> None:
    renaming = migrations.RenameField("historicalsystem", "history_about", "history_named")
    Migration().run(renaming)
    named = models.TextField(default="")
    named.set_attributes_from_name("history_named")
    with lacking(PAST, "history_about"), having(PAST, named):
        assert codes() == set()


def test_schema_event_is_written_once_for_each_change(company: Company) -> None:
    events = AuditEvent.objects.filter(kind="schema")
    before = events.count()
    schema.note()
    assert events.count() == before
    Migration().run(migrations.AddField("historicalsystem", "color", color(null=True)))
    assert events.count() == before + 1
    tables = json.loads(json.loads(str(events.order_by("-pk")[0].body))["fields"]["tables"])
    assert "color" in tables["incidents.historicalsystem"]


def test_a_column_of_history_that_may_no_longer_be_null_rewrites_history(company: Company) -> None:
    """PostgreSQL refuses that migration; SQLite obeys, and the verification tells."""
    rule = migrations.AlterField(
        "historicaluser", "history_change_reason", models.TextField(default="")
    )
    assert User.history.filter(history_change_reason=None).exists()
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            Migration().run(rule, app="accounts")
        assert codes() == set()
    else:
        Migration().run(rule, app="accounts")
        assert codes() == {"ROW"}


# --- commands and shortcuts that tidy history up --------------------------------------------------


def refused(act: Any) -> bool:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        act()
    return codes() == set()


def test_cleaning_old_history_is_refused(company: Company) -> None:
    assert refused(lambda: call_command("clean_old_history", "--auto", days=-1, verbosity=0))


def test_cleaning_duplicate_history_is_refused(company: Company) -> None:
    incident = Incident.objects.get()
    with transaction.atomic():
        incident.save()
    assert refused(lambda: call_command("clean_duplicate_history", "--auto", verbosity=0))


def test_changing_a_reason_afterwards_is_refused(company: Company) -> None:
    assert refused(lambda: update_change_reason(company.system, "A better reason."))


@on_sqlite
def test_replacing_a_row_of_history_is_refused(company: Company) -> None:
    (row,) = history(company.system)
    statement = f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM {TABLE} WHERE history_id = %s"
    assert refused(lambda: sql(statement, row.pk))
