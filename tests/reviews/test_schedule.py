"""Deadlines: which act starts, meets or voids which one, when it is due, and by what rule."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from changes.lifecycle import POLICIES
from changes.models import EmergencyChange, Policy
from ecportal import clock
from reviews.business_days import company_calendar
from reviews.lifecycle import FOLLOW_UPS, HOLIDAYS
from reviews.models import CompanyHoliday, ControlException, Deadline, FollowUpAction
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

BERLIN = ZoneInfo("Europe/Berlin")
FRIDAY = datetime(2026, 11, 20, 23, 0, tzinfo=BERLIN)
MONDAY_24 = datetime(2026, 11, 24, 0, 0, tzinfo=BERLIN)
NEXT_DAY = "End of the next business day (DE calendar, Europe/Berlin)"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)

# What the process says, written out a second time: the steps that lead to the deadline, its kind,
# its due time when everything happens on Friday 23:00, its rule, and the role of its owner.
TABLE: list[tuple[list[str], str, datetime, str, str | None]] = [
    (["submit"], "approval", FRIDAY + 15 * MINUTE, "15 minutes after it was asked for", "lead"),
    (["submit", "claim"], "confirmation", FRIDAY + 12 * HOUR,
     "12 hours after the claim was written", "lead"),
    (["start_unapproved"], "retroactive", MONDAY_24, NEXT_DAY, None),
    (["submit", "start_unapproved"], "retroactive", MONDAY_24, NEXT_DAY, None),
    (["submit", "approve", "start", "finish"], "documentation", FRIDAY + 24 * HOUR,
     "24 hours after the implementation", "engineer"),
    (["submit", "approve", "start", "finish"], "review", MONDAY_24, NEXT_DAY, None),
    (["submit", "claim", "deny"], "approval", FRIDAY + 15 * MINUTE,
     "15 minutes after it was asked for", "lead"),
    (["submit", "claim", "start", "deny"], "retroactive", MONDAY_24, NEXT_DAY, None),
]  # fmt: skip

# Which steps end a deadline, and how.
ENDS: list[tuple[list[str], str, str]] = [
    (["submit", "approve"], "approval", "met"),
    (["submit", "reject"], "approval", "met"),
    (["submit", "claim"], "approval", "met"),
    (["submit", "claim", "confirm"], "confirmation", "met"),
    (["submit", "claim", "deny"], "confirmation", "met"),
    (["submit", "claim", "approve_instead"], "confirmation", "void"),
    (["submit", "amend"], "approval", "void"),
    (["submit", "claim", "amend"], "confirmation", "void"),
    (["submit", "cancel"], "approval", "void"),
    (["submit", "claim", "cancel"], "confirmation", "void"),
    (["submit", "start_unapproved"], "approval", "void"),
    (["start_unapproved", "approve_retroactively"], "retroactive", "met"),
    (["start_unapproved", "reject_retroactively"], "retroactive", "met"),
    (["submit", "approve", "start", "finish", "unstable"], "documentation", "void"),
    (["submit", "approve", "start", "finish", "unstable"], "review", "void"),
    (["submit", "approve", "start", "finish", "verify", "document"], "documentation", "met"),
    (["submit", "approve", "start", "finish", "verify", "document", "review"], "review", "met"),
]


def walk(company: Company, change: EmergencyChange, *steps: str) -> None:
    journey, people = Journey(company, change), company
    others: dict[str, Callable[[], object]] = {
        "confirm": lambda: journey.do("confirm_approval", people.lead),
        "deny": lambda: journey.do("deny_approval", people.lead),
        "approve_instead": lambda: journey.approve(people.lead2),
        "reject": lambda: journey.do(
            "reject", people.lead, rejection="sent_back", fingerprint=change.fingerprint()
        ),
        "unstable": lambda: journey.do("report_instability", people.engineer, watched="Errors"),
        **{
            verb: lambda verb=verb: journey.do(verb, people.lead, fingerprint=change.fingerprint())
            for verb in ("approve_retroactively", "reject_retroactively")
        },
        **{
            verb: lambda verb=verb: journey.do(verb, people.engineer)
            for verb in ("amend", "cancel", "rework")
        },
    }
    for step in steps:
        (others.get(step) or getattr(journey, step))()


def running(change: EmergencyChange) -> dict[str, Deadline]:
    return {deadline.kind: deadline for deadline in change.deadlines.running()}


def exceptions(change: EmergencyChange) -> list[str]:
    return sorted(change.exceptions.values_list("kind", flat=True))


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    """A draft of Friday 23:00."""
    with clock.at(FRIDAY):
        return a_draft(company)


@pytest.mark.parametrize(("steps", "kind", "due", "rule", "owner"), TABLE)
def test_act_starts_its_deadline(
    company: Company, change: EmergencyChange, steps: list[str], kind: str, due: datetime,
    rule: str, owner: str | None,
) -> None:  # fmt: skip
    with clock.at(FRIDAY):
        walk(company, change, *steps)
    deadline = running(change)[kind]
    assert (deadline.started_at, deadline.due_at, deadline.rule) == (FRIDAY, due, rule)
    assert (deadline.owner.username if deadline.owner else None) == owner


@pytest.mark.parametrize(("steps", "kind", "end"), ENDS)
def test_act_ends_a_deadline(
    company: Company, change: EmergencyChange, steps: list[str], kind: str, end: str
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, *steps[:-1])
        deadline = running(change)[kind]
        walk(company, change, steps[-1])
    deadline.refresh_from_db()
    assert (deadline.met_at is not None) is (end == "met")
    assert (deadline.voided_at is not None) is (end == "void")
    assert exceptions(change).count("approval_late") == 0


@pytest.mark.parametrize("finished", [FRIDAY, FRIDAY + 13 * HOUR])
def test_review_is_due_monday_24_from_friday_night_and_saturday_noon(
    company: Company, change: EmergencyChange, finished: datetime
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit", "approve", "start")
    with clock.at(finished):
        walk(company, change, "finish")
    assert running(change)["review"].due_at == MONDAY_24


def test_declared_holiday_moves_the_end_of_the_next_business_day_and_a_withdrawn_one_does_not(
    company: Company,
) -> None:
    monday = CompanyHoliday(day=date(2026, 11, 23), name="Stocktaking")
    HOLIDAYS.perform(monday, "declare", by=company.lead, reason="We count.")
    assert company_calendar().end_of_next_business_day(FRIDAY) == MONDAY_24 + 24 * HOUR
    HOLIDAYS.perform(monday, "withdraw", by=company.lead, reason="We do not.")
    assert company_calendar().end_of_next_business_day(FRIDAY) == MONDAY_24


def test_revised_policy_moves_no_running_deadline(
    company: Company, change: EmergencyChange
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit")
        before = running(change)["approval"]
        policy, _new = Policy.objects.get_or_create(pk=1)
        POLICIES.perform(policy, "revise", by=company.lead, reason="Faster.", approval_minutes=5)
        after = running(change)["approval"]
        assert (after.due_at, after.rule) == (before.due_at, before.rule)
        second = a_change(company, "submitted")
    deadline = running(second)["approval"]
    assert deadline.due_at == FRIDAY + 5 * MINUTE
    assert deadline.rule == "5 minutes after it was asked for"


def test_work_reported_days_later_is_due_from_when_it_happened(
    company: Company, change: EmergencyChange
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit", "approve", "start")
    with clock.at(MONDAY_24 + HOUR):
        Journey(company, change).finish(happened_at=FRIDAY + MINUTE)
        sweep()
    assert running(change)["review"].due_at == MONDAY_24
    assert exceptions(change) == ["documentation_late", "evidence_missing", "review_late"]


@pytest.mark.parametrize("swept", [False, True])
def test_late_decision_is_one_exception_whether_or_not_a_sweep_saw_it_first(
    company: Company, change: EmergencyChange, swept: bool
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit")
    with clock.at(FRIDAY + 16 * MINUTE):
        if swept:
            sweep()
            sweep()
        walk(company, change, "approve")
        sweep()
    assert exceptions(change) == ["approval_late"]


def test_decision_exactly_when_due_is_in_time(company: Company, change: EmergencyChange) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit")
    with clock.at(FRIDAY + 15 * MINUTE):
        sweep()
        walk(company, change, "approve")
    assert exceptions(change) == []


def test_change_sent_back_and_asked_again_gets_a_new_deadline(
    company: Company, change: EmergencyChange
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit", "reject", "rework")
    with clock.at(FRIDAY + HOUR):
        walk(company, change, "submit")
    assert running(change)["approval"].due_at == FRIDAY + 75 * MINUTE
    assert change.deadlines.count() == 2


def test_unstable_work_that_is_finished_again_gets_new_deadlines_and_one_review(
    company: Company, change: EmergencyChange
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit", "approve", "start", "finish", "unstable")
    with clock.at(MONDAY_24 - MINUTE):
        walk(company, change, "finish")
    assert set(running(change)) == {"documentation", "review"}
    assert running(change)["review"].due_at == MONDAY_24 + 24 * HOUR
    assert change.deadlines.filter(kind="review").count() == 2


def test_skipped_test_is_caught_up_by_its_own_date(
    company: Company, change: EmergencyChange
) -> None:
    with clock.at(FRIDAY):
        walk(company, change, "submit", "approve", "start")
        Journey(company, change).finish(
            no_deviations=False, skipped="Load test", why="No time.", catch_up_on=date(2026, 11, 28)
        )
        deadline = running(change)["catch_up"]
        assert deadline.due_at == datetime(2026, 11, 29, tzinfo=BERLIN)
        assert deadline.rule == "The day named with the deviation"
        assert deadline.owner == company.engineer
        Journey(company, change).do("catch_up", company.engineer, deviation=deadline.deviation)
    deadline.refresh_from_db()
    assert deadline.met_at == FRIDAY


def assigned(company: Company) -> FollowUpAction:
    values = {"title": "Alert earlier", "owner": company.engineer2, "due_on": date(2026, 12, 4)}
    with clock.at(FRIDAY):
        change = a_change(company, "documented")
        Journey(company, change).review(no_follow_up_reason="", follow_ups=[values])
    return FollowUpAction.objects.get()


@pytest.mark.parametrize(("verb", "end"), [("complete", "met_at"), ("drop", "voided_at")])
def test_follow_up_runs_until_the_end_of_its_day_unless_it_is_finished(
    company: Company, verb: str, end: str
) -> None:
    action = assigned(company)
    deadline = action.deadlines.get()
    assert deadline.due_at == datetime(2026, 12, 5, tzinfo=BERLIN)
    assert (deadline.rule, deadline.owner) == ("The day named with the action", company.engineer2)
    with clock.at(FRIDAY + HOUR):
        FOLLOW_UPS.perform(action, verb, by=company.lead2, reason="It is.")
    deadline.refresh_from_db()
    assert getattr(deadline, end) is not None


def test_follow_up_given_to_somebody_else_is_owed_by_them(company: Company) -> None:
    action = assigned(company)
    with clock.at(FRIDAY + HOUR):
        FOLLOW_UPS.perform(
            action, "reassign", by=company.lead2, reason="Leave.", owner=company.engineer
        )
    assert action.deadlines.get().owner == company.engineer


def test_overdue_follow_up_is_no_exception(company: Company) -> None:
    action = assigned(company)
    with clock.at(datetime(2026, 12, 10, tzinfo=UTC)):
        sweep()
    assert not ControlException.objects.filter(change=action.change).exists()
