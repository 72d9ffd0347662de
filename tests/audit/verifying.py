"""What the tests of the verification have in common: its codes, its command, altered rows."""

from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command

from changes.models import EmergencyChange
from ecportal.audit.verification import Report
from tests.audit.mutating import unlocked
from tests.audit.rows import look, sql

HISTORY = "changes_historicalemergencychange"


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.findings}


def newest_row(change: EmergencyChange) -> int:
    ((pk,),) = look(f"SELECT MAX(history_id) FROM {HISTORY} WHERE id = %s", change.pk)
    return int(pk)


def rewrite(table: str, column: str, value: Any, where: str, *parameters: Any) -> None:
    with unlocked(table):
        sql(f"UPDATE {table} SET {column} = %s WHERE {where}", value, *parameters)


def run(*arguments: str) -> tuple[int, str]:
    """Return exit code and output of the command."""
    out = StringIO()
    try:
        call_command("audit_verify", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue()
