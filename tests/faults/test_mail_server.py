"""A real worker and a mail server that refuses, hangs, hangs up, and changes its mind."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ecportal.outbox.models import LONGEST_DELAY, DeliveryAttempt, Message
from tests.faults.test_worker_and_beat import ids, time_passes
from tests.letters import results, write
from tests.processes import beat, eventually, worker
from tests.smtp import MailServer

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
HANG = 15.0  # seconds; this worker waits for 2


@contextmanager
def portal(broker: str, server: MailServer, log: Path, tmp_path: Path) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(worker(broker, server, log, app_name="tests.faults.impatient"))
        stack.enter_context(beat(broker, server, log, tmp_path / "schedule"))
        yield


def all_is_settled_in_time() -> bool:
    time_passes(LONGEST_DELAY)
    return not Message.objects.unsettled().exists()


@pytest.mark.parametrize("mode", ["busy", "close", "hang"])
def test_mail_waits_for_a_server_that_is_away(
    broker: str, server: MailServer, log: Path, tmp_path: Path, mode: str
) -> None:
    server.mode = mode
    messages = write("first", "second", "third")
    with portal(broker, server, log, tmp_path):
        assert eventually(DeliveryAttempt.objects.exists, 2 * HANG), log.read_text()
        server.mode = "accept"
        # The worker may be at the next message already, and wait for its hanging connection.
        assert eventually(all_is_settled_in_time, 2 * HANG), log.read_text()
    assert set(DeliveryAttempt.objects.values_list("result", flat=True)) == {"away", "sent"}
    assert ids(server) == {message.message_id: 1 for message in messages}


def test_refused_for_now_and_then_for_good_is_a_dead_letter_beside_mail_that_is_sent(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    server.answers["gone@example.test"] = ["451 Greylisted", "550 No such user"]
    gone, other = write("gone", "lead")
    with portal(broker, server, log, tmp_path):
        assert eventually(lambda: results(gone) == ["deferred"]), log.read_text()
        assert eventually(lambda: results(other) == ["sent"]), log.read_text()
        time_passes(LONGEST_DELAY)
        assert eventually(lambda: results(gone) == ["deferred", "refused"]), log.read_text()
    gone.refresh_from_db()
    assert (gone.status, gone.answer) == ("given_up", "550 No such user")
    assert ids(server) == {other.message_id: 1}


def test_server_that_hangs_up_after_the_text_gets_it_twice_with_one_id(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    server.at_data = "drop"
    [message] = write("lead")
    with portal(broker, server, log, tmp_path):
        assert eventually(lambda: results(message) == ["broken"]), log.read_text()
        server.at_data = "250 Taken"
        time_passes(LONGEST_DELAY)
        assert eventually(lambda: results(message) == ["broken", "sent"]), log.read_text()
    assert ids(server) == {message.message_id: 2}
