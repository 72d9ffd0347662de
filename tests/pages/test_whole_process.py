"""A change from the incident to its closing by pages alone: the seven steps, and their variants."""

import re
from datetime import time, timedelta

import pytest

from changes.forms import DeclareForm
from changes.models import EmergencyChange, Policy
from ecportal import clock
from incidents.models import Incident
from reviews.models import CompanyHoliday, ControlException, FollowUpAction
from tests.pages.walk import Person, declare_page, sentences
from tests.pages.world import listing, page
from tests.scenario import Company, an_incident, the_review

pytestmark = pytest.mark.once


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


@pytest.fixture
def lead(company: Company) -> Person:
    return Person(company.lead)


@pytest.fixture
def lead2(company: Company) -> Person:
    return Person(company.lead2)


@pytest.fixture
def _no_window(company: Company) -> None:
    """No observation window: these tests do not wait half an hour."""
    Policy.objects.update_or_create(pk=1, defaults={"observation_minutes": 0})


def finish(engineer: Person, change: EmergencyChange) -> EmergencyChange:
    return engineer.do(change, "finish", "10:31 deployment 88213 done", outcome="successful",
                       source="deployment", no_deviations="on")  # fmt: skip


def to_documented(engineer: Person, change: EmergencyChange) -> EmergencyChange:
    """Go from implementing to documented."""
    finish(engineer, change)
    engineer.do(change, "verify", "0.1 % errors.", watched="Error rate")
    engineer.do(change, "attach_evidence", kind="verification", description="Error rate",
                link="https://grafana.example.test/d/1")  # fmt: skip
    return engineer.do(change, "document", "Checkout works again.", rollback_actions="None")


def review(reviewer: Person, change: EmergencyChange, **answers: str) -> EmergencyChange:
    held = {"genuine": "yes", "procedure_followed": "yes", "no_follow_up_reason": "One-off."}
    reviewer.do(the_review(change), "complete", "It was right.", **{**held, **answers})
    change.refresh_from_db()
    return change


@pytest.mark.usefixtures("_no_window")
def test_change_goes_from_the_incident_to_closed_by_pages_alone(
    company: Company, engineer: Person, lead: Person, lead2: Person
) -> None:
    answers = {"title": "Checkout fails", "severity": 1, "systems": [company.system.pk],
               "began_at": "2025-01-06T10:00", "reason": "Monitoring paged us."}  # fmt: skip
    assert engineer.send(listing(Incident, "add"), **answers).status_code == 302
    incident = Incident.objects.get()
    assert "Declare emergency" in sentences(engineer.open(page(incident)))
    change = engineer.declare(incident)
    assert (change.status, change.requester) == ("submitted", company.engineer)
    assert change.asked_approver == company.lead
    assert lead.decide(change, "approve").approver == company.lead
    assert engineer.do(change, "start").status == "implementing"
    assert to_documented(engineer, change).status == "documented"
    due = (clock.now() + timedelta(days=9)).date().isoformat()
    rows = {"title_1": "Add an alert", "owner_1": company.engineer.pk, "due_on_1": due}
    change = review(lead2, change, **rows, no_follow_up_reason="")
    assert (change.status, change.reviewer) == ("closed", company.lead2)
    action = FollowUpAction.objects.get()
    assert engineer.do(action, "complete", "The alert is there.").status == "done"
    text = sentences(engineer.open(page(change)))
    assert "5 of 5" in text
    assert "Nobody. Everything is in." in text
    assert not ControlException.objects.exists()
    for word in ("Add an alert", "Approved as shown.", "0.1 % errors.", "Checkout works again."):
        assert word in text


def test_each_act_names_who_was_signed_in_whatever_the_form_says(
    company: Company, engineer: Person
) -> None:
    change = engineer.declare(
        an_incident(company), requester=company.lead.pk, by=company.lead.pk, user=company.lead.pk
    )
    assert change.requester == company.engineer
    assert {row.history_user_id for row in change.history.all()} == {company.engineer.pk}


def test_declaring_has_at_most_six_required_fields(company: Company, engineer: Person) -> None:
    incident = an_incident(company)
    form = DeclareForm(incident=incident, user=company.engineer)
    assert len([name for name, field in form.fields.items() if field.required]) <= 6
    html = engineer.open(declare_page(incident)).content.decode()
    required = set(re.findall(r'<(?:input|select|textarea)[^>]*name="(\w+)"[^>]*\srequired', html))
    assert len(required) <= 6, required
    assert engineer.send(declare_page(incident), title="").status_code == 422
    assert not EmergencyChange.objects.exists()


def test_verbal_approval_is_claimed_when_declaring_and_confirmed_by_the_lead(
    company: Company, engineer: Person, lead: Person, lead2: Person
) -> None:
    said = {"route": "claim", "said_by": company.lead.pk, "said": "“Roll it back.”",
            "channel": "phone"}  # fmt: skip
    change = engineer.declare(an_incident(company), **said)
    assert (change.status, change.approver) == ("approved", company.lead)
    assert engineer.do(change, "start").status == "implementing"
    shown = sentences(lead.open(page(change, "decide")))
    assert "Engineer says you approved (phone)" in shown
    assert "“Roll it back.”" in shown
    lead2.refused(change, "confirm_approval", "Only Lead, who is said to have approved")
    engineer.open(f"/admin/changes/emergencychange/{change.pk}/act/confirm_approval/", 403)
    lead.decide(change, "confirm_approval")
    assert change.approvals.get().status == "confirmed"
    assert not ControlException.objects.exists()


def test_verbal_approval_is_claimed_later_and_denied(
    company: Company, engineer: Person, lead: Person
) -> None:
    change = engineer.declare(an_incident(company))
    claim = {"approver": company.lead.pk, "channel": "chat"}
    engineer.do(change, "claim_approval", "“Go ahead.”", **claim)
    engineer.do(change, "start")
    lead.decide(change, "deny_approval", reason="We never spoke.", kind="never")
    assert change.without_approval
    kinds = set(ControlException.objects.values_list("kind", flat=True))
    assert "denied" in kinds
    assert "Without approval" in sentences(engineer.open(page(change)))
    lead.decide(change, "approve_retroactively")
    assert change.approver == company.lead


@pytest.mark.usefixtures("_no_window")
def test_change_that_started_without_approval_closes_with_its_exception(
    company: Company, engineer: Person, lead: Person, lead2: Person
) -> None:
    change = engineer.declare(an_incident(company))
    engineer.do(change, "start_unapproved", "Nobody answered.")
    assert change.without_approval
    lead.decide(change, "reject_retroactively", reason="It could have waited.")
    to_documented(engineer, change)
    assert review(lead2, change, procedure_followed="no").status == "closed"
    exception = ControlException.objects.get(kind="unapproved")
    lead.do(exception, "answer", "We call a second Lead from now on.")
    assert exception.status == "answered"


@pytest.mark.usefixtures("_no_window")
def test_failed_check_sends_the_change_back_to_implementing(
    company: Company, engineer: Person, lead: Person
) -> None:
    change = engineer.declare(an_incident(company))
    lead.decide(change, "approve")
    finish(engineer, engineer.do(change, "start"))
    engineer.do(change, "report_instability", "3 % errors.", watched="Error rate")
    assert change.status == "implementing"
    finish(engineer, change)
    assert engineer.do(change, "verify", "0.1 %.", watched="Error rate").status == "verified"
    text = sentences(engineer.open(page(change)))
    assert "Not stable" in text
    assert "3 % errors." in text


def test_stability_is_not_verified_before_the_window_has_passed(
    company: Company, engineer: Person, lead: Person
) -> None:
    change = engineer.declare(an_incident(company))
    lead.decide(change, "approve")
    finish(engineer, engineer.do(change, "start"))
    assert "The observation window of 30 minutes ends" in sentences(engineer.open(page(change)))
    engineer.refused(change, "verify", "The observation window of 30 minutes", watched="Errors")


def test_rejected_change_is_reworked_and_asked_for_again(
    company: Company, engineer: Person, lead: Person
) -> None:
    change = engineer.declare(an_incident(company))
    lead.decide(change, "reject", rejection="sent_back", reason="Name the nodes.")
    engineer.do(change, "rework")
    values = {"title": "Roll back", "scope": "All nodes.", "systems": [company.system.pk],
              "risk": "high", "rollback_plan": "Forward again."}  # fmt: skip
    engineer.do(change, "revise", **values)
    engineer.do(change, "submit", asked_approver=company.lead2.pk)
    assert (change.status, change.scope) == ("submitted", "All nodes.")
    assert change.asked_approver == company.lead2


def test_skipped_test_is_caught_up_on(company: Company, engineer: Person, lead: Person) -> None:
    change = engineer.declare(an_incident(company))
    lead.decide(change, "approve")
    engineer.do(change, "start")
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    engineer.do(change, "record_deviation", "No time.", skipped="Load test", catch_up_on=day)
    deviation = change.deviations.get()
    engineer.do(change, "catch_up", "It passes.", deviation=deviation.pk)
    deviation.refresh_from_db()
    assert deviation.caught_up_by == company.engineer


def test_delegate_decides_for_the_lead_from_the_page(
    company: Company, engineer: Person, lead: Person
) -> None:
    times = {"begins_at": "2025-01-06T10:00", "ends_at": "2099-01-05T10:00"}
    answers = {"delegate": company.engineer2.pk, "reason": "Holiday.", **times}
    assert lead.send("/admin/changes/delegation/add/", **answers).status_code == 302
    change = engineer.declare(an_incident(company))
    delegate = Person(company.engineer2)
    delegate.decide(change, "approve")
    assert change.approver == company.engineer2
    text = sentences(lead.open(page(change)))
    assert re.search(r"Engineer2 for Lead \(delegation \d+\)", text)


def test_lead_changes_the_policy_of_a_new_portal(company: Company, lead: Person) -> None:
    assert Policy.objects.count() == 1
    policy = Policy.objects.get()
    numbers = {"approval_minutes": 20, "confirmation_hours": 12, "documentation_hours": 24,
               "observation_minutes": 10, "quiet_from": "22:00", "quiet_until": "06:30",
               "window_from": "08:00", "window_until": "18:00",
               "reminder_days": ["Mon", "Sat"]}  # fmt: skip
    revised = lead.do(policy, "revise", **numbers)
    assert (revised.observation_minutes, revised.reminder_days) == (10, "Mon Sat")
    assert (revised.quiet_from, revised.quiet_until) == (time(22), time(6, 30))


def test_withdrawn_holiday_is_declared_again(company: Company, lead: Person) -> None:
    day = {"day": "2099-12-24", "name": "Company day", "reason": "As every year."}
    assert lead.send("/admin/reviews/companyholiday/add/", **day).status_code == 302
    holiday = CompanyHoliday.objects.get()
    lead.do(holiday, "withdraw")
    assert lead.do(holiday, "declare").status == "declared"
