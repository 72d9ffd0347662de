"""The database refuses to change history, and the portal sees when it no longer would."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core import checks
from django.db import IntegrityError, connection, models, transaction

from ecportal.audit import protection
from ecportal.audit.models import AuditEvent, AuditLeaf
from tests.audit.rows import a_row, look, sql

pytestmark = pytest.mark.django_db

TABLES = {
    "audit_auditcheckpoint", "audit_auditevent", "audit_auditleaf",
    "accounts_historicalapitoken", "accounts_historicalgroupobjectpermission",
    "accounts_historicaluser", "accounts_historicaluserobjectpermission",
    "changes_historicalapproval", "changes_historicalchangesystem",
    "changes_historicalcorrection", "changes_historicaldelegatedsystem",
    "changes_historicaldelegation", "changes_historicaldeployment",
    "changes_historicaldeploymentsystem", "changes_historicaldeviation",
    "changes_historicalemergencychange", "changes_historicalevidence",
    "changes_historicalevidenceread", "changes_historicalexecutionentry",
    "changes_historicalpolicy", "changes_historicalstabilitycheck", "changes_historicalticket",
    "incidents_historicaldetermination", "incidents_historicalincident",
    "incidents_historicalincidentnote", "incidents_historicalincidentsystem",
    "incidents_historicalsystem",
    "integrations_historicaldelivery",
    "outbox_deliveryattempt", "outbox_historicalmessage",
    "reviews_historicalcompanyholiday", "reviews_historicalcontrolexception",
    "reviews_historicaldeadline", "reviews_historicalescalation",
    "reviews_historicalescalationrung", "reviews_historicalfollowupaction",
    "reviews_historicalnotice", "reviews_historicalpopulation", "reviews_historicalreceipt",
    "reviews_historicalreconciliationitem",
    "reviews_historicalsample", "reviews_historicalsampleitem",
    "reviews_historicalretrospectivereview",
}  # fmt: skip
"""Written a second time by hand: a table that falls out of the protection is missed here."""

PROTECTED = sorted(protection.protected_models(), key=lambda model: model._meta.db_table)
each_table = pytest.mark.parametrize("model", PROTECTED, ids=lambda m: m._meta.db_table)
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's own")
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own")

Model = type[models.Model]


def assert_refused(statement: str, *parameters: Any) -> None:
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        sql(statement, *parameters)


def a_column(model: Model) -> str:
    return next(f.column for f in model._meta.concrete_fields if not f.primary_key)


def test_every_history_table_and_the_trail_itself_are_protected() -> None:
    assert {model._meta.db_table for model in PROTECTED} == TABLES


@each_table
def test_update_is_refused(model: Model) -> None:
    row, column = a_row(model), a_column(model)
    table, key = model._meta.db_table, model._meta.pk.column
    assert_refused(f"UPDATE {table} SET {column} = {column} WHERE {key} = %s", row.pk)


@each_table
def test_delete_is_refused(model: Model) -> None:
    row = a_row(model)
    table, key = model._meta.db_table, model._meta.pk.column
    assert_refused(f"DELETE FROM {table} WHERE {key} = %s", row.pk)


@on_postgresql
@each_table
def test_truncate_is_refused(model: Model) -> None:
    assert_refused(f"TRUNCATE {model._meta.db_table}")


@on_postgresql
@each_table
def test_a_session_that_calls_itself_a_replica_is_refused(model: Model) -> None:
    row = a_row(model)
    table, key, column = model._meta.db_table, model._meta.pk.column, a_column(model)
    sql("SET LOCAL session_replication_role = replica")
    assert_refused(f"DELETE FROM {table} WHERE {key} = %s", row.pk)
    assert_refused(f"UPDATE {table} SET {column} = {column} WHERE {key} = %s", row.pk)
    assert_refused(f"TRUNCATE {table}")


@on_postgresql
@each_table
def test_upsert_and_merge_are_refused(model: Model) -> None:
    row = a_row(model)
    table, key, column = model._meta.db_table, model._meta.pk.column, a_column(model)
    here = f"(SELECT * FROM {table} WHERE {key} = %s)"
    assert_refused(
        f"INSERT INTO {table} {here} ON CONFLICT ({key}) DO UPDATE SET {column} = NULL", row.pk
    )
    assert_refused(
        f"MERGE INTO {table} t USING {here} s ON t.{key} = s.{key} WHEN MATCHED THEN DELETE",
        row.pk,
    )


@on_sqlite
@each_table
@pytest.mark.parametrize("verb", ["REPLACE", "INSERT OR REPLACE"])
def test_replacing_a_row_is_refused(model: Model, verb: str) -> None:
    row = a_row(model)
    table, key = model._meta.db_table, model._meta.pk.column
    assert_refused(f"{verb} INTO {table} SELECT * FROM {table} WHERE {key} = %s", row.pk)


@on_sqlite
def test_replacing_a_row_by_another_of_its_unique_columns_is_refused() -> None:
    a_row(AuditEvent, source="incidents.historicalincident", source_pk=3)
    event = a_row(AuditEvent, source="incidents.historicalincident", source_pk=4)
    a_row(AuditLeaf, idx=900, event_id=event.pk)
    assert_refused(
        "REPLACE INTO audit_auditevent (kind, source, source_pk, body, mac)"
        " VALUES ('history', 'incidents.historicalincident', 3, 'forged', 'k1:0')"
    )
    assert_refused(
        "REPLACE INTO audit_auditleaf (idx, event_id, leaf_hash) VALUES (901, %s, 'forged')",
        event.pk,
    )


@on_sqlite
def test_replacing_a_leaf_by_its_row_number_is_refused() -> None:
    a_row(AuditLeaf, idx=900, event_id=800)
    ((rowid,),) = look("SELECT rowid FROM audit_auditleaf WHERE idx = 900")
    assert_refused(
        "REPLACE INTO audit_auditleaf (rowid, idx, event_id, leaf_hash)"
        " VALUES (%s, 901, 801, 'forged')",
        rowid,
    )


@each_table
def test_inserting_goes_on(model: Model) -> None:
    before = model._base_manager.count()
    a_row(model)
    assert model._base_manager.count() == before + 1


# --- what the portal sees of a protection that was tampered with ------------------------------

TABLE = "incidents_historicalincident"


def recreate(old: str, new: str) -> None:
    """Put SQLite's update trigger of one table back in another form."""
    name = f"ecp_{TABLE}_update"
    ((text,),) = look("SELECT sql FROM sqlite_master WHERE name = %s", name)
    sql(f"DROP TRIGGER {name}")
    assert old in text
    sql(text.replace(old, new))


def remade(events: str) -> None:
    """Put PostgreSQL's row trigger of one table back for other events, always enabled."""
    sql(f"DROP TRIGGER ecp_no_change ON {TABLE}")
    sql(f"CREATE TRIGGER ecp_no_change {events} EXECUTE FUNCTION ecp_append_only()")
    sql(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER ecp_no_change")


def function(body: str) -> None:
    sql(
        "CREATE OR REPLACE FUNCTION ecp_append_only() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$BEGIN {body} END$$"
    )


def another_function(_: Any = None) -> None:
    sql("CREATE FUNCTION harmless() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$")
    sql(f"DROP TRIGGER ecp_no_change ON {TABLE}")
    sql(
        f"CREATE TRIGGER ecp_no_change BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW"
        " EXECUTE FUNCTION harmless()"
    )
    sql(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER ecp_no_change")


SQLITE: dict[str, Callable[[], None]] = {
    "update dropped": lambda: sql(f"DROP TRIGGER ecp_{TABLE}_update"),
    "delete dropped": lambda: sql(f"DROP TRIGGER ecp_{TABLE}_delete"),
    "replace dropped": lambda: sql(f"DROP TRIGGER ecp_{TABLE}_replace"),
    "WHEN 0": lambda: recreate("BEGIN", "WHEN 0 BEGIN"),
    "raises nothing": lambda: recreate(f"RAISE(ABORT, '{protection.REFUSAL}')", "1"),
    "ignores": lambda: recreate(f"RAISE(ABORT, '{protection.REFUSAL}')", "RAISE(IGNORE)"),
    "one column": lambda: recreate("UPDATE ON", "UPDATE OF id ON"),
    "another table": lambda: recreate(f'ON "{TABLE}"', 'ON "incidents_historicalsystem"'),
}  # fmt: skip
POSTGRESQL: dict[str, Callable[[], None]] = {
    "rows dropped": lambda: sql(f"DROP TRIGGER ecp_no_change ON {TABLE}"),
    "truncate dropped": lambda: sql(f"DROP TRIGGER ecp_no_truncate ON {TABLE}"),
    "disabled": lambda: sql(f"ALTER TABLE {TABLE} DISABLE TRIGGER ecp_no_change"),
    "all disabled": lambda: sql(f"ALTER TABLE {TABLE} DISABLE TRIGGER ALL"),
    "asleep for a replica": lambda: sql(f"ALTER TABLE {TABLE} ENABLE TRIGGER ecp_no_change"),
    "only for a replica": lambda: sql(f"ALTER TABLE {TABLE} ENABLE REPLICA TRIGGER ecp_no_change"),
    "WHEN false": lambda: remade(
        f"BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW WHEN (false)"
    ),
    "update only": lambda: remade(f"BEFORE UPDATE ON {TABLE} FOR EACH ROW"),
    "one column": lambda: remade(f"BEFORE UPDATE OF id OR DELETE ON {TABLE} FOR EACH ROW"),
    "after": lambda: remade(f"AFTER UPDATE OR DELETE ON {TABLE} FOR EACH ROW"),
    "statement": lambda: remade(f"BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH STATEMENT"),
    "emptied": lambda: function("RETURN COALESCE(NEW, OLD);"),
    "lets one user pass": lambda: function(
        "IF current_user = 'postgres' THEN RETURN NEW; END IF; RAISE EXCEPTION 'append-only';"
    ),
    "another function": another_function,
}  # fmt: skip


def assert_seen_and_mended(tamper: Callable[[], None]) -> None:
    assert protection.findings() == []
    tamper()
    found = protection.findings()
    assert any(TABLE in sentence for sentence in found), found
    warnings = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    assert {w.id for w in warnings} >= {"audit.W001"}
    # An error would stop `migrate`, which is what mends it.
    assert all(w.level < checks.ERROR for w in warnings)
    protection.install()
    assert protection.findings() == []
    row = a_row(next(m for m in PROTECTED if m._meta.db_table == TABLE))
    assert_refused(f"UPDATE {TABLE} SET history_verb = 'y' WHERE history_id = %s", row.pk)
    assert_refused(f"DELETE FROM {TABLE} WHERE history_id = %s", row.pk)


@on_sqlite
@pytest.mark.parametrize("how", SQLITE)
def test_tampered_trigger_is_seen_and_mended_on_sqlite(how: str) -> None:
    assert_seen_and_mended(SQLITE[how])


@on_postgresql
@pytest.mark.parametrize("how", POSTGRESQL)
def test_tampered_trigger_is_seen_and_mended_on_postgresql(how: str) -> None:
    assert_seen_and_mended(POSTGRESQL[how])


def test_protection_comes_back_also_when_the_code_under_lifted_fails() -> None:
    with pytest.raises(ZeroDivisionError), protection.lifted():
        _fail_unprotected()
    assert protection.findings() == []


def _fail_unprotected() -> None:
    assert protection.findings()
    _ = 1 / 0


def test_lifting_one_table_leaves_the_others_protected() -> None:
    row = a_row(AuditEvent)
    with protection.lifted([AuditLeaf]):
        assert_refused("DELETE FROM audit_auditevent WHERE id = %s", row.pk)
        sql("DELETE FROM audit_auditleaf")
    assert protection.findings() == []
    assert connection.in_atomic_block
