"""A refused act brings its page back with the sentence, at the field, and with what was typed."""

import re
from typing import Any

import pytest
from django.test import Client

from incidents.models import Incident
from tests.pages.walk import ANSWERS, Person, declare_page, error_at, sentences
from tests.pages.world import act, counts, listing
from tests.reviews.test_owing import follow_up
from tests.scenario import Company, a_change, an_incident

pytestmark = pytest.mark.once

TOMORROW = "2099-01-01T10:00"


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


def test_refused_declaration_keeps_what_was_typed_and_saves_nothing(
    company: Company, engineer: Person
) -> None:
    incident = an_incident(company)
    before = counts()
    typed = {**ANSWERS, "route": "claim", "said": "", "scope": "All <nodes> & more"}
    response = engineer.send(declare_page(incident), **typed)
    assert response.status_code == 422
    assert error_at(response, "said") == "Write what was said."
    assert error_at(response, "channel") == "Choose how it was said."
    text = response.content.decode()
    assert "All &lt;nodes&gt; &amp; more" in text
    assert re.search(r'value="outage"[^>]* checked', text)
    assert counts() == before


def test_follow_up_is_dropped_with_why_it_is_no_longer_needed(company: Company) -> None:
    action = follow_up(company, a_change(company, "documented"), company.engineer)
    asked = sentences(Person(company.lead).open(act(action, "drop")))
    assert "Why is it no longer needed?" in asked
    assert "What was done?" not in asked


def test_declaration_refused_in_its_last_part_saves_no_earlier_part(
    company: Company, engineer: Person
) -> None:
    """Determination, change and number go with the claim that the rule layer refuses."""
    incident = an_incident(company)
    before = counts()
    said = {"route": "claim", "said_by": company.lead.pk, "said": "Yes.", "channel": "phone",
            "said_at": TOMORROW}  # fmt: skip
    response = engineer.send(declare_page(incident), **{**ANSWERS, **said})
    assert response.status_code == 422
    assert "This time is in the future." in error_at(response, "said_at")
    assert counts() == before
    assert not incident.determinations.exists()
    assert engineer.declare(incident).number.endswith("-0001")


@pytest.mark.parametrize(
    ("verb", "answers"),
    [
        ("note", {}),
        ("determine", {"criterion": "outage", "verdict": "emergency", "imminence": "occurring",
                       "basis": "alert"}),
        ("resolve", {}),
    ],
)  # fmt: skip
def test_future_is_refused_at_the_field(
    company: Company, engineer: Person, verb: str, answers: Any
) -> None:
    incident = an_incident(company)
    said = "This time is in the future. Enter a time up to"
    typed = {**answers, "happened_at": TOMORROW, "reason": "Typed with care."}
    response = engineer.refused(incident, verb, said, **typed)
    assert said in error_at(response, "happened_at")
    assert "Typed with care." in response.content.decode()
    assert f'value="{TOMORROW}"' in response.content.decode()


def test_incident_that_begins_in_the_future_is_refused(company: Company, engineer: Person) -> None:
    answers = {"title": "Checkout fails", "severity": 1, "systems": [company.system.pk],
               "began_at": TOMORROW, "reason": "An alert."}  # fmt: skip
    response = engineer.send(listing(Incident, "add"), **answers)
    assert response.status_code == 422
    assert "cannot begin in the future" in sentences(response)
    assert "Checkout fails" in response.content.decode()
    assert not Incident.objects.exists()


def test_reason_is_required_and_has_a_limit(company: Company, engineer: Person) -> None:
    incident = an_incident(company)
    for reason in ("", " \n "):
        response = engineer.refused(incident, "note", "Answer in a sentence.", reason=reason)
        assert error_at(response, "reason")
    engineer.refused(incident, "note", "at most 10000 characters", reason="x" * 10_001)
    engineer.do(incident, "note", reason="x" * 10_000)


def test_form_without_its_token_gets_the_portals_own_page(company: Company) -> None:
    incident = an_incident(company)
    client = Client(enforce_csrf_checks=True)
    client.force_login(company.engineer)
    before = counts()
    response = client.post(act(incident, "note"), {"reason": "Typed for long."})
    assert response.status_code == 403
    text = sentences(response)
    assert "This form is no longer valid" in text
    assert "Nothing was saved" in text
    assert "To the home page" in text
    assert counts() == before
