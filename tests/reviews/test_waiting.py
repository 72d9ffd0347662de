"""Who owes what on a change, at each status and after every turn it can take."""

from datetime import UTC, date, datetime, timedelta

import pytest

from changes.lifecycle import POLICIES
from changes.models import Policy
from ecportal import clock
from reviews.waiting import Debt, waiting_for
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)

# What the ordinary journey waits for: who, what, the minutes until it is due.
EXPECTED: dict[str, list[tuple[str, str, int | None]]] = {
    "draft": [("Engineer", "to ask for approval", None)],
    "submitted": [("Lead", "to approve or reject", 15)],
    "approved": [("An Engineer", "to start implementing", None)],
    "implementing": [("Engineer", "to finish implementing", None)],
    "implemented": [
        ("Engineer", "to verify stability", None),
        ("Engineer", "to document", 24 * 60),
        ("A Lead of the systems", "to hold the review", 36 * 60),
    ],
    "verified": [
        ("Engineer", "to document", 24 * 60),
        ("A Lead of the systems", "to hold the review", 36 * 60),
    ],
    "documented": [("A Lead of the systems", "to hold the review", 36 * 60)],
    "rejected": [("Engineer", "to work on it again", None)],
    "closed": [],
    "cancelled": [],
}


def plain(debts: list[Debt]) -> list[tuple[str, str, int | None]]:
    return [
        (
            debt.who,
            debt.to_do,
            (debt.due_at - NOON) // timedelta(minutes=1) if debt.due_at else None,
        )
        for debt in debts
    ]


def draft(company: Company) -> Journey:
    with clock.at(NOON):
        return Journey(company, a_draft(company))


@pytest.mark.parametrize("status", EXPECTED)
def test_every_status_says_who_owes_what(company: Company, status: str) -> None:
    with clock.at(NOON):
        debts = waiting_for(a_change(company, status))
    assert plain(debts) == EXPECTED[status]
    assert all(debt.since is not None for debt in debts)


def test_every_debt_says_since_when(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "implemented")
    assert [debt.since for debt in waiting_for(change)] == [NOON] * 3


def test_refused_change_waits_for_nobody(company: Company) -> None:
    journey = draft(company)
    with clock.at(NOON):
        journey.submit().do(
            "reject", company.lead, rejection="refused", fingerprint=journey.change.fingerprint()
        )
    assert waiting_for(journey.change) == []


def test_claimed_approval_waits_for_who_is_said_to_have_given_it(company: Company) -> None:
    journey = draft(company)
    with clock.at(NOON):
        journey.submit().claim(company.lead2).start()
    assert plain(waiting_for(journey.change)) == [
        ("Engineer", "to finish implementing", None),
        ("Lead2", "to confirm or deny the verbal approval", 12 * 60),
    ]


def test_work_without_approval_waits_for_a_lead(company: Company) -> None:
    journey = draft(company)
    with clock.at(NOON):
        journey.start_unapproved()
    assert plain(waiting_for(journey.change))[1:] == [
        ("A Lead of the systems", "to decide retroactively", 36 * 60)
    ]


def test_closed_change_still_waits_for_its_follow_up_action(company: Company) -> None:
    action = {"title": "Alert", "owner": company.engineer2, "due_on": date(2026, 11, 20)}
    with clock.at(NOON):
        change = a_change(company, "documented")
        Journey(company, change).review(no_follow_up_reason="", follow_ups=[action])
    assert plain(waiting_for(change)) == [("Engineer2", "to finish a follow-up action", 60 * 60)]


def test_most_urgent_deadline_comes_first(company: Company) -> None:
    journey = draft(company)
    with clock.at(NOON):
        journey.submit().approve().start().finish(
            no_deviations=False, skipped="Load test", why="No time.", catch_up_on=date(2026, 11, 18)
        )
    dues = [debt.due_at for debt in waiting_for(journey.change) if debt.due_at]
    assert dues == sorted(dues)
    assert len(dues) == 3


def test_verification_is_not_owed_by_an_implementer_who_may_not_do_it(company: Company) -> None:
    policy, _new = Policy.objects.get_or_create(pk=1)
    POLICIES.perform(policy, "revise", by=company.lead, reason="Four eyes.", verifier_differs=True)
    with clock.at(NOON):
        change = a_change(company, "implemented")
    assert waiting_for(change)[0].who == "An Engineer"
