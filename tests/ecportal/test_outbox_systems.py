"""Messages to other systems: with the act, in order, apart from mail, no sooner than is asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from ecportal import clock
from ecportal.outbox import publishing
from ecportal.outbox.channels import CHANNELS, Answer
from ecportal.outbox.lifecycle import MESSAGES
from ecportal.outbox.models import LONGEST_DELAY, DeliveryAttempt, Message
from ecportal.outbox.publishing import deliver, newest_of, recall, tell
from ecportal.outbox.relay import FIRST_DELAY
from tests.letters import results, write
from tests.scenario import Company
from tests.smtp import MailServer

Result = DeliveryAttempt.Result
JIRA, PAGERDUTY = Message.Channel.JIRA, Message.Channel.PAGERDUTY
SENT = Answer(Result.SENT)


class Tracker:
    """A channel to an issue tracker that answers as it is told to, and keeps what it took."""

    batch_seconds = 10.0

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answers: dict[str, Answer] = {}
        self.closed = 0

    def send(self, message: Message) -> Answer:
        self.taken.append(message.payload["text"])
        return self.answers.get(message.payload["text"], SENT)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def tracker(monkeypatch: pytest.MonkeyPatch) -> Tracker:
    found = Tracker()
    monkeypatch.setitem(CHANNELS, JIRA, lambda: found)
    return found


def say(text: str, **more: Any) -> Message:
    return tell(JIRA, "OPS", {"text": text}, subject=f"Say {text}", **more)


@pytest.mark.django_db(transaction=True)
def test_message_to_a_system_exists_if_and_only_if_the_transaction_commits() -> None:
    with transaction.atomic():
        say("first")
        transaction.set_rollback(True)
    assert not Message.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_sender_that_is_woken_finds_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[int] = []
    monkeypatch.setattr(publishing, "wake", lambda *_: found.append(Message.objects.count()))
    say("first")
    assert found == [1]


def test_what_is_said_is_sent_once_by_its_own_channel_alone(
    db: None, tracker: Tracker, server: MailServer
) -> None:
    said = say("first", thread="EC-2026-0001")
    write("lead")
    assert deliver() == (1, 0)
    assert tracker.taken == []
    assert deliver(JIRA) == (1, 0)
    assert deliver(JIRA) == (0, 0)
    assert (tracker.taken, tracker.closed) == (["first"], 2)
    said.refresh_from_db()
    assert (said.outcome, said.thread, said.said) == ("Sent", "EC-2026-0001", "text: first")


def test_message_comes_after_the_one_before_it(db: None, tracker: Tracker) -> None:
    tracker.answers["first"] = Answer(Result.DEFERRED, "Not now", 429)
    first = say("first", thread="EC-2026-0001")
    say("second", after=newest_of("EC-2026-0001", JIRA))
    say("other")
    assert deliver(JIRA) == (1, 1)
    assert tracker.taken == ["first", "other"]
    tracker.answers.clear()
    with clock.at(clock.now() + FIRST_DELAY):
        assert deliver(JIRA) == (2, 0)
    assert tracker.taken == ["first", "other", "first", "second"]
    assert results(first) == ["deferred", "sent"]


@pytest.mark.parametrize("settle", ["recall", "give up"])
def test_message_does_not_wait_for_one_that_is_never_sent(
    db: None, tracker: Tracker, settle: str
) -> None:
    first = say("first")
    say("second", after=first)
    if settle == "recall":
        recall(first, clock.now())
    else:
        tracker.answers["first"] = Answer(Result.REFUSED, "No such project", 404)
    deliver(JIRA)
    assert tracker.taken[-1:] == ["second"]


@pytest.mark.parametrize(
    ("asked", "least"),
    [
        (timedelta(minutes=20), timedelta(minutes=20)),
        (timedelta(days=9), LONGEST_DELAY),
        (timedelta(seconds=1), FIRST_DELAY / 2),
    ],
)
def test_server_that_asks_for_time_is_given_it_up_to_an_hour(
    db: None, tracker: Tracker, asked: timedelta, least: timedelta
) -> None:
    tracker.answers["first"] = Answer(Result.DEFERRED, "Too many", 429, wait=asked)
    first = say("first")
    with clock.at(clock.now()):
        deliver(JIRA)
        first.refresh_from_db()
        assert first.next_attempt_at is not None
        assert least <= first.next_attempt_at - clock.now() <= max(least, FIRST_DELAY)
        assert deliver(JIRA) == (0, 0)


def test_batch_of_a_channel_ends_when_its_time_is_over(db: None, tracker: Tracker) -> None:
    tracker.batch_seconds = 0.0
    say("first")
    assert deliver(JIRA) == (0, 0)
    assert tracker.closed == 1


def test_message_for_a_channel_that_nobody_added_waits(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(CHANNELS, JIRA, raising=False)
    said = say("first")
    assert deliver(JIRA) == (0, 0)
    said.refresh_from_db()
    assert said.status == "waiting"


def test_dead_letter_to_a_system_is_retried_though_its_address_is_no_mail_address(
    company: Company, tracker: Tracker, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    tracker.answers["first"] = Answer(Result.REFUSED, "No such project", 404)
    said = say("first")
    deliver(JIRA)
    said.refresh_from_db()
    assert said.status == "given_up"
    tracker.answers.clear()
    MESSAGES.perform(said, "retry", by=company.lead, reason="The project was made.")
    assert deliver(JIRA) == (1, 0)


def test_newest_of_a_thread_is_of_its_channel_and_address(db: None) -> None:
    say("first", thread="EC-2026-0001")
    here = say("second", thread="EC-2026-0001")
    tell(PAGERDUTY, "P1", {}, subject="Note", thread="EC-2026-0001")
    say("third", thread="EC-2026-0002")
    assert newest_of("EC-2026-0001", JIRA) == here
    assert newest_of("EC-2026-0001", JIRA, "OPS") == here
    assert newest_of("EC-2026-0001", JIRA, "WEB") is None


def test_address_that_is_too_long_and_thread_that_is_none_are_refused(db: None) -> None:
    with pytest.raises(ValueError, match="characters at most"):
        tell(JIRA, "O" * 255, {}, subject="Say")
    with pytest.raises(ValueError, match="is no thread"):
        say("first", thread="EC 1")


def test_each_channel_is_delivered_by_a_task_of_its_own(settings: Any) -> None:
    task = "ecportal.outbox.tasks.deliver_messages"
    asked = [one["args"] for one in settings.CELERY_BEAT_SCHEDULE.values() if one["task"] == task]
    assert sorted(asked) == sorted([channel] for channel in Message.Channel.values)
