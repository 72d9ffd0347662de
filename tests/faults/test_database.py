"""A PostgreSQL that crashes between send and commit, and comes back."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from tests.faults.test_worker_and_beat import ids
from tests.postgres import Server, running_server
from tests.processes import celery, eventually
from tests.smtp import MailServer

pytestmark = [pytest.mark.once, pytest.mark.slow]
WRITE = """
import django; django.setup()
from ecportal.outbox.publishing import publish
for name in ("first", "second", "third"): publish(name + "@example.test", "Approve", "", "")
"""


def ask(database: Server, question: str) -> list[tuple[Any, ...]]:
    """Return the rows of the answer, if it has rows."""
    where = {"host": str(database.folder), "user": "postgres", "dbname": "postgres"}
    with psycopg.connect(**where) as connection:
        cursor = connection.execute(question)
        return cursor.fetchall() if cursor.description else []


def run(environment: dict[str, str], *command: str) -> None:
    subprocess.run([sys.executable, *command], cwd=settings.BASE_DIR, env=environment, check=True)


def test_database_that_crashes_between_send_and_commit_costs_no_message(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    with running_server() as database, ExitStack() as stack:
        own = {"DATABASE_URL": database.url, "REDIS_URL": broker, "EMAIL_URL": server.url}
        environment = {**os.environ, "ECPORTAL_ENV": "test", **own,
                       "DJANGO_SETTINGS_MODULE": "ecportal.settings"}  # fmt: skip
        run(environment, "manage.py", "migrate", "--verbosity=0")
        run(environment, "-c", WRITE)
        # As in production: what was committed outlives a crash.
        ask(database, "ALTER DATABASE postgres SET synchronous_commit = on")
        # The first mail is taken; its sender finds no database to write that into.
        server.when_taken = lambda mail: database.stop(signal.SIGQUIT)
        worker = ("worker", "--concurrency=1", "--without-gossip", "--without-mingle")
        beat = ("beat", f"--schedule={tmp_path / 'schedule'}", "--pidfile=")
        running = stack.enter_context(celery(log, *worker, **own))
        stack.enter_context(celery(log, *beat, app_name="tests.faults.impatient", **own))
        assert eventually(lambda: len(server.received) == 1), log.read_text()
        server.when_taken = lambda mail: None
        assert eventually(lambda: b"OperationalError" in log.read_bytes()), log.read_text()
        database.start()
        assert eventually(lambda: len(server.received) == 3), log.read_text()
        ask(database, "UPDATE outbox_message SET taken_at = taken_at - interval '5 minutes'")
        waiting = "SELECT id FROM outbox_message WHERE sent_at IS NULL"
        assert eventually(lambda: len(server.received) == 4 and not ask(database, waiting))
        rows = ask(database, "SELECT message_id FROM outbox_message ORDER BY id")
        attempts = ask(
            database, "SELECT result FROM outbox_deliveryattempt ORDER BY message_id, id"
        )
        assert running.poll() is None, "the worker did not outlive the database"
    (first,), (second,), (third,) = rows
    assert ids(server) == {first: 2, second: 1, third: 1}
    assert [result for (result,) in attempts] == ["died", "sent", "sent", "sent"]
