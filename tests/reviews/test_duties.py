"""The duties matrix: who did what, and each breach of the segregation of duties."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from changes.lifecycle import DELEGATIONS
from changes.models import Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from ecportal.lifecycle import TransitionRefused
from reviews.duties import breaches, matrix
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once


def test_matrix_names_nobody_at_first_but_the_requester(company: Company) -> None:
    duties = {duty.name: duty.person for duty in matrix(a_draft(company))}
    assert duties == {
        "Requested": "Engineer",
        "Approved": "",
        "Implemented": "",
        "Verified": "",
        "Documented": "",
        "Reviewed": "",
    }


def test_matrix_names_who_did_each_duty(company: Company) -> None:
    duties = [(duty.name, duty.person) for duty in matrix(a_change(company, "closed"))]
    assert duties == [
        ("Requested", "Engineer"),
        ("Approved", "Lead"),
        ("Implemented", "Engineer"),
        ("Verified", "Engineer"),
        ("Documented", "Engineer"),
        ("Reviewed", "Lead2"),
    ]


def test_ordinary_change_has_no_breach(company: Company) -> None:
    assert breaches(a_change(company, "closed")) == []


def test_delegator_who_implements_what_was_approved_for_them_is_a_breach(
    company: Company, both: User
) -> None:
    now = clock.now()
    DELEGATIONS.perform(
        Delegation(delegate=company.engineer2, begins_at=now, ends_at=now + timedelta(days=1)),
        "delegate", by=both, reason="Leave.",
    )  # fmt: skip
    change = a_change(company, "submitted")
    Journey(company, change).approve(company.engineer2).start(both)
    assert exception_of(change) == ("open", "Both both approved and implemented.")


def test_whoever_rewrote_the_request_neither_approves_nor_reviews_it(
    company: Company, both: User
) -> None:
    change = a_draft(company)
    Journey(company, change).do("revise", both, scope="Something else.").submit()
    with pytest.raises(TransitionRefused, match="You requested this change"):
        Journey(company, change).approve(both)
    journey = Journey(company, change).approve().start().finish().verify().document()
    with pytest.raises(TransitionRefused, match="You requested this change"):
        journey.review(both)


def test_whoever_finished_the_work_does_not_review_it(company: Company, both: User) -> None:
    journey = Journey(company, a_change(company, "implementing"))
    journey.do("finish", both, outcome="successful", no_deviations=True).verify().document()
    with pytest.raises(TransitionRefused, match="You implemented this change"):
        journey.review(both)


@pytest.fixture
def both(company: Company) -> User:
    return person("both", roles.ENGINEER, roles.LEAD)


def exception_of(change: EmergencyChange) -> tuple[Any, ...]:
    exception = change.exceptions.get(kind="duties")
    return exception.status, exception.detail


def test_approver_who_implements_is_an_exception_at_the_start(company: Company, both: User) -> None:
    change = a_change(company, "submitted")
    Journey(company, change).approve(both).start(both)
    assert exception_of(change) == ("open", "Both both approved and implemented.")


def test_claimed_approver_who_implements_is_an_exception_too(company: Company, both: User) -> None:
    change = a_change(company, "submitted")
    Journey(company, change).claim(both).start(both)
    assert exception_of(change) == ("open", "Both both approved and implemented.")
    Journey(company, change).do("confirm_approval", both)
    assert change.exceptions.filter(kind="duties").count() == 1


def test_requester_who_implements_and_verifies_alone_breaks_nothing(company: Company) -> None:
    """At 3 am one Engineer does all the work; the Leads decide and review."""
    change = a_change(company, "closed")
    assert not change.exceptions.exists()


def test_somebody_in_both_roles_reviews_the_work_of_others(company: Company, both: User) -> None:
    change = a_draft(company)
    Journey(replace(company, lead2=both), change).to("closed")
    assert change.reviewer == both
    assert breaches(change) == []
