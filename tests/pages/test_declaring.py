"""The ways to declare an emergency: from an incident, by its number, and where there is none."""

import re

import pytest

from changes.models import EmergencyChange
from incidents.models import Incident
from tests.pages.walk import ANSWERS, Person, declare_page, error_at
from tests.scenario import Company, an_incident

pytestmark = pytest.mark.once

ANY = "/admin/changes/emergencychange/declare/"


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


def test_number_of_the_incident_leads_straight_to_its_six_questions(
    company: Company, engineer: Person
) -> None:
    incident = an_incident(company)
    for name in (incident.number, incident.number.lower(), str(incident.pk)):
        response = engineer.open(ANY, 302, incident=name)
        assert response["Location"] == declare_page(incident)
    for name in ("INC-1999-0001", "0", "9" * 40, "", "²"):
        engineer.open(ANY, 404, incident=name)


def test_incident_that_nobody_recorded_is_recorded_on_the_way(
    company: Company, engineer: Person
) -> None:
    answers = {"title": "Checkout fails", "severity": 1, "systems": [company.system.pk],
               "began_at": "2025-01-06T10:00"}  # fmt: skip
    response = engineer.send(ANY, **answers)
    incident = Incident.objects.get()
    assert response["Location"] == declare_page(incident)
    assert (incident.title, incident.recorded_by) == ("Checkout fails", company.engineer)
    assert engineer.declare(incident).incident == incident


def test_new_incident_is_refused_with_what_to_enter(company: Company, engineer: Person) -> None:
    response = engineer.send(ANY, title="Checkout fails", severity=1, began_at="2099-01-01T10:00")
    assert response.status_code == 422
    assert error_at(response, "systems") == "Choose at least one."
    response = engineer.send(ANY, title="Checkout fails", severity=1, systems=[company.system.pk],
                             began_at="2099-01-01T10:00")  # fmt: skip
    assert "cannot begin in the future" in error_at(response, "began_at")
    assert "Checkout fails" in response.content.decode()
    assert not Incident.objects.exists()


def test_who_answered_a_verbal_yes_types_one_thing_more(company: Company, engineer: Person) -> None:
    """Who, how and when are filled in; what was said is typed."""
    incident = an_incident(company)
    html = engineer.open(declare_page(incident)).content.decode()
    assert re.search(rf'<option value="{company.lead.pk}" selected>', html)
    assert re.search(r'name="channel" value="phone"[^>]* checked', html)
    said = {"route": "claim", "said_by": company.lead.pk, "channel": "phone", "said": "“Yes.”"}
    change = engineer.declare(incident, **said)
    assert (change.status, change.approver) == ("approved", company.lead)


def test_first_question_has_the_focus_and_no_other(company: Company, engineer: Person) -> None:
    html = engineer.open(declare_page(an_incident(company))).content.decode()
    assert html.count("autofocus") == 1
    assert re.search(r'name="criterion" value="outage"[^>]* autofocus', html)


def test_errors_are_told_together_take_the_focus_and_say_what_to_enter(
    company: Company, engineer: Person
) -> None:
    typed = {**ANSWERS, "scope": "", "risk": ""}
    response = engineer.send(declare_page(an_incident(company)), **typed)
    html = response.content.decode()
    note = html.split('class="errornote"')[1].split("</div>")[0]
    assert "autofocus" in note
    assert html.count("autofocus") == 1
    assert '<a href="#id_scope">' in note
    assert '<a href="#id_risk_0">' in note
    assert error_at(response, "scope") == "Answer in a sentence."
    assert error_at(response, "risk") == "Choose one."
    assert not EmergencyChange.objects.exists()
