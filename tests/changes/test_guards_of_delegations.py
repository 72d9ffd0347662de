"""The guards of delegations, and no exception for superusers."""

from datetime import timedelta
from typing import Any

import pytest

from changes.lifecycle import DELEGATIONS
from changes.models import Delegation
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from tests.changes.refusals import Case, check_each_way, every_check
from tests.scenario import Company, person

pytestmark = pytest.mark.once


def to(delegate: User, days: int = 7) -> Delegation:
    now = clock.now()
    return Delegation(delegate=delegate, begins_at=now, ends_at=now + timedelta(days=days))


def a_delegation_works(case: Case) -> None:
    case.record = to(User.objects.get(username="engineer"))


def to_oneself(company: Company) -> Case:
    said = "You cannot delegate to yourself."
    return Case(DELEGATIONS, to(company.lead), "delegate", company.lead, said, a_delegation_works)


def to_somebody_who_left(company: Company) -> Case:
    left = person("gone", roles.LEAD, is_active=False)
    said = "Gone cannot sign in at present. Choose somebody else."
    return Case(DELEGATIONS, to(left), "delegate", company.lead, said, a_delegation_works)


def to_somebody_whose_access_ended(company: Company) -> Case:
    ended = person("gone", roles.LEAD, access_until=clock.now())
    said = "Gone cannot sign in at present. Choose somebody else."
    return Case(DELEGATIONS, to(ended), "delegate", company.lead, said, a_delegation_works)


def to_the_system_account(company: Company) -> Case:
    said = "ecportal cannot sign in at present. Choose somebody else."
    system = User.objects.system()
    return Case(DELEGATIONS, to(system), "delegate", company.lead, said, a_delegation_works)


def ending_before_it_begins(company: Company) -> Case:
    said = "A delegation must end after it begins, and not in the past."
    record = to(company.lead2, days=-1)
    return Case(DELEGATIONS, record, "delegate", company.lead, said, a_delegation_works)


def ending_in_the_past(company: Company) -> Case:
    record = to(company.lead2, days=-1)
    record.begins_at -= timedelta(days=7)
    said = "A delegation must end after it begins, and not in the past."
    return Case(DELEGATIONS, record, "delegate", company.lead, said, a_delegation_works)


def ended_by_a_third_person(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.by = company.lead

    given = to(company.lead2)
    DELEGATIONS.perform(given, "delegate", by=company.lead, reason="I am on leave.")
    said = "Only Lead or Lead2 can end this."
    return Case(DELEGATIONS, given, "end", person("third", roles.LEAD), said, mend)


@every_check(
    to_oneself,
    to_somebody_who_left,
    to_somebody_whose_access_ended,
    to_the_system_account,
    ending_before_it_begins,
    ending_in_the_past,
    ended_by_a_third_person,
)
def test_guard(company: Company, situation: Any) -> None:
    check_each_way(situation, company)


def test_delegate_ends_the_delegation_too(company: Company) -> None:
    given = to(company.lead2)
    DELEGATIONS.perform(given, "delegate", by=company.lead, reason="I am on leave.")
    DELEGATIONS.perform(given, "end", by=company.lead2, reason="You are back.")
    assert given.status == "ended"
