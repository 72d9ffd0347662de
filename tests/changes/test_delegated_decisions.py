"""Deciding for a Lead: in whose name, how long, for which systems, and never further."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group

from changes.authority import delegation_for
from changes.lifecycle import CHANGES, DELEGATIONS
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.changes.delegating import delegated, narrow_lead
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft, person

NO_ROLE = "Your role does not include “Approve” for emergency changes."


def refused(company: Company, change: EmergencyChange, said: str = NO_ROLE) -> None:
    data = {"fingerprint": change.fingerprint()}
    assert_refused(CHANGES, change, "approve", company.engineer2, said, **data)


def test_delegate_decides_in_the_name_of_the_lead(company: Company) -> None:
    change = a_change(company, "submitted")
    delegation = delegated(company.lead, company.engineer2)
    Journey(company, change).approve(company.engineer2)
    words = f"Engineer2 for Lead (delegation {delegation.pk})"
    approval = change.approvals.get()
    assert (approval.decided_by, approval.delegation) == (words, delegation)
    assert approval.approver == change.approver == company.engineer2
    for record in (change, approval):
        row = record.history.first()
        assert (row.history_on_behalf_of, row.history_user) == (words, company.engineer2)


def test_decision_in_own_right_names_nobody_else(company: Company) -> None:
    delegated(company.lead, company.lead2)
    change = a_change(company, "submitted")
    Journey(company, change).approve(company.lead2)
    assert change.approvals.get().decided_by == "Lead2"
    assert change.history.first().history_on_behalf_of == ""


@pytest.mark.parametrize("verb", ["reject", "approve_retroactively", "reject_retroactively"])
def test_delegate_makes_every_other_decision_too(company: Company, verb: str) -> None:
    change = a_draft(company)
    journey = Journey(company, change)
    journey.submit() if verb == "reject" else journey.start_unapproved()
    delegated(company.lead, company.engineer2)
    data = {"fingerprint": change.fingerprint(), "rejection": "refused"}
    journey.do(verb, company.engineer2, **data)
    assert change.approvals.get().decided_by.startswith("Engineer2 for Lead (delegation ")


@pytest.mark.parametrize("verb", ["share", "close", "confirm_approval"])
def test_delegation_is_for_decisions_only(company: Company, verb: str) -> None:
    delegated(company.lead, company.engineer2)
    change = a_change(company, "documented")
    assert delegation_for(company.engineer2, verb, change) is None


def test_delegation_ends_by_its_date(company: Company) -> None:
    change = a_change(company, "submitted")
    delegation = delegated(company.lead, company.engineer2)
    with clock.at(delegation.ends_at):
        refused(company, change)
    with clock.at(delegation.ends_at - timedelta(microseconds=1)):
        Journey(company, change).approve(company.engineer2)


def test_delegation_is_not_valid_before_it_begins(company: Company) -> None:
    change = a_change(company, "submitted")
    delegation = delegated(company.lead, company.engineer2)
    with clock.at(delegation.begins_at - timedelta(seconds=1)):
        refused(company, change)


def test_delegation_ended_early_is_over(company: Company) -> None:
    change = a_change(company, "submitted")
    delegation = delegated(company.lead, company.engineer2)
    DELEGATIONS.perform(delegation, "end", by=company.lead, reason="Back again.")
    refused(company, change)


def test_delegate_cannot_delegate_on(company: Company) -> None:
    delegated(company.lead, company.engineer2)
    with pytest.raises(Exception, match="Your role does not include"):
        delegated(company.engineer2, company.engineer)


def test_delegation_does_not_cascade(company: Company) -> None:
    """Lead2, who is no Lead any more, stands in for Lead; who stands in for Lead2 does not."""
    delegated(company.lead2, company.engineer2)
    delegated(company.lead, company.lead2)
    company.lead2.groups.clear()
    refused(company, a_change(company, "submitted"))


@pytest.mark.parametrize("verb", ["withdraw_role", "deactivate"])
def test_delegation_is_useless_once_the_delegator_lost_the_role(
    company: Company, verb: str
) -> None:
    change = a_change(company, "submitted")
    delegated(company.lead, company.engineer2)
    data = {"role": Group.objects.get(name=roles.LEAD)} if verb == "withdraw_role" else {}
    PEOPLE.perform(company.lead, verb, by=company.roleadmin, reason="Moved on.", **data)
    refused(company, change)


def test_delegation_is_useless_once_the_delegators_access_ended(company: Company) -> None:
    change = a_change(company, "submitted")
    delegated(company.lead, company.engineer2)
    company.lead.access_until = clock.now()
    company.lead.save()
    refused(company, change)


def test_delegation_is_limited_to_its_systems(company: Company) -> None:
    ledger = SYSTEMS.perform(
        System(name="ledger"), "register", by=company.lead, reason="We run it."
    )
    delegated(company.lead, company.engineer2, systems=[ledger])
    refused(company, a_change(company, "submitted"))
    refused(company, a_change(company, "submitted", systems=[company.system, ledger]))
    change = a_change(company, "submitted", systems=[ledger])
    Journey(company, change).approve(company.engineer2)
    assert change.status == "approved"


def test_delegation_of_a_lead_reaches_as_far_as_the_lead(company: Company) -> None:
    """The delegator decides for checkout alone; the delegation names no system."""
    lead = narrow_lead(company.system)
    ledger = SYSTEMS.perform(
        System(name="ledger"), "register", by=company.lead, reason="We run it."
    )
    delegated(lead, company.engineer2)
    refused(company, a_change(company, "submitted", systems=[company.system, ledger]))
    change = a_change(company, "submitted")
    Journey(company, change).approve(company.engineer2)
    assert change.status == "approved"


def test_delegator_who_keeps_the_systems_but_not_the_role_delegates_nothing(
    company: Company,
) -> None:
    lead = narrow_lead(company.system)
    delegated(lead, company.engineer2)
    lead.groups.clear()
    refused(company, a_change(company, "submitted"))


def test_lead_decides_for_a_system_not_theirs_as_a_delegate(company: Company) -> None:
    ledger = SYSTEMS.perform(
        System(name="ledger"), "register", by=company.lead, reason="We run it."
    )
    lead = narrow_lead(company.system)
    delegation = delegated(company.lead, lead)
    change = a_change(company, "submitted", systems=[ledger])
    Journey(company, change).approve(lead)
    assert change.approvals.get().delegation == delegation


def test_delegation_by_somebody_besides_the_requester_is_preferred(company: Company) -> None:
    requester = person("both", roles.ENGINEER, roles.LEAD)
    delegated(requester, company.engineer2)
    second = delegated(company.lead, company.engineer2)
    change = a_change(replace(company, engineer=requester), "submitted")
    Journey(company, change).approve(company.engineer2)
    assert change.approvals.get().delegation == second
