"""To whom a deadline goes next: by its ladder, what it had of it, and when the sweep looks."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecportal import clock
from reviews.models import Deadline
from reviews.onward import Onward, onward
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def following(kind: str, at: datetime = NOON) -> Onward | None:
    """Return what follows for the deadline of this kind, after a sweep."""
    with clock.at(at):
        sweep()
        deadline = Deadline.objects.select_related("watch").get(kind=kind)
        reached = set(deadline.escalations.values_list("rung", flat=True))
        return onward([deadline], {deadline.pk: reached}).get(deadline.pk)


def test_decision_goes_to_the_next_lead_then_to_all(company: Company) -> None:
    with clock.at(NOON):
        a_change(company, "submitted")
    quarter = timedelta(minutes=15)
    assert following("approval") == Onward(NOON + quarter, "the next Lead")
    last = following("approval", NOON + quarter)
    assert last == Onward(NOON + 2 * quarter, "all Leads of the systems")
    assert following("approval", NOON + 2 * quarter) is None


def test_reminder_of_whoever_owes_it_names_nobody(company: Company) -> None:
    with clock.at(NOON):
        a_change(company, "implemented")
    assert following("documentation") == Onward(NOON + 20 * HOUR, "")


def test_rung_in_business_days_comes_when_the_sweep_looks_again(company: Company) -> None:
    with clock.at(NOON):
        a_change(company, "implemented")
    due = Deadline.objects.get(kind="review").due_at
    assert following("review") == Onward(due - 24 * HOUR, "")
    assert following("review", due - 24 * HOUR) == Onward(due - 8 * HOUR, "")
    late = following("review", due + timedelta(minutes=1))
    assert late is not None
    assert late.to == "all Leads of the systems"
    assert late.at > due


def test_nothing_follows_what_has_ended_and_nothing_is_asked(company: Company) -> None:
    with clock.at(NOON):
        Journey(company, a_change(company, "submitted")).approve()
        with CaptureQueriesContext(connection) as caught:
            assert onward(Deadline.objects.exclude(met_at=None), {}) == {}
    assert len(caught) == 1
