"""What the run-time role of a PostgreSQL installation may do: everything but rewrite history."""

from typing import Any, Final

from django.db import connection

from ecportal.audit.models import AuditEvent
from ecportal.audit.protection import protected_models

DEFAULT_ROLE: Final = "ecp_app"


class CannotGrant(Exception):
    """The role cannot be bound by grants; says why and what to do."""


def statements(role: str) -> list[str]:
    """Return the SQL that gives the role what the portal needs at run time, and takes the rest.

    To be run by the owner of the tables. Tables of later migrations can be read and added to until
    this is run again, which `renew` does after each migrate.
    """
    quote = connection.ops.quote_name
    name, schema = _identifier(role), quote(_one("SELECT current_schema()"))
    kept = {model._meta.db_table for model in protected_models()}
    tables = connection.introspection.table_names()
    free = ", ".join(quote(table) for table in sorted(set(tables) - kept))
    append_only = ", ".join(quote(table) for table in sorted(set(tables) & kept))
    inside = f"IN SCHEMA {schema}"
    return [
        f"REVOKE ALL ON SCHEMA {schema} FROM {name}",
        f"GRANT USAGE ON SCHEMA {schema} TO {name}",
        f"REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",
        f"REVOKE ALL ON ALL TABLES {inside} FROM {name}",
        f"GRANT SELECT, INSERT ON {append_only} TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {free} TO {name}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES {inside} TO {name}",
        f"ALTER DEFAULT PRIVILEGES {inside} REVOKE ALL ON TABLES FROM {name}",
        f"ALTER DEFAULT PRIVILEGES {inside} GRANT SELECT, INSERT ON TABLES TO {name}",
        f"ALTER DEFAULT PRIVILEGES {inside} GRANT USAGE, SELECT ON SEQUENCES TO {name}",
    ]


def _identifier(role: str) -> str:
    return '"' + role.replace('"', '""') + '"'


def check(role: str) -> None:
    """CannotGrant unless this is PostgreSQL, migrated, and the role is one that grants bind."""
    if connection.vendor != "postgresql":
        raise CannotGrant(
            "Roles are PostgreSQL's; on SQLite whoever can write the file can write every table."
        )
    if AuditEvent._meta.db_table not in connection.introspection.table_names():
        raise CannotGrant("The tables are not there yet. Run `manage.py migrate` first.")
    found = _rows("SELECT rolsuper FROM pg_roles WHERE rolname = %s", role)
    if not found:
        raise CannotGrant(
            f"There is no role {role}. Make it first: CREATE ROLE {_identifier(role)} LOGIN"
            " PASSWORD '…';"
        )
    table = AuditEvent._meta.db_table
    owns = "SELECT pg_has_role(%s, relowner, 'MEMBER') FROM pg_class WHERE oid = %s::regclass"
    if found[0][0] or _rows(owns, role, table)[0][0]:
        raise CannotGrant(
            f"The role {role} is a superuser or owns the tables: grants do not bind it. "
            "Let the portal run as another role."
        )
    if not _one(owns.replace("%s,", "current_user,", 1), table):
        raise CannotGrant(
            "Only the owner of the tables can grant. Run this with DATABASE_URL naming it."
        )


def apply(role: str) -> None:
    """Run the statements, in the caller's transaction; CannotGrant as `check` does."""
    check(role)
    with connection.cursor() as cursor:
        for statement in statements(role):
            cursor.execute(statement)


def renew(**_: Any) -> None:
    """Let the run-time roles keep what they had on tables that a migration added."""
    if connection.vendor != "postgresql":
        return
    table = AuditEvent._meta.db_table
    if table not in connection.introspection.table_names():
        return
    holders = _rows(
        "SELECT DISTINCT r.rolname FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r"
        " ON r.oid = a.grantee WHERE c.oid = %s::regclass AND a.privilege_type = 'INSERT'"
        " AND NOT r.rolsuper AND NOT pg_has_role(r.oid, c.relowner, 'MEMBER') ORDER BY 1",
        table,
    )
    for (role,) in holders:
        apply(role)


def _rows(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _one(sql: str, *parameters: Any) -> Any:
    return _rows(sql, *parameters)[0][0]
