"""A real worker behind a real broker: what is committed is told at once, and survives a kill."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecportal.outbox.models import Message
from reviews.models import Deadline, Escalation
from reviews.tasks import sweep_deadlines
from tests.processes import PATIENCE, eventually, kill, publishing_to, worker
from tests.redis_server import redis_server
from tests.scenario import a_change, found_company
from tests.smtp import MailServer, mail_server

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


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
        # The server has it a moment before the worker writes down that it has.
        assert eventually(lambda: Message.objects.get().outcome == "Sent")
    [mail] = server.received
    assert mail["To"] == "lead@example.test"
    assert f"Approve {number}: " in mail["Subject"]


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
        kill(process)
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
