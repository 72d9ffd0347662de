"""Works on what was delivered: each delivery once, with its effect in one transaction."""

import logging
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.db import transaction
from django.utils.datastructures import CaseInsensitiveMapping

from ecportal import clock
from ecportal.audit import context
from ecportal.integrations import hearing
from ecportal.integrations.facts import Fact
from ecportal.integrations.models import MOST_ATTEMPTS, Delivery
from ecportal.integrations.readers import READERS
from ecportal.integrations.reading import Malformed, Unreadable, clean, decode, payload_in
from ecportal.lifecycle import TransitionRefused

logger = logging.getLogger(__name__)
Outcome = Delivery.Outcome

BATCH_SECONDS: Final = 240.0
"""After so long a batch ends by itself, far from the time limit that would kill its worker."""


def work_off() -> int:
    """Work on what waits, in the order of the senders' clocks; return how many were worked on.

    Any number of these may run at once: a delivery is in the hands of one. What was too early
    for its object has its turn again in the same batch, what failed has it in a later one.
    """
    enough, count, failed = time.monotonic() + BATCH_SECONDS, 0, set[int]()
    while time.monotonic() < enough and _work_on_next(failed):
        count += 1
    return count


def _work_on_next(failed: set[int]) -> bool:
    """Work on the first that waits and that nobody holds; return whether there was one."""
    delivery = None
    try:
        with transaction.atomic():
            rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True)
            delivery = rows.waiting(clock.now()).exclude(pk__in=failed).first()
            if delivery is not None:
                _settle(delivery, *_effect(delivery))
    except Exception as error:  # whatever it is, the next delivery has its turn
        if delivery is None:
            raise
        logger.exception("Delivery %s failed", delivery.pk)
        failed.add(delivery.pk)
        _fail(delivery, error)
    return delivery is not None


def _effect(delivery: Delivery) -> tuple[str, str]:
    """Tell what the delivery says to who hears it; return the outcome and a sentence about it."""
    body = bytes(delivery.body)
    origin = replace(
        context.current(), request_id=f"{delivery.get_system_display()} delivery {delivery.pk}"
    )
    try:
        headers = CaseInsensitiveMapping(delivery.headers)
        facts = READERS[delivery.system].facts(decode(payload_in(body)), headers)
    except (Malformed, Unreadable) as error:
        return Outcome.UNREADABLE, str(error)
    if not facts:
        return Outcome.IGNORED, "The portal has nothing to do with this event."
    try:
        with context.coming_from(origin), transaction.atomic():
            done = [words for fact in facts for words in hearing.tell(_of(fact, delivery))]
    except TransitionRefused as refused:
        return Outcome.IGNORED, f"The portal's rules are against it: {refused}"
    except hearing.Unlinked as unlinked:
        return Outcome.UNLINKED, str(unlinked)
    if not done:
        return Outcome.IGNORED, "It changes nothing."
    return Outcome.DONE, " ".join(done)


def _of(fact: Fact, delivery: Delivery) -> Fact:
    """Return the fact, by our clock where theirs is ahead of it."""
    return replace(fact, at=min(fact.at, delivery.received_at))


def _settle(delivery: Delivery, outcome: str, answer: str) -> None:
    values = {"outcome": outcome, "answer": clean(answer)[:2000], "worked_at": clock.now()}
    Delivery.objects.filter(pk=delivery.pk).update(attempts=delivery.attempts + 1, **values)
    if outcome == Outcome.DONE and delivery.about:
        # What came too early and could not be understood then: now it may be.
        early = Delivery.objects.filter(
            system=delivery.system, about=delivery.about, outcome=Outcome.UNLINKED
        )
        early.update(outcome=Outcome.WAITING, attempts=0)


def _fail(delivery: Delivery, error: Exception) -> None:
    attempts = delivery.attempts + 1
    outcome = Outcome.WAITING if attempts < MOST_ATTEMPTS else Outcome.FAILED
    words = clean(f"{type(error).__name__}: {error}")[:2000]
    rows = Delivery.objects.filter(pk=delivery.pk, outcome=Outcome.WAITING)
    values: Mapping[str, Any] = {"outcome": outcome, "attempts": attempts, "answer": words}
    rows.update(worked_at=clock.now(), **values)
