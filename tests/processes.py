"""Real Celery processes on the test database, and patience with them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from ecportal.celery import app
from tests.ecportal.test_environment import load
from tests.smtp import MailServer

PATIENCE = 60.0  # seconds, for a machine that is busy

Process = subprocess.Popen[bytes]


def database_url() -> str:
    """Return the URL of the test database, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    server, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    return f"{server}/{quote(name)}"


def eventually(holds: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Wait until it holds, and return whether it did in the end."""
    end = time.monotonic() + patience
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@contextmanager
def running(log: Path, command: list[str], **environment: str) -> Iterator[Process]:
    """Run a Python process of the portal until the block ends, by force if it must."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=settings.BASE_DIR,
            env={**os.environ, "ECPORTAL_ENV": "test", **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                kill(process)


def celery(
    log: Path, *arguments: str, app_name: str = "ecportal", **environment: str
) -> AbstractContextManager[Process]:
    """Run a Celery process until the block ends."""
    command = ["-m", "celery", f"--app={app_name}", *arguments, "--loglevel=INFO"]
    return running(log, command, **environment)


def kill(process: Process) -> None:
    """End the process and its children at once, as a power cut would."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def variables(broker: str, server: MailServer) -> dict[str, str]:
    """Return the environment of a process beside this test."""
    return {"DATABASE_URL": database_url(), "REDIS_URL": broker, "EMAIL_URL": server.url}


@contextmanager
def worker(
    broker: str, server: MailServer, log: Path, app_name: str = "ecportal"
) -> Iterator[Process]:
    """Run a worker on the test database until the block ends."""
    arguments = ("worker", "--concurrency=1", "--without-gossip", "--without-mingle")
    with celery(log, *arguments, app_name=app_name, **variables(broker, server)) as process:
        yield process


@contextmanager
def beat(broker: str, server: MailServer, log: Path, schedule: Path) -> Iterator[Process]:
    """Run a beat that asks each second instead of each minute."""
    arguments = ("beat", f"--schedule={schedule}", "--pidfile=")
    name = "tests.faults.impatient"
    with celery(log, *arguments, app_name=name, **variables(broker, server)) as process:
        yield process


@contextmanager
def publishing_to(url: str) -> Iterator[None]:
    """Have this process publish its tasks there, with the settings of such an installation."""
    with TemporaryDirectory() as folder:
        loaded = load({"ECPORTAL_ENV": "test", "REDIS_URL": url}, Path(folder))
    before = app.conf.broker_url, app.conf.broker_transport_options
    to = loaded["CELERY_BROKER_URL"], loaded["CELERY_BROKER_TRANSPORT_OPTIONS"]
    try:
        app.conf.broker_url, app.conf.broker_transport_options = to
        app.amqp._producer_pool = None  # connects again
        yield
    finally:
        app.conf.broker_url, app.conf.broker_transport_options = before
        app.amqp._producer_pool = None
