"""Finding what is due: few queries whatever the numbers, and every rung survives a kill."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from ecportal import clock
from ecportal.outbox.models import Message
from incidents.lifecycle import INCIDENTS
from reviews import reaching, telling
from reviews.audience import Audiences
from reviews.lifecycle import HOLIDAYS
from reviews.models import CompanyHoliday, Deadline, Escalation, Notice, OpenReminder, Watch
from reviews.sweep import sweep
from tests.crowd import crowd, watch
from tests.processes import database_url
from tests.reviews.test_ladder import define
from tests.scenario import Company, a_change, found_company

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
TOP = 1_000_000


def due(company: Company, number: int, first: int = TOP) -> None:
    """Make as many changes whose first rung is due at noon, seen by a sweep before."""
    with clock.at(NOON):
        change = a_change(company, "submitted")
        sweep()
        crowd(change, "approval", first, first + number - 1)
        watch(first, first + number - 1, NOON, Watch.objects.latest("ladder").ladder)


def queries(work: Callable[[], Any]) -> int:
    with clock.at(NOON), transaction.atomic(), CaptureQueriesContext(connection) as caught:
        work()
    return sum(" SAVEPOINT " not in f" {query['sql']}" for query in caught.captured_queries)


@pytest.mark.parametrize("number", [1, 150])
def test_five_queries_find_what_is_due(company: Company, number: int) -> None:
    due(company, number)
    found: list[reaching.Look] = []
    assert queries(lambda: found.extend(reaching.look(NOON))) <= 5
    assert [len(one.due) for one in found] == [1] * number


@pytest.mark.parametrize("number", [1, 150])
def test_as_many_queries_tell_who_the_audience_is_however_many_are_due(
    company: Company, number: int
) -> None:
    due(company, number)

    def ask() -> None:
        looks = reaching.look(NOON)
        audiences = Audiences([one.deadline for one in looks])
        for one in looks:
            assert audiences.of(one.deadline, one.due[0]) == [(company.lead, company.lead.email)]

    assert queries(ask) <= 5 + 8


def test_sweep_with_nothing_due_asks_five_questions(company: Company) -> None:
    due(company, 30)
    with clock.at(NOON):
        sweep()
    assert queries(sweep) <= 5


def test_sweep_of_more_than_one_transaction_is_one_digest(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reaching, "CHUNK", 7)
    monkeypatch.setattr(telling, "BATCH", 4)
    due(company, 30)
    before = Message.objects.count()
    with clock.at(NOON):
        report = sweep()
    assert (report.reached, report.messages) == (30, 1)
    message = Message.objects.latest("pk")
    assert Message.objects.count() == before + 1
    assert message.subject.startswith("30 deadlines, first: Approve EC-X-1000000: ")
    assert "And 10 more" in message.text
    assert Notice.objects.filter(message=message).count() == 30


def test_holiday_declared_later_moves_the_rungs_of_running_deadlines(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "implemented")
        INCIDENTS.perform(change.incident, "resolve", by=company.engineer, reason="Over.")
        review = change.deadlines.get(kind="review")
        rung = define(company, kind="review", offset=2, unit="business_days")
        sweep()
        holiday = CompanyHoliday(day=review.due_at.date() + timedelta(days=1), name="Day off")
        HOLIDAYS.perform(holiday, "declare", by=company.lead, reason="So.")
    for days, rows in ((2, 0), (4, 0), (5, 1)):  # Saturday, Monday 24:00, Tuesday 24:00
        with clock.at(review.due_at + timedelta(days=days, minutes=1)):
            sweep()
        assert Escalation.objects.filter(deadline=review, rung=rung).count() == rows, days


# --- killed -------------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_sweep_that_is_killed_loses_and_doubles_nothing() -> None:
    """A real process dies of SIGKILL among its transactions; the next sweep makes it whole."""
    company = found_company()
    due(company, 900)
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sweep_deadlines", "--now", NOON.isoformat()],
        cwd=settings.BASE_DIR,
        env={**os.environ, "ECPORTAL_ENV": "test", "DATABASE_URL": database_url()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 60
    while Escalation.objects.count() < 100 and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 100 <= Escalation.objects.count() < 901
    with clock.at(NOON):
        sweep()
    rows = Counter(Escalation.objects.values_list("deadline", "rung"))
    assert set(rows.values()) == {1}
    assert set(Escalation.objects.values_list("deadline", flat=True)) == set(
        Deadline.objects.running().values_list("pk", flat=True)
    )
    assert Notice.objects.exclude(message=None).count() == len(rows) == 901
    assert not OpenReminder.objects.exists()
