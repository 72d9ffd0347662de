"""The database refuses bad incidents and determinations around every rule."""

from datetime import timedelta
from typing import Any

import pytest

from ecportal import clock
from incidents.lifecycle import INCIDENTS
from incidents.models import Determination, Incident, IncidentNote, IncidentSystem, System
from tests.changes.around_the_door import (
    assert_copy_refused_by,
    assert_refused_by,
    constraints_of,
)
from tests.scenario import Company, an_incident, determined


def later() -> Any:
    return clock.now() + timedelta(days=400)


BAD: list[tuple[str, Any, dict[str, Any]]] = [
    ("incident_has_a_number", Incident, {"number": ""}),
    ("incident_began_in_the_past", Incident, {"began_at": later()}),
    ("resolved_incident_says_when", Incident, {"status": "resolved"}),
    ("resolved_incident_says_when", Incident, {"resolved_at": later()}),
    ("resolved_incident_says_when", Incident, {"status": "cancelled", "resolved_at": later()}),
    ("note_happened_in_the_past", IncidentNote, {"happened_at": later()}),
    ("emergency_says_which_and_why", Determination, {"criterion": ""}),
    ("emergency_says_which_and_why", Determination, {"why_not_normal": ""}),
    ("determined_in_the_past", Determination, {"decided_at": later()}),
]


@pytest.mark.parametrize(("name", "model", "values"), BAD)
def test_bad_row_is_refused(
    company: Company, name: str, model: Any, values: dict[str, Any]
) -> None:
    incident = determined(company, an_incident(company))
    INCIDENTS.perform(incident, "note", by=company.engineer, reason="Calls come in.")
    assert_refused_by(name, model.objects.all(), **values)


def test_system_is_named_once(company: Company) -> None:
    an_incident(company)
    assert_copy_refused_by("incident_names_system_once", IncidentSystem.objects.get())


def test_alert_makes_one_incident(company: Company) -> None:
    incident = an_incident(company, source="pagerduty", source_key="P1")
    assert_copy_refused_by("one_incident_an_alert", incident, number="INC-2026-9999")


def test_incidents_without_a_key_are_as_many_as_there_are(company: Company) -> None:
    an_incident(company)
    an_incident(company)
    assert Incident.objects.count() == 2


def test_number_and_name_are_given_once(company: Company) -> None:
    assert_copy_refused_by("number", an_incident(company))
    assert_copy_refused_by("name", System.objects.get())


def test_every_constraint_was_tried() -> None:
    tried = {name for name, *_ in BAD}
    tried |= {"incident_names_system_once", "one_incident_an_alert"}
    assert constraints_of("incidents") == tried
