"""The sealer as a process: it seals at once, waits out what is away, and ends cleanly."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from ecportal.audit import notes, sealer
from ecportal.audit.counts import unsealed_count
from ecportal.audit.models import AuditEvent
from tests.audit.rows import sql
from tests.audit.sealing import happen, lose_the_state
from tests.processes import database_url

pytestmark = pytest.mark.django_db


OUTPUT = "output.txt"


@contextmanager
def process(tmp_path: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the sealer as a service does, on the test's own database and key; its words in OUTPUT."""
    environment = {
        **os.environ,
        "ECPORTAL_VAR": str(settings.VAR_DIR),
        "DATABASE_URL": database_url(),
        "AUDIT_SIGNING_KEY": str(settings.AUDIT_SIGNING_KEY),
        "AUDIT_CHECKPOINT_FILE": str(settings.AUDIT_CHECKPOINT_FILE),
    }
    command = [sys.executable, "manage.py", "audit_seal", *arguments]
    with (tmp_path / OUTPUT).open("wb") as output:
        streams: dict[str, Any] = {"stdout": output, "stderr": subprocess.STDOUT}
        started = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, **streams)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def until(holds: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait until it holds; return how long that took."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() - begin < seconds
        time.sleep(0.02)
    return time.monotonic() - begin


def beats() -> int:
    return AuditEvent.objects.filter(kind="seal").count()


def all_is_sealed() -> bool:
    return unsealed_count() == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_loop_seals_at_once_and_ends_cleanly(log_key: notes.Signer, tmp_path: Path) -> None:
    happen(3)
    with process(tmp_path, "--loop", "1") as started:
        until(lambda: beats() == 1 and all_is_sealed())
        happen()
        assert until(all_is_sealed) < 3
        started.send_signal(signal.SIGTERM)
        assert started.wait(10) == 0
    assert (tmp_path / OUTPUT).read_text() == "The sealer has stopped.\n"
    assert sealer.seal(full=True).count == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_loop_outlives_a_database_that_is_away(log_key: notes.Signer, tmp_path: Path) -> None:
    gone, back = "audit_auditevent", "elsewhere"
    outages = 1 + (connection.vendor == "postgresql")

    def said(words: str) -> int:
        return (tmp_path / OUTPUT).read_text().count(words)

    with process(tmp_path, "--loop", "0.1") as started:
        until(lambda: beats() == 1 and all_is_sealed())
        if connection.vendor == "postgresql":
            sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            until(lambda: said("The sealer goes on.") == 1)
        sql(f"ALTER TABLE {gone} RENAME TO {back}")
        until(lambda: said("The sealer waits: ") == outages)
        sql(f"ALTER TABLE {back} RENAME TO {gone}")
        happen()
        until(all_is_sealed)
        until(lambda: said("The sealer goes on.") == outages)
        started.send_signal(signal.SIGINT)
        assert started.wait(10) == 0
    assert said("The sealer waits: ") == outages
    assert said("Traceback") == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_loop_that_will_not_sign_ends_with_the_sentence(
    log_key: notes.Signer, tmp_path: Path
) -> None:
    happen(3)
    sealer.seal()
    lose_the_state()
    with process(tmp_path, "--loop", "1") as started:
        assert started.wait(30) == 1
    output = (tmp_path / OUTPUT).read_text()
    assert output.startswith("CommandError: The log has leaves, but ")
    assert output.count("\n") == 1
    assert beats() == 0


@pytest.mark.parametrize("seconds", ["0", "nan", "-1"])
def test_loop_without_a_pause_is_refused(log_key: notes.Signer, seconds: str) -> None:
    with pytest.raises(CommandError, match=r"from 0\.05 on"):
        call_command("audit_seal", f"--loop={seconds}")
