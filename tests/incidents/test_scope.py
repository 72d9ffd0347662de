"""Where Leads decide only for the systems granted to them: what a grant does, and does not."""

from typing import Any

import pytest

from changes.lifecycle import CHANGES
from ecportal.accounts import roles
from ecportal.accounts.models import User
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.changes.refusals import assert_refused
from tests.scenario import Company, a_change


@pytest.fixture
def granted_scope(settings: Any, company: Company) -> None:
    """Leads decide only for the systems granted to them."""
    settings.LEAD_SCOPE = "granted"
    roles.sync()


def test_lead_in_granted_scope_decides_for_no_system_at_first(
    granted_scope: None, company: Company
) -> None:
    lead = User.objects.get(username="lead")
    change = a_change_after(company)
    said = "You may not decide for every system of this change (checkout). Ask another Lead."
    assert_refused(CHANGES, change, "approve", lead, said, fingerprint=change.fingerprint())


def a_change_after(company: Company, **values: Any) -> Any:
    company.engineer = User.objects.get(username="engineer")
    return a_change(company, "submitted", **values)


def test_lead_in_granted_scope_decides_for_the_systems_granted(
    granted_scope: None, company: Company
) -> None:
    lead = User.objects.get(username="lead")
    ledger = SYSTEMS.perform(System(name="ledger"), "register", by=lead, reason="We run it.")
    SYSTEMS.perform(company.system, "grant", by=company.roleadmin, reason="Theirs.", person=lead)
    both = a_change_after(company, systems=[company.system, ledger])
    assert_refused(
        CHANGES, both, "approve", lead, "(checkout, ledger)", fingerprint=both.fingerprint()
    )
    one = a_change_after(company)
    CHANGES.perform(one, "approve", by=lead, reason="Do it.", fingerprint=one.fingerprint())
    assert one.approver == lead


def test_decision_right_taken_away_is_gone(granted_scope: None, company: Company) -> None:
    lead = User.objects.get(username="lead")
    for verb in ("grant", "withdraw"):
        SYSTEMS.perform(company.system, verb, by=company.roleadmin, reason="So.", person=lead)
    change = a_change_after(company)
    assert_refused(CHANGES, change, "approve", lead, fingerprint=change.fingerprint())


def test_grant_makes_no_lead_of_an_engineer(granted_scope: None, company: Company) -> None:
    SYSTEMS.perform(
        company.system, "grant", by=company.roleadmin, reason="So.", person=company.engineer2
    )
    change = a_change_after(company)
    said = "Your role does not include “Approve” for emergency changes."
    assert_refused(
        CHANGES, change, "approve", company.engineer2, said, fingerprint=change.fingerprint()
    )
