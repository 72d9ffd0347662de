"""The run-time role of PostgreSQL: runs the whole process, and cannot rewrite any of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction

from changes.models import EmergencyChange
from ecportal.audit import grants, heartbeat, sealer
from ecportal.audit.notes import Signer
from ecportal.audit.protection import protected_models
from ecportal.audit.verification import verify
from tests.audit.rows import look, sql
from tests.scenario import a_change, found_company

on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="roles are its own")
ROLE = "ecp_app"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_grants", *arguments, stdout=out)
    return out.getvalue()


@contextmanager
def signed_in_as(role: str) -> Iterator[None]:
    """Use the portal's own connection as this role, really signed in as it."""
    owner = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = role
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = owner


@pytest.fixture
def role(transactional_db: None) -> Iterator[str]:
    """The role with its grants, as `audit_grants --apply` leaves it."""
    sql(f"CREATE ROLE {ROLE} LOGIN")
    try:
        run("--apply")
        yield ROLE
    finally:
        sql(f"DROP OWNED BY {ROLE}")
        sql(f"DROP ROLE {ROLE}")


def refused(statement: str) -> None:
    with pytest.raises((ProgrammingError, IntegrityError)) as error, transaction.atomic():
        sql(statement)
    told = str(error.value)
    assert "permission denied" in told or "must be owner" in told, told


@on_postgresql
def test_role_runs_the_whole_process_and_seals_and_verifies(role: str, log_key: Signer) -> None:
    with signed_in_as(role):
        assert look("SELECT current_user, session_user") == [(role, role)]
        change = a_change(found_company(), "closed")
        heartbeat.heartbeat()
        sealer.seal()
        report = verify()
        assert report.findings == []
        assert report.totals["leaves"] > 60
        assert EmergencyChange.objects.get(pk=change.pk).status == "closed"


@on_postgresql
def test_every_bypass_is_refused(role: str) -> None:
    with signed_in_as(role):
        found_company()
        for model in protected_models():
            table, key = model._meta.db_table, model._meta.pk.column
            refused(f"UPDATE {table} SET {key} = {key}")
            refused(f"DELETE FROM {table}")
            refused(f"TRUNCATE {table}")
            refused(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            refused(f"ALTER TABLE {table} DISABLE TRIGGER ecp_no_change")
            refused(f"DROP TRIGGER ecp_no_change ON {table}")
            refused(f"DROP TABLE {table}")
            refused(f"ALTER TABLE {table} OWNER TO {role}")
            refused(f"CREATE RULE gone AS ON INSERT TO {table} DO INSTEAD NOTHING")
            refused(
                f"CREATE TRIGGER own BEFORE INSERT ON {table} EXECUTE FUNCTION ecp_append_only()"
            )
            refused(f"SELECT * FROM {table} FOR UPDATE")
        refused("CREATE OR REPLACE FUNCTION ecp_append_only() RETURNS trigger LANGUAGE plpgsql"
                " AS $$BEGIN RETURN NEW; END$$")  # fmt: skip
        refused("DROP FUNCTION ecp_append_only() CASCADE")
        refused("SET session_replication_role = replica")
        refused("CREATE TABLE mine (id int)")
        refused("SET SESSION AUTHORIZATION postgres")
        refused("SET ROLE postgres")
        refused(f"ALTER ROLE {role} SET session_replication_role = replica")


@on_postgresql
def test_granting_oneself_more_changes_nothing(role: str) -> None:
    with signed_in_as(role):
        sql(f"GRANT UPDATE, DELETE ON audit_auditevent TO {role}")  # PostgreSQL only warns
        refused("DELETE FROM audit_auditevent")


@on_postgresql
def test_tables_of_later_migrations_are_append_only_until_the_grants_are_renewed(role: str) -> None:
    sql("CREATE TABLE later (id bigserial PRIMARY KEY, word text)")
    try:
        with signed_in_as(role):
            sql("INSERT INTO later (word) VALUES ('a')")
            refused("UPDATE later SET word = 'b'")
        grants.renew()
        with signed_in_as(role):
            sql("UPDATE later SET word = 'b'")
            sql("DELETE FROM later")
            refused("UPDATE audit_auditevent SET mac = ''")
    finally:
        sql("DROP TABLE later")


@on_postgresql
def test_grants_take_away_what_was_given_before(role: str) -> None:
    sql(f"GRANT ALL ON audit_auditevent TO {role}")
    sql(f"GRANT CREATE ON SCHEMA public TO {role}")
    run("--role", role, "--apply")
    with signed_in_as(role):
        refused("UPDATE audit_auditevent SET mac = ''")
        refused("CREATE TABLE mine (id int)")


@on_postgresql
def test_printed_statements_are_the_applied_ones(role: str) -> None:
    printed = run("--role", role)
    assert printed.splitlines() == [f"{statement};" for statement in grants.statements(role)]
    sql(f"DROP OWNED BY {role}")
    with signed_in_as(role):
        refused("SELECT * FROM audit_auditevent")
    sql(printed)
    with signed_in_as(role):
        look("SELECT * FROM audit_auditevent")
        refused("DELETE FROM audit_auditevent")


@on_postgresql
@pytest.mark.django_db
def test_roles_that_grants_do_not_bind_are_refused() -> None:
    with pytest.raises(CommandError, match="There is no role nobody_here"):
        run("--role", "nobody_here")
    ((owner,),) = look("SELECT current_user")
    with pytest.raises(CommandError, match="grants do not bind it"):
        run("--role", owner, "--apply")
    sql("CREATE ROLE ecp_member")
    sql(f"GRANT {owner} TO ecp_member")
    with pytest.raises(CommandError, match="grants do not bind it"):
        run("--role", "ecp_member")
    sql("CREATE ROLE ecp_one")
    sql("CREATE ROLE ecp_two")
    sql("SET LOCAL ROLE ecp_one")
    with pytest.raises(CommandError, match="Only the owner"):
        run("--role", "ecp_two", "--apply")
    sql("RESET ROLE")


@on_postgresql
@pytest.mark.django_db
def test_name_of_a_role_is_quoted() -> None:
    sql('CREATE ROLE "odd ""name"')
    run("--role", 'odd "name', "--apply")
    assert look("SELECT has_table_privilege('odd \"name', 'audit_auditevent', 'INSERT')") == [
        (True,)
    ]


@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's answer")
@pytest.mark.django_db
def test_sqlite_has_no_roles() -> None:
    with pytest.raises(CommandError, match="Roles are PostgreSQL's"):
        run()
    grants.renew()
