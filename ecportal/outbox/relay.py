"""Sends what waits: takes one message at a time, and writes down how each attempt ended."""

import logging
import time
from contextlib import closing
from datetime import datetime, timedelta
from secrets import SystemRandom
from typing import Any, Final

from django.db import transaction
from django.dispatch import Signal

from ecportal import clock
from ecportal.outbox.channels import CHANNELS, Answer
from ecportal.outbox.models import LONGEST_DELAY, DeliveryAttempt, Message

logger = logging.getLogger(__name__)
Result = DeliveryAttempt.Result

FIRST_DELAY: Final = timedelta(minutes=1)
"""After the first failure; doubled with each further one, up to LONGEST_DELAY."""

LONGEST_PROBE: Final = timedelta(minutes=5)
"""The longest time between two attempts while the server is away: deadlines are near."""

MOST_FAILURES: Final = 12
"""So many attempts that failed and the message is given up: about five hours of trying."""

GIVE_UP_AFTER: Final = timedelta(hours=72)
"""Failing for so long, by whatever cause, and it is given up at the next failure: a weekend."""

undelivered = Signal()
"""Sent with `message` inside the transaction in which it is given up, or refused for good.

Sent once for each time that a message is given up. The message's row is locked meanwhile. What a
receiver raises is logged and undoes what the receiver wrote, not the giving up.
"""


def deliver(channel: str = Message.Channel.EMAIL) -> tuple[int, int]:
    """Send what waits for this channel; return how many messages were sent and how many not.

    Any number of these may run at once. Each goes once through what waits, from the oldest on,
    holding one message at a time. A sender that dies between sending and writing it down leaves
    the message to the next one after the lease: it may then arrive twice, with the same
    Message-ID, but is never lost. A channel that nobody added has nothing to send.
    """
    sent = failed = last = 0
    if channel not in CHANNELS:
        return 0, 0
    with closing(CHANNELS[channel]()) as way_out:
        enough = time.monotonic() + way_out.batch_seconds
        while time.monotonic() < enough and (message := take(channel, after=last)) is not None:
            last = message.pk
            answer = way_out.send(message)
            settle(message, answer)
            sent += answer.result == Result.SENT
            failed += answer.result != Result.SENT
            if answer.ends_batch:
                break  # the server is away or hangs: the others would only wait for it as well
    return sent, failed


def take(channel: str = Message.Channel.EMAIL, after: int = 0) -> Message | None:
    """Take the next waiting message for this sender alone, or None when none is left.

    `after` is the key of the last one that this batch took: what failed in a batch is not tried
    again in it, and a batch looks at each row once however many wait.
    """
    while True:
        now = clock.now()
        with transaction.atomic():
            rows = Message.objects.select_for_update(of=("self",), skip_locked=True)
            message = rows.waiting(now).filter(channel=channel, pk__gt=after).first()
            if message is None:
                return None
            after = message.pk
            if message.comes_too_early:
                continue
            if message.taken_at is not None:
                # Its last sender never said how it ended. A message that kills whoever sends it
                # must not do so for ever.
                _note(message, Answer(Result.DIED), now)
            if message.given_up_at is None:
                _write(message, taken_at=now, attempts=message.attempts + 1)
                return message


def settle(message: Message, answer: Answer) -> None:
    """Write down how the attempt ended for which `message` was taken."""
    now = clock.now()
    with transaction.atomic():
        rows = Message.objects.select_for_update(of=("self",))
        current = rows.defer("text", "html").get(pk=message.pk)
        lost_the_lease = current.attempts != message.attempts
        if current.sent_at is not None or (lost_the_lease and answer.result != Result.SENT):
            _add_attempt(current, answer, now)  # somebody else decides what becomes of it
        else:
            _note(current, answer, now)
    if answer.result != Result.SENT:
        words = (message.pk, message.address, answer.in_words)
        logger.warning("Message %s to %s was not sent: %s", *words)


def _note(message: Message, answer: Answer, now: datetime) -> None:
    """Add the attempt, and decide what becomes of the message; its row is locked."""
    _add_attempt(message, answer, now)
    words = answer.in_words[:2000] or str(answer.result.label)
    if answer.result == Result.SENT:
        settled: dict[str, Any] = {"sent_at": now, "given_up_at": None}
        _write(message, answer=words, taken_at=None, **settled)
        return
    since = message.failing_since or now
    failures = message.failures + (answer.result != Result.AWAY)
    _write(message, answer=words, taken_at=None, failing_since=since, failures=failures)
    if message.recalled_at is not None or message.given_up_at is not None:
        return
    hopeless = answer.result == Result.REFUSED or failures >= MOST_FAILURES
    if hopeless or now - since >= GIVE_UP_AFTER:
        _write(message, given_up_at=now, next_attempt_at=None)
        _tell(message)
    elif answer.result != Result.DIED:
        _write(message, next_attempt_at=now + _delay(answer, failures, now - since))


def _tell(message: Message) -> None:
    logger.error("Message %s to %s is given up: %s", message.pk, message.address, message.answer)
    try:
        with transaction.atomic():
            undelivered.send(sender=Message, message=message)
    except Exception:
        # The dead letter is seen by people; that it is one must not hang on who else listens.
        logger.exception("What follows from message %s being given up was not done", message.pk)


def _delay(answer: Answer, failures: int, failing_for: timedelta) -> timedelta:
    """Return how long to wait: doubled each time, and never the same for two messages.

    Not less than the server asked for, where that is no longer than LONGEST_DELAY.
    """
    if answer.result == Result.AWAY:  # which is not counted: as long again as it lasts already
        delay = min(max(failing_for, FIRST_DELAY), LONGEST_PROBE)
    else:
        delay = min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY)
    return max(delay * SystemRandom().uniform(0.5, 1), min(answer.wait, LONGEST_DELAY))


def _add_attempt(message: Message, answer: Answer, now: datetime) -> None:
    DeliveryAttempt.objects.create(
        message=message, at=now, result=answer.result, code=answer.code, answer=answer.text[:2000]
    )


def _write(message: Message, **values: Any) -> None:
    """Write columns of the locked row; no history, which is kept of people's acts alone."""
    Message.objects.filter(pk=message.pk).update(**values)
    for name, value in values.items():
        setattr(message, name, value)
