"""The guards of incidents and systems, and no exception for superusers."""

from datetime import timedelta
from typing import Any

import pytest

from changes.lifecycle import CHANGES
from ecportal import clock
from incidents.lifecycle import INCIDENTS, SYSTEMS
from incidents.models import Incident
from tests.changes.refusals import Case, assert_refused, check_each_way, every_check
from tests.scenario import Company, a_draft, an_incident, determined, person

pytestmark = pytest.mark.once


def begins_in_the_future(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.record.began_at = clock.now()

    incident = Incident(title="Disk fills up", began_at=clock.now() + timedelta(hours=1))
    said = "The incident cannot begin in the future. Enter when it began or was detected."
    return Case(INCIDENTS, incident, "record", company.engineer, said, mend)


def resolved_before_it_began(company: Company) -> Case:
    def mend(case: Case) -> None:
        del case.data["happened_at"]

    incident = an_incident(company)
    early = {"happened_at": incident.began_at - timedelta(seconds=1)}
    said = "It cannot end before it began."
    return Case(INCIDENTS, incident, "resolve", company.engineer, said, mend, early)


def emergency_of_no_kind(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.data["criterion"] = "security"

    said = "Choose which kind of emergency it is."
    return Case(INCIDENTS, an_incident(company), "determine", company.lead, said, mend)


def a_change_hangs_on_it(company: Company) -> Case:
    def mend(case: Case) -> None:
        CHANGES.perform(change, "cancel", by=company.engineer, reason="Recorded twice.")

    change = a_draft(company)
    said = "An emergency change belongs to this incident. Cancel that first."
    return Case(INCIDENTS, change.incident, "cancel", company.engineer, said, mend)


def granting_oneself(company: Company) -> Case:
    def mend(case: Case) -> None:
        case.data["person"] = company.lead

    said, data = "This is yourself. Another Role Administrator must do this.", {}
    data["person"] = company.roleadmin
    return Case(SYSTEMS, company.system, "grant", company.roleadmin, said, mend, data)


def withdrawing_from_oneself(company: Company) -> Case:
    case = granting_oneself(company)
    case.verb = "withdraw"
    return case


@every_check(
    begins_in_the_future,
    resolved_before_it_began,
    emergency_of_no_kind,
    a_change_hangs_on_it,
    granting_oneself,
    withdrawing_from_oneself,
)
def test_guard(company: Company, situation: Any) -> None:
    check_each_way(situation, company)


STATUSES = {
    "open": [],
    "resolved": ["resolve"],
    "cancelled": ["cancel"],
}
LEADS_TO = {
    "record": {},
    "determine": {"open": "open", "resolved": "resolved"},
    "note": {"open": "open", "resolved": "resolved"},
    "revise": {"open": "open", "resolved": "resolved"},
    "resolve": {"open": "resolved"},
    "reopen": {"resolved": "open"},
    "cancel": {"open": "cancelled"},
}
DETAILS = {"title": "Checkout fails", "description": "", "severity": 1, "source_url": ""}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("verb", LEADS_TO)
def test_incident_moves_only_as_agreed(company: Company, verb: str, status: str) -> None:
    incident = an_incident(company)
    for step in STATUSES[status]:
        INCIDENTS.perform(incident, step, by=company.engineer, reason="So it was.")
    data = {"determine": {"criterion": "outage"}, "revise": DETAILS}.get(verb, {})
    if status in LEADS_TO[verb]:
        INCIDENTS.perform(incident, verb, by=company.engineer, reason="So it is.", **data)
        assert incident.status == LEADS_TO[verb][status]
    else:
        assert_refused(
            INCIDENTS,
            incident,
            verb,
            company.engineer,
            f"this one is {status}" if verb != "record" else "This incident exists already.",
            **data,
        )


def test_determination_not_an_emergency_is_recorded_too(company: Company) -> None:
    incident = determined(company, an_incident(company), verdict="not_emergency", criterion="")
    decision = incident.determinations.get()
    assert not decision.is_emergency
    assert decision.decided_by == company.engineer


def test_second_determination_stands_beside_the_first(company: Company) -> None:
    incident = determined(company, an_incident(company), verdict="not_emergency")
    determined(company, incident)
    assert [d.verdict for d in incident.determinations.all()] == ["not_emergency", "emergency"]


def test_person_without_role_records_no_incident(company: Company) -> None:
    incident = Incident(title="Disk fills up", began_at=clock.now())
    nobody = person("nobody")
    assert_refused(INCIDENTS, incident, "record", nobody, "Your role does not include")
