"""A real worker behind a real broker: what is committed is told at once, and survives a kill."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from ecportal.celery import app
from ecportal.outbox.models import Message
from reviews.models import Deadline, Escalation
from reviews.tasks import sweep_deadlines
from tests.ecportal.test_environment import load
from tests.redis_server import redis_server
from tests.scenario import a_change, found_company
from tests.smtp import MailServer, mail_server

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PATIENCE = 60.0  # seconds, for a machine that is busy


def database_url() -> str:
    """Return the URL of the test database, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    server, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    return f"{server}/{quote(name)}"


def eventually(holds: Callable[[], bool]) -> bool:
    """Wait until it holds, and return whether it did in the end."""
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@contextmanager
def worker(broker: str, server: MailServer, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a worker on the test database until the block ends, by force if it must."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "--app=ecportal", "worker", "--concurrency=1",
             "--loglevel=INFO", "--without-gossip", "--without-mingle"],
            cwd=settings.BASE_DIR,
            env={**os.environ, "ECPORTAL_ENV": "test", "DATABASE_URL": database_url(),
                 "REDIS_URL": broker, "EMAIL_URL": server.url},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


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


@pytest.fixture
def broker() -> Iterator[str]:
    """A Redis of this test alone, to which this process publishes too."""
    with redis_server() as url, publishing_to(url):
        yield url


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


def submit() -> str:
    return a_change(found_company(), "submitted").number


def test_committed_change_wakes_the_worker_which_sends_the_mail(
    broker: str, server: MailServer, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    with worker(broker, server, log):
        assert eventually(lambda: b" ready." in log.read_bytes()), log.read_text()
        number, begin = submit(), time.monotonic()
        assert eventually(lambda: bool(server.received)), log.read_text()
        assert time.monotonic() - begin < PATIENCE / 2
    [mail] = server.received
    assert mail["To"] == "lead@example.test"
    assert f"Approve or reject {number}" in mail["Subject"]
    assert Message.objects.get().outcome == "Sent"


def test_change_committed_while_no_worker_runs_is_told_when_one_starts(
    broker: str, server: MailServer, tmp_path: Path
) -> None:
    submit()
    log = tmp_path / "worker.log"
    with worker(broker, server, log):
        assert eventually(lambda: bool(server.received)), log.read_text()
    assert len(server.received) == 1


def test_worker_killed_while_it_sends_loses_nothing(
    broker: str, server: MailServer, tmp_path: Path
) -> None:
    server.mode = "hang"
    submit()
    log = tmp_path / "worker.log"
    with worker(broker, server, log) as process:
        assert eventually(lambda: server.connections > 0), log.read_text()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    message = Message.objects.get()
    assert (message.attempts, message.sent_at) == (1, None)
    assert Escalation.objects.count() == 1
    server.mode = "accept"
    message.taken_at = None  # as if the lease were over
    message.save()
    with worker(broker, server, log):
        sweep_deadlines.delay()  # what beat sends each minute
        assert eventually(lambda: bool(server.received)), log.read_text()
    assert [mail["Message-ID"] for mail in server.received] == [message.message_id]
    assert Escalation.objects.count() == 1


def test_act_is_committed_at_once_though_the_broker_is_gone(tmp_path: Path) -> None:
    with publishing_to(f"unix://{tmp_path}/nobody.sock"):
        begin = time.monotonic()
        submit()
        assert time.monotonic() - begin < 3
    assert Deadline.objects.count() == 1
