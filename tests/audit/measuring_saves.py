"""What the trail costs a tracked save, beside the same save with simple-history alone."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import signals
from django.test.utils import CaptureQueriesContext
from simple_history.signals import post_create_historical_record

from ecportal import history
from ecportal.audit import drift
from incidents.models import System

SAVES, ROUNDS = 500, 5


@contextmanager
def history_alone() -> Iterator[None]:
    """Take attestation and drift guard away."""
    signals.pre_save.disconnect(drift.guard, dispatch_uid="drift")  # noqa: TID251
    post_create_historical_record.disconnect(history.attest_the_row)
    try:
        yield
    finally:
        post_create_historical_record.connect(history.attest_the_row)
        signals.pre_save.connect(drift.guard, dispatch_uid="drift")  # noqa: TID251


def _save(system: System, number: int) -> None:
    with transaction.atomic():
        system.description = f"round {number}"
        system.save()


def _seconds_a_save(system: System) -> float:
    begin = time.perf_counter()
    for number in range(SAVES):
        _save(system, number)
    return (time.perf_counter() - begin) / SAVES


def _queries(system: System) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        _save(system, -1)
    return len(captured)


def measure_saves() -> list[tuple[str, str, str]]:
    """Return the table rows of the comparison: alternating rounds, the medians of them."""
    with history_alone(), transaction.atomic():
        plain_system = System(name="plain history")
        plain_system.save()
    with transaction.atomic():
        system = System(name="attested history")
        system.save()
    plain, attested = [], []
    for _ in range(ROUNDS):
        with history_alone():
            plain.append(_seconds_a_save(plain_system))
        attested.append(_seconds_a_save(system))
    with history_alone():
        plain_queries = _queries(plain_system)
    more = _queries(system) - plain_queries
    before, after = statistics.median(plain), statistics.median(attested)
    return [
        ("plain simple-history save", f"{1000 * before:.2f} ms", f"{plain_queries} queries"),
        ("attested save", f"{after / before:.2f} x", f"{more} queries more; target 2.5 x, 3 more"),
    ]
