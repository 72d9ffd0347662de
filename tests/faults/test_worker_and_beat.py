"""Real workers and beats: killed, doubled, without broker, behind a clock that was set back."""

import shelve
from collections import Counter
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F

from ecportal import clock
from ecportal.celery import app
from ecportal.outbox.models import LEASE, DeliveryAttempt, Message
from ecportal.outbox.publishing import recall
from reviews.models import Escalation, Notice
from tests.letters import results, write
from tests.processes import beat, eventually, kill, worker
from tests.redis_server import restartable_redis
from tests.scenario import a_change, found_company
from tests.smtp import MailServer

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
LONG = 60.0  # seconds; a worker that lost its broker looks for it at growing intervals


def time_passes(length: timedelta) -> None:
    """Move what the rows say about time into the past, as if so much of it had passed."""
    Message.objects.update(
        taken_at=F("taken_at") - length, next_attempt_at=F("next_attempt_at") - length
    )


def ids(server: MailServer) -> Counter[str]:
    return Counter(str(mail["Message-ID"]) for mail in server.received)


def test_worker_killed_between_send_and_commit_leaves_the_message_to_the_next(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    first, second = write("lead", "lead2")
    with ExitStack() as stack:
        doomed = stack.enter_context(worker(broker, server, log))
        stack.enter_context(beat(broker, server, log, tmp_path / "schedule"))
        # The server has taken the mail; the worker dies before it hears so.
        server.when_taken = lambda mail: kill(doomed)
        assert eventually(lambda: doomed.poll() is not None), log.read_text()
        server.when_taken = lambda mail: None
        assert (results(first), len(server.received)) == ([], 1)
        stack.enter_context(worker(broker, server, log))
        assert eventually(lambda: len(server.received) == 2), log.read_text()
        first.refresh_from_db()
        assert first.status == "waiting"  # in the hands of the dead, until its lease is over
        time_passes(LEASE)
        assert eventually(lambda: len(server.received) == 3), log.read_text()
        assert eventually(lambda: not Message.objects.unsettled().exists())
    assert ids(server) == {first.message_id: 2, second.message_id: 1}
    assert (results(first), results(second)) == (["died", "sent"], ["sent"])
    assert Message.objects.count() == 2


def test_recalled_message_of_a_killed_worker_is_not_sent_again(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    [message] = write("lead")
    with ExitStack() as stack:
        doomed = stack.enter_context(worker(broker, server, log))
        stack.enter_context(beat(broker, server, log, tmp_path / "schedule"))
        server.when_taken = lambda mail: kill(doomed)
        assert eventually(lambda: doomed.poll() is not None), log.read_text()
        server.when_taken = lambda mail: None
        recall(message, clock.now())
        time_passes(LEASE)
        [other] = write("lead2")
        stack.enter_context(worker(broker, server, log))
        assert eventually(lambda: ids(server)[other.message_id] == 1), log.read_text()
    assert ids(server) == {message.message_id: 1, other.message_id: 1}


def test_broker_stopped_and_emptied_delays_mail_and_loses_none(
    server: MailServer, log: Path, tmp_path: Path
) -> None:
    with restartable_redis() as redis, ExitStack() as stack:
        stack.enter_context(worker(redis.url, server, log))
        stack.enter_context(beat(redis.url, server, log, tmp_path / "schedule"))
        [before] = write("before")
        assert eventually(lambda: len(server.received) == 1), log.read_text()
        # What beat asked for at its start is done, or the worker would still have it in hand.
        begun = len(app.conf.beat_schedule)
        assert eventually(lambda: log.read_bytes().count(b"succeeded") >= begun), log.read_text()
        redis.stop()
        meanwhile = write(*(f"lead{n}" for n in range(5)))
        assert not eventually(lambda: len(server.received) > 1, patience=3)
        redis.start()
        assert eventually(lambda: len(server.received) == 6, LONG), log.read_text()
        assert eventually(lambda: not Message.objects.unsettled().exists())
    assert ids(server) == {message.message_id: 1 for message in (before, *meanwhile)}


def test_two_beats_and_two_workers_write_and_send_each_once(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    company = found_company()
    changes = [a_change(company, "submitted", title=f"Roll back {n}") for n in range(3)]
    written = write(*(f"lead{n}" for n in range(40)))
    with ExitStack() as stack:
        for name in ("one", "two"):
            stack.enter_context(worker(broker, server, log))
            stack.enter_context(beat(broker, server, log, tmp_path / name))
        assert eventually(lambda: len(server.received) >= 41), log.read_text()
        assert eventually(lambda: not Message.objects.unsettled().exists())
        runs = log.read_bytes().count(b"succeeded")
        assert eventually(lambda: log.read_bytes().count(b"succeeded") >= runs + 8)
    assert Escalation.objects.count() == len(changes)
    assert Notice.objects.count() == len(changes)
    messages = set(Message.objects.values_list("message_id", flat=True))
    assert {message.message_id for message in written} < messages
    assert ids(server) == dict.fromkeys(messages, 1)
    assert DeliveryAttempt.objects.count() == len(messages)


def test_clock_set_back_stops_neither_beat_nor_mail(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    schedule = tmp_path / "schedule"
    with beat(broker, server, log, schedule):
        assert eventually(lambda: b"Sending due task" in log.read_bytes()), log.read_text()
    ahead = timedelta(hours=9)
    with shelve.open(str(schedule), writeback=True) as kept:
        for entry in kept["entries"].values():
            entry.last_run_at += ahead
    [message] = write("lead")
    time_passes(-ahead)
    Message.objects.update(next_attempt_at=clock.now() + ahead, taken_at=clock.now() + ahead)
    log.write_bytes(b"")
    with worker(broker, server, log), beat(broker, server, log, schedule):
        assert eventually(lambda: len(server.received) == 1), log.read_text()
        # The worker looks by itself when it starts, and may be faster than beat.
        assert eventually(lambda: b"Sending due task" in log.read_bytes()), log.read_text()
    assert ids(server) == {message.message_id: 1}


def test_start_after_a_day_of_downtime_brings_one_digest_a_person(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    company = found_company()
    with clock.at(clock.now() - timedelta(hours=24)):
        for number in range(3):
            a_change(company, "submitted", title=f"Roll back {number}")
    with worker(broker, server, log), beat(broker, server, log, tmp_path / "schedule"):
        assert eventually(lambda: bool(server.received)), log.read_text()
        runs = log.read_bytes().count(b"succeeded")
        assert eventually(lambda: log.read_bytes().count(b"succeeded") >= runs + 4)
    assert Escalation.objects.count() > 3
    told = Counter(str(mail["To"]) for mail in server.received)
    assert told["lead@example.test"] == 1
    assert set(told.values()) == {1}


def test_person_without_address_is_in_the_ledger_and_holds_nobody_up(
    broker: str, server: MailServer, log: Path, tmp_path: Path
) -> None:
    company = found_company()
    company.lead.email = ""
    company.lead.save()
    a_change(company, "submitted")
    [message] = write("lead2")
    with worker(broker, server, log), beat(broker, server, log, tmp_path / "schedule"):
        assert eventually(Notice.objects.exists), log.read_text()
        assert eventually(lambda: ids(server)[message.message_id] == 1), log.read_text()
        assert eventually(lambda: len(server.received) == 2), log.read_text()
    notice, instead = Notice.objects.order_by("pk")
    assert (notice.person, notice.message, notice.result) == (
        company.lead,
        None,
        "No e-mail address",
    )
    assert instead.person == company.lead2
