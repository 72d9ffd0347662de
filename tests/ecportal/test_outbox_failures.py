"""What becomes of a message that cannot be sent now, or not at all."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.dispatch import Signal

from ecportal import clock
from ecportal.lifecycle import TransitionRefused
from ecportal.outbox import relay
from ecportal.outbox.lifecycle import MESSAGES
from ecportal.outbox.models import LEASE, LONGEST_DELAY, DeliveryAttempt, Message
from ecportal.outbox.publishing import deliver, publish, recall, undelivered
from ecportal.outbox.relay import FIRST_DELAY, GIVE_UP_AFTER, LONGEST_PROBE, MOST_FAILURES, take
from tests.letters import deliver_after, deliver_after_the_lease, results, write
from tests.scenario import Company
from tests.smtp import MailServer

AWAY = ["close", "hang", "busy", "stopped"]
SECOND = timedelta(seconds=1)


@pytest.fixture
def heard() -> Iterator[list[Message]]:
    """The messages of which the portal was told that they reached nobody."""
    messages: list[Message] = []

    def listen(message: Message, **_: Any) -> None:
        messages.append(message)

    undelivered.connect(listen)
    yield messages
    undelivered.disconnect(listen)


def again(message: Message) -> tuple[int, int]:
    """Deliver at the moment of the next attempt."""
    message.refresh_from_db()
    assert message.next_attempt_at is not None
    with clock.at(message.next_attempt_at):
        return deliver()


def test_recipient_refused_for_good_is_given_up_at_once_and_the_others_are_sent(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    server.answers["gone@example.test"] = "550 5.1.1 No such user"
    _first, gone, _last = write("first", "gone", "last")
    assert deliver() == (2, 1)
    assert [mail["To"] for mail in server.received] == ["first@example.test", "last@example.test"]
    gone.refresh_from_db()
    assert (gone.status, gone.outcome) == (
        "given_up",
        "Given up after 1 attempt: 550 5.1.1 No such user",
    )
    assert heard == [gone]
    [attempt] = gone.deliveries.all()
    assert (attempt.result, attempt.in_words) == ("refused", "550 5.1.1 No such user")
    server.answers.clear()
    assert deliver_after(timedelta(days=9)) == (0, 0)


def test_recipient_refused_for_now_is_tried_again_later(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    server.answers["full@example.test"] = ["450 Mailbox busy", "452 Mailbox full", "250 OK"]
    _first, full, _last = write("first", "full", "last")
    assert deliver() == (2, 1)
    full.refresh_from_db()
    assert full.outcome == "Not sent after 1 attempt: 450 Mailbox busy"
    assert deliver() == (0, 0)
    assert again(full) == (0, 1)
    assert again(full) == (1, 0)
    full.refresh_from_db()
    assert (full.outcome, full.attempts, heard) == ("Sent", 3, [])
    assert results(full) == ["deferred", "deferred", "sent"]


def test_refused_for_now_and_then_for_good_is_given_up(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    server.answers["gone@example.test"] = ["450 Greylisted", "550 No such user"]
    [gone] = write("gone")
    deliver()
    assert heard == []
    assert again(gone) == (0, 1)
    assert heard == [gone]
    assert results(gone) == ["deferred", "refused"]


@pytest.mark.parametrize(
    ("reply", "status"), [("451 Not now", "waiting"), ("554 Spam", "given_up")]
)
def test_refused_text_is_treated_as_a_refused_recipient(
    db: None, server: MailServer, reply: str, status: str
) -> None:
    server.at_data = reply
    first, second = write("first", "second")
    assert deliver() == (0, 2)
    for message in (first, second):
        message.refresh_from_db()
        assert (message.status, message.answer) == (status, reply)


@pytest.mark.parametrize("address", ["a@b@c", "a@example.test\nBcc: b@example.test", "", " "])
def test_address_that_is_none_is_given_up_and_the_others_are_sent(
    db: None, server: MailServer, heard: list[Message], address: str
) -> None:
    wrong = publish(address, "Approve", "", "")
    write("lead")
    assert deliver() == (1, 1)
    assert [mail["X-Recipients"] for mail in server.received] == ["lead@example.test"]
    wrong.refresh_from_db()
    assert wrong.status == "given_up"
    assert wrong.answer
    assert heard == [wrong]


# --- the server is away -------------------------------------------------------------------------
@pytest.mark.parametrize("mode", AWAY)
def test_server_that_is_away_loses_nothing_and_is_asked_once(
    db: None, server: MailServer, settings: Any, mode: str
) -> None:
    written = write("first", "second", "third")
    server.mode = mode
    if mode == "stopped":
        settings.EMAIL_PORT = 1  # nobody listens there
    assert deliver() == (0, 1)
    assert server.connections <= 1
    assert Message.objects.filter(sent_at=None).count() == 3
    assert DeliveryAttempt.objects.get().result == "away"
    assert Message.objects.filter(failures=0).count() == 3
    server.mode, settings.EMAIL_PORT = "accept", server.port
    assert deliver() == (2, 0)
    assert deliver_after(LONGEST_PROBE) == (1, 0)
    assert deliver_after_the_lease() == (0, 0)
    assert sorted(mail["Message-ID"] for mail in server.received) == sorted(
        message.message_id for message in written
    )


@pytest.mark.parametrize("at_data", ["drop", "stall"])
def test_connection_that_breaks_off_after_the_text_may_send_it_twice_with_one_id(
    db: None, server: MailServer, at_data: str
) -> None:
    first, second = write("first", "second")
    server.at_data = at_data
    assert deliver() == (0, 1)
    server.at_data = "250 Taken"
    assert deliver() == (1, 0)
    assert again(first) == (1, 0)
    ids = [mail["Message-ID"] for mail in server.received]
    assert ids == [first.message_id, second.message_id, first.message_id]
    assert results(first) == ["broken", "sent"]
    first.refresh_from_db()
    assert first.failures == 1


def test_server_that_will_not_hear_the_portal_is_not_asked_for_each_message(
    db: None, server: MailServer
) -> None:
    server.sender_answer = "530 Authenticate first"
    write("first", "second")
    assert deliver() == (0, 1)
    assert Message.objects.filter(attempts=0).count() == 1
    assert DeliveryAttempt.objects.get().in_words == "530 Authenticate first"


def test_server_away_for_a_weekend_costs_no_message(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    [message] = write("lead")
    server.mode = "busy"
    begin = clock.now()
    moment, tries = begin, 0
    while moment < begin + GIVE_UP_AFTER - LONGEST_PROBE:
        with clock.at(moment):
            assert deliver() == (0, 1)
        message.refresh_from_db()
        assert message.next_attempt_at is not None
        assert timedelta(0) < message.next_attempt_at - moment <= LONGEST_PROBE
        moment, tries = message.next_attempt_at, tries + 1
    assert tries > GIVE_UP_AFTER / LONGEST_PROBE
    assert (message.failures, heard) == (0, [])
    server.mode = "accept"
    with clock.at(moment):
        assert deliver() == (1, 0)


def test_server_away_for_longer_gives_up_what_was_tried(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    message, untried = write("first", "second")
    server.mode = "close"
    deliver()
    message.refresh_from_db()
    assert deliver_after(GIVE_UP_AFTER + SECOND) == (0, 1)
    message.refresh_from_db()
    untried.refresh_from_db()
    assert (message.status, untried.status, heard) == ("given_up", "waiting", [message])


def test_time_for_which_the_portal_itself_was_off_gives_nothing_up(
    db: None, server: MailServer
) -> None:
    [message] = write("lead")
    server.answers["lead@example.test"] = "450 Greylisted"
    assert deliver_after(GIVE_UP_AFTER * 3) == (0, 1)
    message.refresh_from_db()
    assert message.status == "waiting"


# --- later and later, and then no more ----------------------------------------------------------
def waits_until_given_up(message: Message) -> Iterator[timedelta]:
    """Yield how long each next attempt is put off, delivering each time."""
    moment: datetime = clock.now()
    while True:
        with clock.at(moment):
            assert deliver() == (0, 1)
        message.refresh_from_db()
        if message.next_attempt_at is None:
            return
        yield message.next_attempt_at - moment
        moment = message.next_attempt_at


def test_delays_double_up_to_a_limit_and_then_it_is_given_up(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    server.answers["full@example.test"] = "452 Mailbox full"
    [message] = write("full")
    waits = list(waits_until_given_up(message))
    assert len(waits) == MOST_FAILURES - 1
    for number, wait in enumerate(waits):
        longest = min(FIRST_DELAY * 2**number, LONGEST_DELAY)
        assert longest / 2 <= wait <= longest
    assert heard == [message]
    assert message.outcome == f"Given up after {MOST_FAILURES} attempts: 452 Mailbox full"
    assert deliver_after(GIVE_UP_AFTER) == (0, 0)


def test_messages_that_failed_together_are_not_tried_again_together(
    db: None, server: MailServer
) -> None:
    server.at_data = "451 Not now"
    write(*(f"lead{n}" for n in range(10)))
    assert deliver() == (0, 10)
    assert len(set(Message.objects.values_list("next_attempt_at", flat=True))) == 10


def test_message_that_kills_its_senders_is_given_up_too(
    db: None, server: MailServer, heard: list[Message]
) -> None:
    [message] = write("poison")
    moment = clock.now()
    for _ in range(MOST_FAILURES):
        with clock.at(moment):
            assert take() == message
        moment += LEASE
    with clock.at(moment):
        assert take() is None
    message.refresh_from_db()
    assert (message.status, heard) == ("given_up", [message])
    assert results(message) == ["died"] * MOST_FAILURES


def test_clock_set_back_holds_no_message_up(db: None, server: MailServer) -> None:
    failed, taken = write("failed", "taken")
    now = clock.now()
    server.at_data = "451 Not now"
    with clock.at(now + timedelta(days=30)):
        deliver()
        Message.objects.filter(pk=taken.pk).update(taken_at=clock.now(), next_attempt_at=None)
    server.at_data = "250 Taken"
    with clock.at(now):
        assert deliver() == (2, 0)
    failed.refresh_from_db()
    assert failed.status == "sent"


# --- who is told --------------------------------------------------------------------------------
def raises(message: Message, **_: Any) -> None:
    write("colleague")
    raise LookupError("There is no next rung.")


def breaks_a_constraint(message: Message, **_: Any) -> None:
    Message.objects.filter(pk=message.pk).update(message_id=None)


@pytest.mark.parametrize("listener", [raises, breaks_a_constraint])
def test_listener_that_fails_undoes_its_own_work_alone(
    db: None, server: MailServer, listener: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    server.answers["gone@example.test"] = "550 No such user"
    [gone] = write("gone")
    undelivered.connect(listener)
    try:
        assert deliver() == (0, 1)
    finally:
        undelivered.disconnect(listener)
    gone.refresh_from_db()
    assert (gone.status, Message.objects.count()) == ("given_up", 1)
    assert "was not done" in caplog.text


def test_listener_writes_in_the_transaction_of_the_giving_up(db: None, server: MailServer) -> None:
    server.answers["gone@example.test"] = "550 No such user"
    [_gone] = write("gone")

    def tell_the_next(message: Message, **_: Any) -> None:
        assert transaction.get_connection().in_atomic_block
        write("next", thread="EC-2026-0001")

    undelivered.connect(tell_the_next)
    try:
        assert deliver() == (1, 1)  # the next one is told in the same batch
    finally:
        undelivered.disconnect(tell_the_next)
    assert [mail["To"] for mail in server.received] == ["next@example.test"]


def test_signal_is_the_one_that_publishing_names() -> None:
    assert isinstance(undelivered, Signal)
    assert undelivered is relay.undelivered


# --- sent again by a person ---------------------------------------------------------------------
def a_dead_letter(server: MailServer) -> Message:
    server.answers["gone@example.test"] = "550 No such user"
    [gone] = write("gone")
    deliver()
    gone.refresh_from_db()
    return gone


def test_dead_letter_that_is_retried_is_sent_with_the_same_id(
    company: Company, server: MailServer
) -> None:
    gone = a_dead_letter(server)
    server.answers.clear()
    MESSAGES.perform(gone, "retry", by=company.lead, reason="The mailbox was made.")
    assert gone.status == "waiting"
    assert deliver() == (1, 0)
    gone.refresh_from_db()
    assert (gone.outcome, gone.attempts, results(gone)) == ("Sent", 2, ["refused", "sent"])
    assert server.received[0]["Message-ID"] == gone.message_id
    act, _written = gone.history.all()
    assert (act.history_verb, act.history_user_id) == ("retry", company.lead.pk)
    assert act.history_change_reason == "The mailbox was made."


def test_retried_message_is_given_up_no_earlier_than_a_new_one(
    company: Company, server: MailServer
) -> None:
    server.answers["full@example.test"] = "452 Mailbox full"
    [message] = write("full")
    for _ in waits_until_given_up(message):
        pass
    MESSAGES.perform(message, "retry", by=company.roleadmin, reason="There is room again.")
    assert len(list(waits_until_given_up(message))) == MOST_FAILURES - 1


def test_dead_letter_to_no_address_is_not_retried(company: Company, server: MailServer) -> None:
    wrong = publish("a@b@c", "Approve", "", "")
    deliver()
    with pytest.raises(TransitionRefused, match="is no e-mail address"):
        MESSAGES.perform(wrong, "retry", by=company.lead, reason="Please.")
    wrong.address = "a@example.test"
    wrong.save()
    MESSAGES.perform(wrong, "retry", by=company.lead, reason="The address was mended.")


def test_only_dead_letters_are_retried(company: Company, server: MailServer) -> None:
    gone = a_dead_letter(server)
    sent, recalled, waiting = write("sent", "recalled", "waiting")
    Message.objects.filter(pk=sent.pk).update(sent_at=clock.now())
    recall(recalled, clock.now())
    recall(gone, clock.now())
    for message in (gone, sent, recalled, waiting):
        with pytest.raises(TransitionRefused, match="is possible only while"):
            MESSAGES.perform(message, "retry", by=company.lead, reason="Please.")


def test_message_with_deliveries_stays(db: None, server: MailServer) -> None:
    gone = a_dead_letter(server)
    with pytest.raises(IntegrityError), transaction.atomic():
        gone.delete()
