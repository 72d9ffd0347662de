"""A person changes an incident while a system tells of it: what the person wrote stays."""

from threading import Event

import pytest
from django.db import connection, transaction  # noqa: F401 - the mark asks for it

from ecportal import clock
from ecportal.integrations.facts import IncidentHeard
from ecportal.lifecycle import transitioned
from incidents.hearing import VALUES, hear
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident
from tests.scenario import Company
from tests.test_race import WON, at_the_same_moment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor == 'sqlite'",
        reason="SQLite serializes writers; a missing lock cannot show",
    ),
]


@transaction.atomic
def told(**values: object) -> Incident:
    facts = {"system": "pagerduty", "key": "P1", "at": clock.now(), "title": "A bump", **values}
    return hear(IncidentHeard(event="changed", **facts)).incident  # type: ignore[arg-type]


def test_edit_is_not_undone_by_an_event_that_comes_meanwhile(company: Company) -> None:
    incident, begun = told(severity=2), Event()

    def edit() -> None:
        values = {name: getattr(incident, name) for name in VALUES} | {"title": "Checkout fails"}
        INCIDENTS.perform(incident, "revise", by=company.engineer, reason="I know.", **values)

    def tell() -> None:
        assert begun.wait(10)
        told(severity=1)

    def noticed(**_: object) -> None:
        begun.set()

    transitioned.connect(noticed, sender=Incident)
    try:
        assert at_the_same_moment(edit, tell) == [WON, WON]
    finally:
        transitioned.disconnect(noticed, sender=Incident)
    incident = Incident.objects.get()
    assert (incident.title, incident.severity) == ("Checkout fails", 1)
