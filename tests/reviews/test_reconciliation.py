"""What no change claims lands in the inbox once, and leaves it by a Lead or by itself."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from changes.deployments import hear as hear_deployment
from changes.lifecycle import CHANGES, DEPLOYMENTS, POLICIES, TICKETS
from changes.models import Deployment, Policy, Ticket
from changes.tickets import hear as hear_ticket
from ecportal import clock
from ecportal.integrations.facts import DeploymentHeard, TicketHeard
from ecportal.lifecycle import TransitionRefused
from incidents.lifecycle import INCIDENTS
from reviews.models import ReconciliationItem
from reviews.reconciliation import reconcile
from reviews.reconciling import RECONCILIATIONS
from tests.scenario import Company, a_change, a_draft, an_incident, determined

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 18, 12, tzinfo=BERLIN)  # a Wednesday
NIGHT = datetime(2026, 11, 18, 3, tzinfo=BERLIN)
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=BERLIN)


def deployed(at: datetime, key: str = "88213", **values: Any) -> Deployment:
    told = {"status": "succeeded", "environment": "production", "finished_at": at, **values}
    with clock.at(at + timedelta(seconds=5)):
        hear_deployment(DeploymentHeard(system="github", key=key, at=at, **told))
    return Deployment.objects.get(key=key)


def ticket(key: str = "OPS-7", **values: Any) -> Ticket | None:
    told = {"event": "opened", "summary": "Roll back", "labels": ("emergency",), **values}
    hear_ticket(TicketHeard(system="jira", key=key, at=values.pop("at", clock.now()), **{
        name: value for name, value in told.items() if name != "at"}))  # fmt: skip
    return Ticket.objects.filter(key=key).first()


def items() -> list[str]:
    return [f"{item.kind} {item.status}" for item in ReconciliationItem.objects.order_by("pk")]


def the_item() -> ReconciliationItem:
    return ReconciliationItem.objects.get()


# --- what is found ------------------------------------------------------------------------------
def test_incident_of_severity_one_is_found_once_until_it_is_determined(company: Company) -> None:
    incident = an_incident(company, severity=1)
    assert (reconcile(), reconcile()) == (1, 0)
    assert "Nobody has determined" in the_item().rule
    determined(company, incident)
    assert items() == ["incident settled"]
    assert (reconcile(), the_item().settled_by.is_system) == (0, True)


@pytest.mark.parametrize("values", [{"severity": 2}, {"severity": 4}])
def test_lesser_incident_is_not_found(company: Company, values: dict[str, int]) -> None:
    an_incident(company, **values)
    assert reconcile() == 0


def test_cancelled_incident_leaves_the_inbox(company: Company) -> None:
    incident = an_incident(company, severity=1)
    reconcile()
    INCIDENTS.perform(incident, "cancel", by=company.engineer, reason="A drill.")
    assert items() == ["incident settled"]


@pytest.mark.parametrize(
    ("at", "found"), [(NOON, 0), (NIGHT, 1), (SATURDAY, 1)], ids=["noon", "night", "weekend"]
)
def test_deployment_outside_the_change_window_is_found(
    company: Company, at: datetime, found: int
) -> None:
    deployed(at)
    with clock.at(at + timedelta(minutes=1)):
        assert reconcile() == found


def test_window_is_the_policys_and_may_be_always_open(company: Company) -> None:
    policy, _new = Policy.objects.get_or_create(pk=1)
    hours = {"window_from": NIGHT.time(), "window_until": NIGHT.time()}
    POLICIES.perform(policy, "revise", by=company.lead, reason="Day and night.", **hours)
    deployed(SATURDAY)
    with clock.at(SATURDAY + timedelta(minutes=1)):
        assert reconcile() == 0


@pytest.mark.parametrize(
    "values", [{"environment": "staging"}, {"status": "pending"}, {"status": "canceled"}]
)
def test_what_did_not_run_in_production_is_not_found(
    company: Company, values: dict[str, str]
) -> None:
    deployed(NIGHT, **values)
    with clock.at(NIGHT + timedelta(minutes=1)):
        assert reconcile() == 0


def test_deployment_during_an_open_incident_is_found_though_the_window_is_open(
    company: Company,
) -> None:
    with clock.at(NOON - timedelta(hours=1)):
        an_incident(company, severity=4, began_at=NOON - timedelta(hours=2))
    deployed(NOON)
    with clock.at(NOON + timedelta(minutes=1)):
        assert reconcile() == 1
    assert "INC-" in the_item().rule


def test_deployment_after_the_incident_is_not_found(company: Company) -> None:
    with clock.at(NOON - timedelta(hours=1)):
        incident = an_incident(company, severity=4, began_at=NOON - timedelta(hours=2))
        INCIDENTS.perform(incident, "resolve", by=company.engineer, reason="It is over.")
    deployed(NOON)
    with clock.at(NOON + timedelta(minutes=1)):
        assert reconcile() == 0


def test_ticket_that_looks_like_an_emergency_is_found(company: Company) -> None:
    assert ticket("OPS-1", labels=("minor",)) is None
    ticket("OPS-2", labels=("Emergency",))
    ticket("OPS-3", labels=(), issue_type="Emergency Change")
    assert (reconcile(), items()) == (2, ["ticket open"] * 2)


def test_ticket_that_becomes_an_emergency_is_found_then(company: Company) -> None:
    assert ticket(labels=()) is None
    assert ticket(event="changed") is not None
    assert reconcile() == 1


def test_ticket_that_is_no_emergency_any_more_settles_itself(company: Company) -> None:
    ticket()
    reconcile()
    ticket(event="changed", labels=(), at=clock.now() + timedelta(seconds=1))
    assert items() == ["ticket settled"]


def test_ticket_that_names_a_change_belongs_to_it(company: Company) -> None:
    change = a_draft(company)
    found = ticket(mentions=(f"For {change.number}",))
    assert found is not None
    assert (found.change, found.link, reconcile()) == (change, "reference", 0)


# --- how it is settled --------------------------------------------------------------------------
def match(item: ReconciliationItem, change: Any, by: Any) -> None:
    RECONCILIATIONS.perform(item, "match", by=by, reason="The same work.", change=change)


def test_item_names_what_it_is_about_once(company: Company) -> None:
    deployment = deployed(NIGHT)
    named = ReconciliationItem(kind="deployment", deployment=deployment)
    assert str(named) == "Deployment 88213 to production"
    linked = ticket("OPS-7")
    assert str(ReconciliationItem(kind="ticket", ticket=linked)) == "Ticket OPS-7"


def test_matched_deployment_is_attached_to_the_change(company: Company) -> None:
    with clock.at(NIGHT - timedelta(minutes=20)):
        change = a_change(company, "implementing")
    deployed(NIGHT)
    with clock.at(NIGHT + timedelta(minutes=1)):
        reconcile()
        match(the_item(), change, company.lead2)
    assert items() == ["deployment matched"]
    assert Deployment.objects.get().change == change
    assert not change.exceptions.filter(kind__in=["not_declared", "no_incident"]).exists()


def test_change_that_was_declared_after_it_was_found_is_an_exception(company: Company) -> None:
    deployed(NIGHT)
    with clock.at(NIGHT + timedelta(minutes=1)):
        reconcile()
    with clock.at(NIGHT + timedelta(hours=2)):
        change = a_change(company, "implementing")
        match(the_item(), change, company.lead2)
    kinds = set(change.exceptions.values_list("kind", flat=True))
    assert {"not_declared", "no_incident"} <= kinds


def test_cancelled_change_is_refused_and_what_it_claimed_comes_back(company: Company) -> None:
    with clock.at(NIGHT - timedelta(minutes=20)):
        change = a_change(company, "submitted")
    deployed(NIGHT)
    with clock.at(NIGHT + timedelta(minutes=1)):
        reconcile()
        match(the_item(), change, company.lead2)
        CHANGES.perform(change, "cancel", by=company.engineer, reason="Not needed.")
        assert items() == ["deployment open"]
        with pytest.raises(TransitionRefused, match="was cancelled"):
            match(the_item(), change, company.lead2)


def test_dismissed_item_says_why_and_can_be_opened_again(company: Company) -> None:
    ticket()
    reconcile()
    item = the_item()
    RECONCILIATIONS.perform(item, "dismiss", by=company.lead, reason="A duplicate of OPS-6.")
    assert (item.reason, item.settled_by) == ("A duplicate of OPS-6.", company.lead)
    RECONCILIATIONS.perform(item, "reopen", by=company.lead, reason="It was none.")
    assert items() == ["ticket open"]


def test_match_that_is_taken_back_lets_the_deployment_go(company: Company) -> None:
    with clock.at(NIGHT - timedelta(minutes=20)):
        change = a_change(company, "submitted")
    deployed(NIGHT)
    with clock.at(NIGHT + timedelta(minutes=1)):
        reconcile()
        match(the_item(), change, company.lead2)
        RECONCILIATIONS.perform(the_item(), "reopen", by=company.lead, reason="Another one.")
    assert (items(), Deployment.objects.get().change) == (["deployment open"], None)


def test_deployment_that_is_attached_elsewhere_settles_itself_and_comes_back(
    company: Company,
) -> None:
    with clock.at(NIGHT - timedelta(minutes=20)):
        change = a_change(company, "submitted")
    deployment = deployed(NIGHT)
    with clock.at(NIGHT + timedelta(minutes=1)):
        reconcile()
        words = {"by": company.engineer, "reason": "It is mine."}
        DEPLOYMENTS.perform(deployment, "attach", change=change, **words)
        assert (items(), the_item().change) == (["deployment settled"], change)
        DEPLOYMENTS.perform(deployment, "detach", **words)
    assert items() == ["deployment open"]


def test_engineer_and_auditor_settle_nothing(company: Company) -> None:
    ticket()
    reconcile()
    for person in (company.engineer, company.auditor, company.roleadmin):
        for verb in ("match", "dismiss"):
            with pytest.raises(TransitionRefused, match="Your role"):
                RECONCILIATIONS.perform(the_item(), verb, by=person, reason="So.", change=None)


def test_linked_ticket_is_linked_by_the_match(company: Company) -> None:
    change = a_draft(company)
    ticket()
    reconcile()
    match(the_item(), change, company.lead)
    found = Ticket.objects.get()
    assert (found.change, found.link, found.linked_by) == (change, "person", company.lead)
    TICKETS.perform(found, "unlink", by=company.lead, reason="Wrong one.")
    assert items() == ["ticket open"]
