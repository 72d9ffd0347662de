"""The exception register fills itself: each breach once, never deleted, answered by a Lead."""

from datetime import UTC, datetime, timedelta

import pytest

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from reviews.lifecycle import EXCEPTIONS
from reviews.models import ControlException
from reviews.sweep import sweep
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft

TUESDAY = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONG = 30 * DAY


def kinds(change: EmergencyChange) -> list[str]:
    return sorted(change.exceptions.values_list("kind", flat=True))


def made(company: Company, *steps: str) -> EmergencyChange:
    """Take a draft through steps of the usual journey, all on Tuesday morning."""
    with clock.at(TUESDAY):
        change = a_draft(company)
        for step in steps:
            getattr(Journey(company, change), step)()
    return change


def test_ordinary_change_raises_no_exception(company: Company) -> None:
    assert kinds(a_change(company, "closed")) == []


LATE = [
    ("approval_late", ["submit"], 15 * MINUTE),
    ("unconfirmed", ["submit", "claim"], 12 * HOUR),
    ("documentation_late", ["submit", "approve", "start", "finish"], 24 * HOUR),
]


@pytest.mark.parametrize(("kind", "steps", "allowed"), LATE)
def test_deadline_that_passes_is_an_exception_once(
    company: Company, kind: str, steps: list[str], allowed: timedelta
) -> None:
    change = made(company, *steps)
    with clock.at(TUESDAY + allowed):
        sweep()
    assert kinds(change) == []
    for _ in range(2):
        with clock.at(TUESDAY + allowed + timedelta(seconds=1)):
            sweep()
        assert kind in kinds(change)
    assert len(kinds(change)) == len(set(kinds(change)))


def test_documentation_late_with_no_evidence_is_evidence_missing_too(company: Company) -> None:
    change = made(company, "submit", "approve", "start", "finish")
    with clock.at(TUESDAY + DAY + MINUTE):
        sweep()
    assert kinds(change) == ["documentation_late", "evidence_missing"]


@pytest.mark.parametrize(("late", "raised"), [(timedelta(0), []), (MINUTE, ["review_late"])])
def test_review_is_due_at_the_end_of_the_next_business_day(
    company: Company, late: timedelta, raised: list[str]
) -> None:
    """Implemented on Tuesday: due on Wednesday at 24:00 in Berlin, which is 23:00 UTC."""
    change = made(company, "submit", "approve", "start", "finish")
    Journey(company, change).verify().document(at=TUESDAY + HOUR)
    due = datetime(2026, 3, 4, 23, 0, tzinfo=UTC)
    assert change.deadlines.get(kind="review").due_at == due
    Journey(company, change).review(at=due + late)
    assert change.status == "closed"
    assert kinds(change) == raised


def test_decision_made_late_is_an_exception_without_any_sweep(company: Company) -> None:
    change = made(company, "submit")
    with clock.at(TUESDAY + 16 * MINUTE):
        Journey(company, change).approve()
    exception = change.exceptions.get()
    assert exception.kind == "approval_late"
    assert exception.detail == ("Approval decision was met late. It was due 2026-03-03 10:15 CET.")


def test_claim_of_an_earlier_time_does_not_make_a_late_review_timely(company: Company) -> None:
    change = made(company, "submit", "approve", "start", "finish")
    Journey(company, change).verify().document(at=TUESDAY + HOUR)
    with clock.at(TUESDAY + LONG):
        Journey(company, change).review(at=TUESDAY + LONG, happened_at=TUESDAY + 2 * HOUR)
    assert "review_late" in kinds(change)


def test_retroactive_decision_late_is_an_exception(company: Company) -> None:
    change = made(company, "start_unapproved")
    with clock.at(datetime(2026, 3, 4, 23, 0, 1, tzinfo=UTC)):
        sweep()
    assert kinds(change) == ["retroactive_late", "unapproved"]


def test_review_that_finds_no_emergency_is_an_exception(company: Company) -> None:
    change = a_change(company, "documented")
    Journey(company, change).review(genuine=False)
    assert change.status == "closed"
    exception = change.exceptions.get()
    assert (exception.kind, exception.detail) == (
        "not_genuine",
        "By the review: It was right.",
    )


def test_exception_is_registered_by_the_system_account(company: Company) -> None:
    change = made(company, "start_unapproved")
    row = change.exceptions.get().history.get()
    assert (row.history_user, row.history_verb) == (User.objects.system(), "register")


def test_exception_shares_the_fate_of_its_act(company: Company) -> None:
    """The duties exception of a refused act is not written."""
    change = made(company, "submit")
    assert_refused(CHANGES, change, "start_unapproved", company.lead)
    assert kinds(change) == []


def an_exception(company: Company) -> ControlException:
    return made(company, "start_unapproved").exceptions.get()


def test_lead_answers_an_exception_once(company: Company) -> None:
    exception = an_exception(company)
    now = clock.now()
    with clock.at(now):
        EXCEPTIONS.perform(exception, "answer", by=company.lead, reason="We page two Leads now.")
    assert (exception.status, exception.response) == ("answered", "We page two Leads now.")
    assert (exception.answered_by, exception.answered_at) == (company.lead, now)
    assert_refused(EXCEPTIONS, exception, "answer", company.lead2, "possible only while")


@pytest.mark.parametrize("who", ["engineer", "auditor", "roleadmin"])
def test_only_a_lead_answers(company: Company, who: str) -> None:
    said = "Your role does not include “Answer for management” for exceptions."
    assert_refused(EXCEPTIONS, an_exception(company), "answer", getattr(company, who), said)


@pytest.mark.parametrize("who", ["engineer", "lead", "auditor", "roleadmin"])
def test_nobody_registers_an_exception_by_hand(company: Company, who: str) -> None:
    record = ControlException(change=a_draft(company), kind="duties")
    assert_refused(EXCEPTIONS, record, "register", getattr(company, who), "Your role does not")


def test_cancelled_change_owes_no_decision(company: Company) -> None:
    change = made(company, "submit")
    with clock.at(TUESDAY + MINUTE):
        CHANGES.perform(change, "cancel", by=company.engineer, reason="It healed.")
    with clock.at(TUESDAY + LONG):
        sweep()
    assert kinds(change) == []
