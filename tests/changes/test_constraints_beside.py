"""The database refuses bad approvals, delegations, evidence and work records around every rule."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from changes.models import (
    Approval,
    ChangeSystem,
    DelegatedSystem,
    Delegation,
    Deployment,
    DeploymentSystem,
    Deviation,
    EmergencyChange,
    Evidence,
    ExecutionEntry,
    Policy,
    StabilityCheck,
    Ticket,
)
from ecportal import clock
from ecportal.integrations.facts import TicketHeard
from ecportal.integrations.hearing import tell
from tests.changes.around_the_door import (
    assert_copy_refused_by,
    assert_refused_by,
    constraints_of,
)
from tests.changes.delegating import delegated
from tests.changes.deploying import told
from tests.scenario import Company, Journey, a_change, a_draft


def later() -> Any:
    return clock.now() + timedelta(days=400)


def in_system(company: Company) -> Any:
    a_change(company, "approved")
    return Approval.objects.all()


def claim(company: Company) -> Any:
    Journey(company, a_draft(company)).submit().claim()
    return Approval.objects.all()


def delegation(company: Company) -> Any:
    delegated(company.lead, company.lead2, systems=[company.system])
    return Delegation.objects.all()


def link(company: Company) -> Any:
    a_change(company, "documented")
    return Evidence.objects.all()


def deviation(company: Company) -> Any:
    change = a_change(company, "implementing")
    Journey(company, change).do("record_deviation", company.engineer, skipped="Load test")
    return Deviation.objects.all()


def policy(company: Company) -> Any:
    Policy.objects.get_or_create(pk=1)
    return Policy.objects.all()


def executed(company: Company) -> Any:
    a_change(company, "implemented")
    return ExecutionEntry.objects.all()


def checked(company: Company) -> Any:
    a_change(company, "verified")
    return StabilityCheck.objects.all()


def deployment(company: Company) -> Any:
    told()
    return Deployment.objects.all()


def attached(company: Company) -> Any:
    told(mentions=(a_change(company, "approved").number,), system_names=("checkout",))
    return Deployment.objects.all()


def ticket(company: Company, *mentions: str) -> Any:
    heard = TicketHeard(system="jira", key="OPS-7", at=clock.now(), event="opened",
                        labels=("emergency",), mentions=mentions)  # fmt: skip
    tell(heard)
    return Ticket.objects.all()


def linked(company: Company) -> Any:
    return ticket(company, a_draft(company).number)


BAD: list[tuple[str, Callable[[Company], Any], dict[str, Any]]] = [
    ("nobody_decides_on_their_own_change", in_system, {"approver": F("requester")}),
    ("nobody_decides_on_their_own_change", claim, {"requester": F("approver")}),
    ("verbal_approval_says_who_claims_it", claim, {"claimed_by": None}),
    ("verbal_approval_says_who_claims_it", claim, {"channel": ""}),
    ("only_a_claim_is_confirmed_or_denied", in_system, {"status": "claimed"}),
    ("only_a_claim_is_confirmed_or_denied", in_system,
     {"status": "confirmed", "answered_at": F("recorded_at")}),
    ("only_a_claim_is_confirmed_or_denied", in_system,
     {"status": "denied", "answered_at": F("recorded_at")}),
    ("answered_claim_says_when", claim, {"status": "confirmed"}),
    ("answered_claim_says_when", claim, {"status": "denied"}),
    ("nobody_claims_their_own_approval", claim, {"claimed_by": F("approver")}),
    ("decided_in_the_past", in_system, {"decided_at": later()}),
    ("delegation_ends_after_it_begins", delegation, {"ends_at": F("begins_at")}),
    ("nobody_delegates_to_themselves", delegation, {"delegate": F("delegator")}),
    ("evidence_is_one_of_file_link_text", link, {"link": ""}),
    ("evidence_is_one_of_file_link_text", link, {"text": "too", "sha256": "0" * 64}),
    ("evidence_is_one_of_file_link_text", link, {"link": "", "text": "without digest"}),
    ("evidence_is_one_of_file_link_text", link, {"link": "", "file": "without-digest"}),
    ("evidence_supersedes_an_earlier_one", link, {"supersedes": F("id")}),
    ("captured_in_the_past", link, {"captured_at": later()}),
    ("executed_in_the_past", executed, {"happened_at": later()}),
    ("checked_in_the_past", checked, {"happened_at": later()}),
    ("caught_up_says_by_whom", deviation, {"caught_up_at": later()}),
    ("caught_up_says_by_whom", deviation,
     {"caught_up_at": later(), "caught_up_by": F("written_by")}),
    ("one_policy", policy, {"id": 2}),
    ("deployment_says_which_one_it_is", deployment, {"key": ""}),
    ("deployment_says_which_one_it_is", deployment, {"source": ""}),
    ("attached_deployment_says_how", deployment, {"attachment": "reference"}),
    ("attached_deployment_says_how", attached, {"attachment": "detached"}),
    ("deployment_attached_by_hand_says_by_whom", attached,
     {"attachment": "person", "attached_by": None}),
    ("executed_deployment_belongs_to_a_change", attached, {"change": None, "attachment": "none"}),
    ("ticket_says_which_one_it_is", ticket, {"key": ""}),
    ("ticket_says_which_one_it_is", ticket, {"source": ""}),
    ("linked_ticket_says_how", ticket, {"link": "reference"}),
    ("linked_ticket_says_how", linked, {"link": "unlinked"}),
    ("ticket_linked_by_hand_says_by_whom", linked, {"link": "person", "linked_by": None}),
]  # fmt: skip
UNIQUE = [
    ("one_standing_approval_a_change", in_system),
    ("change_names_system_once", lambda company: [a_draft(company), ChangeSystem.objects.all()][1]),
    ("each_deployment_once", deployment),
    ("each_ticket_once", ticket),
    ("deployment_names_system_once",
     lambda company: [attached(company), DeploymentSystem.objects.all()][1]),
    ("delegation_names_system_once",
     lambda company: [delegation(company), DelegatedSystem.objects.all()][1]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "values"), BAD)
def test_bad_row_is_refused(
    company: Company, name: str, rows: Callable[[Company], Any], values: dict[str, Any]
) -> None:
    assert_refused_by(name, rows(company), **values)


@pytest.mark.parametrize(("name", "rows"), UNIQUE)
def test_second_row_is_refused(company: Company, name: str, rows: Callable[[Company], Any]) -> None:
    assert_copy_refused_by(name, rows(company).get())


@pytest.mark.parametrize("status", ["approved", "claimed"])
def test_claim_that_waits_and_another_approval_do_not_stand_together(
    company: Company, status: str
) -> None:
    approval = claim(company).get()
    kind = "in_system" if status == "approved" else "verbal"
    assert_copy_refused_by("one_standing_approval_a_change", approval, status=status, kind=kind)


def test_number_is_given_once(company: Company) -> None:
    assert_copy_refused_by("number", a_draft(company))


def test_every_constraint_was_tried() -> None:
    tried = {name for name, *_ in [*BAD, *UNIQUE]}
    of_the_change = {constraint.name for constraint in EmergencyChange._meta.constraints}
    assert constraints_of("changes") == tried | of_the_change
