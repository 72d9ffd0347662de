"""The duties matrix: who did what, and each breach of the segregation of duties."""

from dataclasses import replace
from typing import Any

import pytest

from changes.models import EmergencyChange, Policy
from ecportal.accounts import roles
from ecportal.accounts.models import User
from reviews.duties import breaches, matrix
from tests.scenario import Company, Journey, a_change, a_draft, person


def test_matrix_names_nobody_at_first_but_the_requester(company: Company) -> None:
    duties = {duty.name: duty.person for duty in matrix(a_draft(company))}
    assert duties == {
        "Requested": company.engineer,
        "Approved": None,
        "Implemented": None,
        "Verified": None,
        "Documented": None,
        "Reviewed": None,
    }


def test_matrix_names_who_did_each_duty(company: Company) -> None:
    duties = [(duty.name, duty.person) for duty in matrix(a_change(company, "closed"))]
    assert duties == [
        ("Requested", company.engineer),
        ("Approved", company.lead),
        ("Implemented", company.engineer),
        ("Verified", company.engineer),
        ("Documented", company.engineer),
        ("Reviewed", company.lead2),
    ]


def test_ordinary_change_has_no_breach(company: Company) -> None:
    assert breaches(a_change(company, "closed")) == []


@pytest.mark.parametrize(
    ("hands", "sentence"),
    [
        ({"approver": "lead", "implementer": "lead"}, "Lead both approved and implemented."),
        ({"approver": "engineer"}, "Engineer both requested and approved."),
        ({"reviewer": "engineer"}, "Engineer reviewed their own work."),
        ({"implementer": "lead2", "reviewer": "lead2"}, "Lead2 reviewed their own work."),
    ],
)
def test_breach_is_told_in_a_sentence(
    company: Company, hands: dict[str, str], sentence: str
) -> None:
    """The record is only held in memory: neither rules nor database would let it be written."""
    change = EmergencyChange(requester=company.engineer)
    for duty, who in hands.items():
        setattr(change, duty, getattr(company, who))
    assert breaches(change) == [sentence]


@pytest.mark.parametrize("differs", [False, True])
def test_verifying_own_work_is_a_breach_where_the_policy_says_so(
    company: Company, differs: bool
) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"verifier_differs": differs})
    change = EmergencyChange(requester=company.engineer, implementer=company.engineer2)
    change.verifier = company.engineer2
    said = ["Engineer2 both implemented and verified."]
    assert breaches(change) == (said if differs else [])


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
