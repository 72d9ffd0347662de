"""Decisions on exactly what was shown: stale, repeated and forbidden ones are refused."""

import pytest

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from tests.pages.walk import ANSWERS, Person, declare_page, hidden, sentences
from tests.pages.world import act, page
from tests.scenario import Company, Journey, a_change, a_draft, an_incident

pytestmark = pytest.mark.once


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


@pytest.fixture
def lead(company: Company) -> Person:
    return Person(company.lead)


def amended(company: Company, change: EmergencyChange) -> None:
    """Change the scope behind the decider's back and ask again."""
    journey = Journey(company, EmergencyChange.objects.get(pk=change.pk))
    journey.do("amend", company.engineer)
    journey.do("revise", company.engineer, scope="Something else.", systems=[company.system])
    journey.submit()


@pytest.mark.parametrize("verb", ["approve", "reject"])
def test_decision_on_what_has_changed_since_is_refused(
    company: Company, lead: Person, verb: str
) -> None:
    change = a_change(company, "submitted")
    stale = hidden(lead.open(page(change, "decide")), "fingerprint")
    amended(company, change)
    answers = {"fingerprint": stale, "rejection": "refused"}
    said = "The change is not what you were shown. Read it again, then decide."
    response = lead.refused(change, verb, said, **answers)
    assert "Something else." in sentences(response)
    assert not change.approvals.exists()


def test_page_that_refuses_a_stale_decision_takes_the_decision_on_what_it_shows(
    company: Company, lead: Person
) -> None:
    change = a_change(company, "submitted")
    stale = hidden(lead.open(page(change, "decide")), "fingerprint")
    amended(company, change)
    said = "The change is not what you were shown."
    again = lead.refused(change, "approve", said, fingerprint=stale)
    seen = hidden(again, "fingerprint")
    response = lead.send(act(change, "approve"), reason="Read again.", fingerprint=seen)
    assert response.status_code == 302, sentences(response)


@pytest.mark.parametrize("fingerprint", ["", "0" * 64, "x" * 65, "\0"])
def test_decision_without_a_true_fingerprint_is_refused(
    company: Company, lead: Person, fingerprint: str
) -> None:
    change = a_change(company, "submitted")
    assert lead.send(act(change, "approve"), reason="Yes.").status_code == 422
    response = lead.send(act(change, "approve"), reason="Yes.", fingerprint=fingerprint)
    assert response.status_code == 422
    change.refresh_from_db()
    assert change.status == "submitted"


def test_link_does_not_bring_a_fingerprint_of_its_own(company: Company, lead: Person) -> None:
    change = a_change(company, "submitted")
    shown = lead.open(act(change, "approve"), fingerprint="0" * 64)
    assert hidden(shown, "fingerprint") == change.fingerprint()


def test_decision_that_somebody_else_made_meanwhile_is_refused_with_a_sentence(
    company: Company, lead: Person, engineer: Person
) -> None:
    change = a_change(company, "submitted")
    answers = {"fingerprint": change.fingerprint()}
    lead.do(change, "approve", **answers)
    other = Person(company.lead2)
    other.refused(change, "approve", "No verbal approval waits for an answer.", **answers)
    assert change.approvals.count() == 1
    Person(company.lead2).refused(change, "reject", "is possible only while", rejection="refused",
                                  **answers)  # fmt: skip
    engineer.do(change, "start")
    engineer.refused(change, "start", "is possible only while the emergency change is approved")


def test_incident_is_declared_twice_only_on_purpose(company: Company, engineer: Person) -> None:
    """Two changes for one incident are allowed; each gets its own number."""
    incident = an_incident(company)
    numbers = {engineer.declare(incident, scope=f"Part {part}.").number for part in (1, 2)}
    assert len(numbers) == 2


def test_second_of_a_double_click_declares_nothing(company: Company, engineer: Person) -> None:
    incident = an_incident(company)
    first = engineer.declare(incident)
    response = engineer.client.post(declare_page(incident), ANSWERS, follow=True)
    assert response.redirect_chain[-1][0] == page(first)
    assert f"You declared this a moment ago: it is {first.number}." in sentences(response)
    assert incident.changes.count() == 1
    assert incident.determinations.count() == 1


def test_act_in_the_wrong_status_says_so_before_anything_is_typed(
    company: Company, engineer: Person
) -> None:
    change = a_draft(company)
    shown = sentences(engineer.open(act(change, "document")))
    assert "Not possible now" in shown
    assert "is possible only while the emergency change is verified" in shown
    answers = {"rollback_actions": "None"}
    engineer.refused(change, "document", "is possible only while", **answers)


def test_requester_who_leads_too_may_not_approve_on_the_page(company: Company) -> None:
    company.engineer.groups.set([*company.engineer.groups.all(), *company.lead.groups.all()])
    both = Person(User.objects.get(pk=company.engineer.pk))
    change = a_change(company, "submitted")
    shown = sentences(both.open(page(change, "decide")))
    assert "You requested this change; someone else must decide on it." in shown
    both.refused(change, "approve", "You requested this change", fingerprint=change.fingerprint())
