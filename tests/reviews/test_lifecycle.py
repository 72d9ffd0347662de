"""The tables of reviews, follow-up actions, exceptions, ladders and holidays, and their guards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from ecportal import clock
from ecportal.accounts import roles
from reviews.lifecycle import EXCEPTIONS, FOLLOW_UPS, HOLIDAYS, REVIEWS, RUNGS
from reviews.models import FollowUpAction
from reviews.working_papers import POPULATIONS, SAMPLE_ITEMS, SAMPLES
from tests.changes.refusals import Case, assert_refused, check_each_way, every_check
from tests.changes.tables import rows_of
from tests.scenario import Company, Journey, a_change, person, the_review

AGREED = {
    REVIEWS: [("complete", "scheduled", "completed"), ("schedule", "", "scheduled")],
    FOLLOW_UPS: [
        ("assign", "", "open"),
        ("complete", "open", "done"),
        ("drop", "open", "dropped"),
        ("reassign", "open", None),
    ],
    EXCEPTIONS: [("answer", "open", "answered"), ("register", "", "open")],
    RUNGS: [
        ("define", "", "in_use"),
        ("reinstate", "retired", "in_use"),
        ("retire", "in_use", "retired"),
        ("revise", "in_use", None),
    ],
    POPULATIONS: [("generate", "", "generated")],
    SAMPLES: [("draw", "", "drawn")],
    SAMPLE_ITEMS: [
        ("answer", "requested", "answered"),
        ("request", "drawn", "requested"),
        ("request", "requested answered", "requested"),
    ],
    HOLIDAYS: [
        ("declare", "", "declared"),
        ("declare", "withdrawn", "declared"),
        ("withdraw", "declared", "withdrawn"),
    ],
}


@pytest.mark.parametrize("lifecycle", AGREED, ids=lambda lifecycle: lifecycle.model.__name__)
def test_table_is_the_agreed_one(lifecycle: Any) -> None:
    assert rows_of(lifecycle) == AGREED[lifecycle]


@pytest.mark.parametrize("lifecycle", AGREED, ids=lambda lifecycle: lifecycle.model.__name__)
def test_what_nobody_does_by_hand_has_no_button(lifecycle: Any) -> None:
    internal = {row.verb for row in lifecycle.rows if row.internal}
    assert internal == {REVIEWS: {"schedule"}, EXCEPTIONS: {"register"}}.get(lifecycle, set())


ANSWERS = {"genuine": True, "procedure_followed": True, "no_follow_up_reason": "One-off."}


def review_too_early(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record = the_review(a_change(company, "documented"))

    review = the_review(a_change(company, "verified"))
    said = "The change must be documented first; it stands at “documenting”."
    return Case(REVIEWS, review, "complete", company.lead2, said, mend, ANSWERS)


def review_by_requester(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.by = company.lead2

    company.engineer = both = person("both", roles.ENGINEER, roles.LEAD)
    review = the_review(a_change(company, "documented"))
    said = "You requested this change; someone else must review it."
    return Case(REVIEWS, review, "complete", both, said, mend, ANSWERS)


def review_by_implementer(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.by = company.lead2

    both, change = person("both", roles.ENGINEER, roles.LEAD), a_change(company, "approved")
    Journey(replace(company, engineer=both), change).start().finish().verify().document()
    said = "You implemented this change; someone else must review it."
    return Case(REVIEWS, the_review(change), "complete", both, said, mend, ANSWERS)


def unanswered(name: str, said: str) -> Callable[[Company], Case]:
    def situation(company: Company) -> Case:
        def mend(case: Case) -> None:
            case.data = ANSWERS

        review = the_review(a_change(company, "documented"))
        answers = {**ANSWERS, name: None}
        return Case(REVIEWS, review, "complete", company.lead2, said, mend, answers)

    situation.__name__ = f"{name}_unanswered"
    return situation


def follow_up(company: Company, **values: Any) -> FollowUpAction:
    values = {"title": "Alarm on the pool", "owner": company.engineer, **values}
    values.setdefault("due_on", today() + timedelta(days=7))
    return FollowUpAction(change=a_change(company, "documented"), **values)


def today() -> date:
    return timezone.localdate(clock.now())


def follow_up_due_yesterday(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record.due_on = today()

    action = follow_up(company, due_on=today() - timedelta(days=1))
    said = "The due date has passed already. Choose a later day."
    return Case(FOLLOW_UPS, action, "assign", company.lead, said, mend)


def follow_up_of_another(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.by = company.engineer

    action = FOLLOW_UPS.perform(follow_up(company), "assign", by=company.lead, reason="Needed.")
    said = "Only Engineer, who owns this action, or"
    return Case(FOLLOW_UPS, action, "complete", company.engineer2, said, mend)


@every_check(
    review_too_early,
    review_by_requester,
    review_by_implementer,
    unanswered("genuine", "Answer with yes or no."),
    unanswered("procedure_followed", "Answer with yes or no."),
    unanswered("no_follow_up_reason", "Assign a follow-up action, or say why none is needed."),
    follow_up_due_yesterday,
    follow_up_of_another,
)
def test_guard(company: Company, situation: Any) -> None:
    check_each_way(situation, company)


def test_assigner_finishes_the_follow_up_too(company: Company) -> None:
    action = FOLLOW_UPS.perform(follow_up(company), "assign", by=company.lead, reason="Needed.")
    FOLLOW_UPS.perform(action, "complete", by=company.lead, reason="Saw it work.")
    assert (action.status, action.result) == ("done", "Saw it work.")
    assert action.deadlines.get().met_at is not None


def test_review_is_held_once(company: Company) -> None:
    change = a_change(company, "closed")
    assert_refused(REVIEWS, the_review(change), "complete", company.lead2, "possible only while")
