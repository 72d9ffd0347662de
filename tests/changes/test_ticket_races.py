"""Two reports of a new ticket at once: one row, and the newer report stands."""

from datetime import timedelta
from threading import Event

import pytest
from django.db import connection  # noqa: F401 - the mark asks for it

from changes.models import Ticket
from ecportal import clock
from ecportal.lifecycle import transitioned
from tests.changes.test_tickets import told
from tests.scenario import Company
from tests.test_race import WON, at_the_same_moment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor == 'sqlite'",
        reason="SQLite serializes writers; a missing lock cannot show",
    ),
]


def test_newer_report_stands_though_the_older_was_recorded_first(company: Company) -> None:
    now, begun = clock.now(), Event()

    def tell_late() -> None:
        assert begun.wait(10)
        told(status="Done", event="changed", at=now)

    def noticed(**_: object) -> None:
        begun.set()

    transitioned.connect(noticed, sender=Ticket)
    try:
        early = now - timedelta(minutes=5)
        ended = at_the_same_moment(lambda: told(status="To Do", at=early), tell_late)
    finally:
        transitioned.disconnect(noticed, sender=Ticket)
    assert ended == [WON, WON]
    ticket = Ticket.objects.get()
    assert (ticket.state, ticket.heard_at) == ("Done", now)
