"""Whatever fails, and in whatever order: no message is lost, and none is written twice."""

import logging
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import protection
from ecportal.outbox.lifecycle import MESSAGES
from ecportal.outbox.models import LEASE, LONGEST_DELAY, DeliveryAttempt, Message
from ecportal.outbox.publishing import deliver, publish, recall, undelivered
from ecportal.outbox.relay import MOST_FAILURES
from tests.faults.mortal import relay
from tests.faults.schedules import (
    ANSWERS,
    SCHEDULES,
    Clock,
    Recall,
    Relay,
    Retry,
    Server,
    Step,
    Write,
)
from tests.scenario import found_company
from tests.smtp import MailServer, mail_server

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
NUMBER = 200
BEGIN = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TIMEOUT = 0.2  # seconds; what hangs longer hangs for good


class World:
    """The outbox, its mail server and its people while one schedule runs."""

    def __init__(self, server: MailServer, pool: ThreadPoolExecutor, lead: User) -> None:
        self.server, self.pool, self.lead = server, pool, lead
        self.now = BEGIN
        self.written: dict[str, str] = {}
        """Subject → Message-ID of every message whose act was committed."""
        self.unwritten: set[str] = set()
        self.told: Counter[int] = Counter()
        self.recalled: dict[int, int] = {}
        """Key → how often a message had been taken when it was recalled."""
        server.received.clear()
        server.answers = {address: list(answers) for address, answers in ANSWERS.items()}
        server.mode, server.at_data = "accept", "250 Taken"

    def listen(self, message: Message, **_: Any) -> None:
        self.told[message.pk] += 1

    def do(self, step: Step) -> None:
        with clock.at(self.now):
            match step:
                case Write():
                    self._write(step)
                case Recall(which):
                    self._recall(which)
                case Retry(which):
                    self._retry(which)
                case Relay():
                    self._relay(step)
                case Server(mode, at_data):
                    self.server.mode, self.server.at_data = mode, at_data
                case Clock(minutes):
                    self.now += timedelta(minutes=minutes)

    def _recall(self, which: int) -> None:
        message = self._pick(Message.objects.unsettled(), which)
        if message is not None and recall(message, self.now):
            message.refresh_from_db()
            self.recalled[message.pk] = message.attempts

    def _retry(self, which: int) -> None:
        dead = Message.objects.with_status("given_up").exclude(address="nowhere")
        message = self._pick(dead, which)
        if message is not None:
            MESSAGES.perform(message, "retry", by=self.lead, reason="Try again.")

    def _relay(self, step: Relay) -> None:
        running = [self.pool.submit(copy_context().run, relay, fate) for fate in step.fates]
        for other in step.meanwhile:
            self.do(other)
        for one in running:
            one.result()

    @staticmethod
    def _pick(messages: Any, which: int) -> Message | None:
        found = list(messages.order_by("pk"))
        return found[which % len(found)] if found else None

    def _write(self, step: Write) -> None:
        begun = {}
        with transaction.atomic():
            for address in step.to:
                subject = f"Message {len(self.written) + len(self.unwritten) + len(begun)}"
                message = publish(address, subject, "", "", thread="EC-1")
                begun[subject] = message.message_id
            transaction.set_rollback(not step.commits)
        if step.commits:
            self.written |= begun
        else:
            self.unwritten |= begun.keys()

    def recover(self) -> None:
        """Mend the server, and let time pass until every message has met its end."""
        self.server.mode, self.server.at_data = "accept", "250 Taken"
        for _ in range(MOST_FAILURES + 2):
            if not Message.objects.unsettled().exists():
                return
            self.now += LONGEST_DELAY + LEASE
            with clock.at(self.now):
                deliver()


def check(world: World) -> Counter[str]:
    """Compare the rows with what the mail server holds; return how many met which end."""
    rows = list(Message.objects.prefetch_related("deliveries"))
    assert {row.subject: row.message_id for row in rows} == world.written
    assert len(rows) == len(world.written), "a message was written twice"
    copies = Counter(str(mail["Subject"]) for mail in world.server.received)
    assert set(copies) <= set(world.written), "what was rolled back was sent"
    for mail in world.server.received:
        assert mail["Message-ID"] == world.written[str(mail["Subject"])]
    ends: Counter[str] = Counter()
    for row in rows:
        check_one(row, copies[row.subject], world)
        ends[str(row.status)] += 1
        ends["twice"] += copies[row.subject] > 1
        ends.update(f"attempt {attempt.result}" for attempt in row.deliveries.all())
    return ends


def check_one(row: Message, copies: int, world: World) -> None:
    results = Counter(str(attempt.result) for attempt in row.deliveries.all())
    assert row.status != "waiting", "a message was lost"
    if row.status == "sent":
        assert copies, "a message was taken for sent"
    if row.attempts == 0:
        assert not copies, "a message was sent that nobody took"
    assert row.attempts == world.recalled.get(row.pk, row.attempts), "a recalled one was taken"
    if row.given_up_at is not None:
        assert world.told[row.pk], "nobody was told of a dead letter"
    # Each attempt is in the ledger, but one whose sender died just before it was recalled.
    unsaid = int(row.taken_at is not None)
    assert row.attempts == results.total() + unsaid
    # Each copy has its attempt: without a fault on the way there is exactly one.
    assert results["sent"] <= copies
    assert copies <= results["sent"] + results["broken"] + results["died"] + unsaid


@pytest.fixture
def server(settings: Any) -> Iterator[MailServer]:
    """A mail server, to which this process sends by relays that may die."""
    logging.getLogger("ecportal.outbox").setLevel(logging.CRITICAL)
    with mail_server() as running:
        for name, value in running.settings.items():
            setattr(settings, name, value)
        settings.EMAIL_BACKEND = "tests.faults.mortal.MortalBackend"
        settings.EMAIL_TIMEOUT = TIMEOUT
        yield running
    logging.getLogger("ecportal.outbox").setLevel(logging.NOTSET)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads for relays that run at once, each with a connection of its own."""
    with ThreadPoolExecutor(3) as running:
        yield running
        for _ in range(9):
            running.submit(connection.close)


def test_nothing_is_lost_or_doubled_in_two_hundred_random_schedules(
    server: MailServer, pool: ThreadPoolExecutor
) -> None:
    lead = found_company().lead
    seen: Counter[str] = Counter()

    @hypothesis_settings(
        max_examples=NUMBER,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(SCHEDULES)
    def run(schedule: list[Step]) -> None:
        with protection.lifted([DeliveryAttempt]):
            for model in (DeliveryAttempt, Message):
                model._base_manager.all()._raw_delete("default")
        world = World(server, pool, lead)
        undelivered.connect(world.listen)
        try:
            for step in schedule:
                world.do(step)
            world.recover()
        finally:
            undelivered.disconnect(world.listen)
        seen.update(check(world))
        seen["schedules"] += 1
        seen["messages"] += len(world.written)

    run()
    print(dict(seen))
    assert seen["schedules"] >= NUMBER
    # The schedules prove nothing if nothing ever fails in them.
    ends = {"sent", "recalled", "given_up", "twice"}
    attempts = {f"attempt {result}" for result in DeliveryAttempt.Result.values}
    assert {name for name in ends | attempts if not seen[name]} == set()
