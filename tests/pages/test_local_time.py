"""Times are read and shown in the zone of whoever reads them."""

from datetime import timedelta

import pytest

from ecportal import clock
from ecportal.accounts.models import User
from tests.pages.walk import Person, error_at, sentences
from tests.pages.world import act, page
from tests.scenario import Company, an_incident

pytestmark = pytest.mark.once


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


def in_zone(user: User, name: str) -> Person:
    user.time_zone = name
    user.save()
    return Person(user)


@pytest.mark.parametrize(
    ("zone", "hour"), [("", "11:00"), ("America/New_York", "05:00"), ("Asia/Tokyo", "19:00")]
)
def test_times_are_read_and_shown_in_the_readers_zone(
    company: Company, zone: str, hour: str
) -> None:
    incident = an_incident(company)
    engineer = in_zone(company.engineer, zone)
    engineer.do(incident, "note", happened_at=f"2025-01-06T{hour}")
    written = incident.notes.get().happened_at
    assert written.isoformat() == "2025-01-06T10:00:00+00:00"
    text = sentences(engineer.open(page(incident)))
    assert f"Mon 6 Jan 2025 {hour}" in text
    assert f"All times {zone or 'Europe/Berlin'}." in text
    other = sentences(Person(company.lead).open(page(incident)))
    assert "Mon 6 Jan 2025 11:00" in other


@pytest.mark.parametrize("time", ["2025-03-30T02:30", "2025-10-26T02:30"])
def test_time_that_the_clocks_skipped_or_had_twice_gets_a_sentence(
    company: Company, engineer: Person, time: str
) -> None:
    response = engineer.refused(an_incident(company), "note", time[:10], happened_at=time)
    assert "Europe/Berlin" in error_at(response, "happened_at")


@pytest.mark.parametrize("time", ["10:31", "yesterday", "2025-13-01T10:00", "-1", "2025-01-06"])
def test_time_that_is_none_gets_a_sentence_or_is_midnight(
    company: Company, engineer: Person, time: str
) -> None:
    incident = an_incident(company)
    response = engineer.send(act(incident, "note"), reason="Seen.", happened_at=time)
    assert response.status_code == (302 if time == "2025-01-06" else 422)


@pytest.mark.parametrize("zone", ["", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("time", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_ends_of_time_get_a_sentence(company: Company, zone: str, time: str) -> None:
    incident = an_incident(company)
    engineer = in_zone(company.engineer, zone)
    assert engineer.send(act(incident, "note"), reason="x", happened_at=time).status_code == 422
    lead = in_zone(company.lead, zone)
    answers = {"delegate": company.engineer2.pk, "reason": "Holiday.", "ends_at": time}
    now = f"{clock.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    response = lead.send("/admin/changes/delegation/add/", begins_at=now, **answers)
    assert response.status_code in (302, 422)
