"""Many messages, waiting or sent, take no more memory and no more queries than a few."""

import gc
import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecportal import clock
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import deliver, publish

pytestmark = [pytest.mark.once, pytest.mark.slow]

TEXT = "Approve EC-2026-0001 within 15 minutes. " * 100
QUERIES_A_MESSAGE = 9
"""Savepoints and transactions included."""


class Enough(BaseException):
    """The batch was watched for long enough."""


class Nowhere(BaseEmailBackend):
    """Takes mail until it has taken enough."""

    enough = sent = 0

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        type(self).sent += len(email_messages)
        if type(self).sent % 20 == 0:
            gc.collect()  # the interpreter keeps freed tuples for later, which would be counted
        if type(self).sent == type(self).enough:
            raise Enough
        return len(email_messages)


@pytest.fixture(autouse=True)
def _mail_to_nowhere(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Nowhere"


def let_wait(number: int, name: str) -> None:
    """Let so many messages wait, written without the time that each would take alone."""
    now = clock.now()
    rows = (
        Message(
            address="lead@example.test", subject="Approve", text=TEXT, html=TEXT,
            message_id=f"<{name}{place}@example.test>", written_at=now,
        )
        for place in range(number)
    )  # fmt: skip
    Message._base_manager.bulk_create(rows, batch_size=500)


def peak_of(number: int) -> int:
    """Return the most bytes that a batch held at once until it had sent so many."""
    Nowhere.sent, Nowhere.enough = 0, number
    tracemalloc.start()
    try:
        with pytest.raises(Enough):
            deliver()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        Nowhere.enough = 0


def test_batch_over_ten_thousand_holds_as_much_in_memory_as_one_over_a_hundred(db: None) -> None:
    let_wait(100, "few")
    peak_of(10)  # what is loaded once
    few = peak_of(60)
    let_wait(10_000, "many")
    many = peak_of(400)
    assert Message.objects.unsettled().count() > 9_500
    assert many < 2 * few, (few, many)


def queries_for(number: int) -> int:
    for _ in range(number):
        publish("lead@example.test", "Approve", "", "")
    with CaptureQueriesContext(connection) as caught:
        assert deliver() == (number, 0)
    return len(caught)


def test_each_message_takes_as_many_queries_however_many_wait(db: None) -> None:
    few, many = queries_for(5), queries_for(50)
    assert many - few <= 45 * QUERIES_A_MESSAGE


def test_what_waits_is_found_by_its_own_index_however_much_was_sent(db: None) -> None:
    let_wait(3_000, "sent")
    Message.objects.update(sent_at=clock.now())
    let_wait(3, "waiting")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    due = Message.objects.waiting(clock.now()).filter(channel="email", pk__gt=0)
    assert "messages_to_send" in due[:1].explain()
    dead = Message.objects.with_status("given_up")
    assert "dead_letters" in dead.values("pk").explain()
