"""What trackers tell of tickets: kept once, brought up to date in order, linked to one change."""

from datetime import timedelta
from typing import Any

import pytest

from changes.lifecycle import TICKETS
from changes.models import Ticket
from changes.tickets import hear
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import TicketHeard
from tests.changes.refusals import assert_refused
from tests.scenario import Company, a_change, a_draft

pytestmark = pytest.mark.once


def told(**values: Any) -> Ticket:
    """Tell of an emergency in Jira, a minute ago; return what the portal has of it."""
    about = {
        "system": "jira", "key": "OPS-7", "at": clock.now() - timedelta(minutes=1),
        "event": "opened", "summary": "Roll back", "labels": ("emergency",), **values,
    }  # fmt: skip
    hear(TicketHeard(**about))
    return Ticket.objects.latest("pk")


def test_very_long_keys_stay_apart(company: Company) -> None:
    first, second = told(key="K" * 300 + "1"), told(key="K" * 300 + "2")
    assert first.pk != second.pk
    told(key="K" * 300 + "1", event="changed", at=clock.now())
    assert Ticket.objects.count() == 2


def test_late_news_changes_nothing(company: Company) -> None:
    ticket = told(status="To Do")
    told(status="Done", at=ticket.heard_at - timedelta(hours=1))
    assert Ticket.objects.get().state == "To Do"


# --- the rules ----------------------------------------------------------------------------------
def test_linked_ticket_is_linked_to_no_second_change(company: Company) -> None:
    change, other = a_change(company, "approved"), a_draft(company)
    ticket = told(mentions=(change.number,))
    said = f"This ticket belongs to {change.number} already. Unlink it first."
    assert_refused(TICKETS, ticket, "link", company.engineer, said, change=other)


def test_nothing_is_linked_to_a_cancelled_change(company: Company) -> None:
    change = a_change(company, "cancelled")
    said = f"{change.number} was cancelled. Choose another change."
    assert_refused(TICKETS, told(), "link", company.engineer, said, change=change)


def test_ticket_of_no_change_is_not_unlinked(company: Company) -> None:
    said = "This ticket belongs to no change."
    assert_refused(TICKETS, told(), "unlink", company.lead, said)


def test_confidential_change_is_claimed_for_by_those_who_see_it(company: Company) -> None:
    change = a_draft(company, confidential=True)
    said = "This change is confidential and was not shared with you."
    assert_refused(TICKETS, told(), "link", company.engineer2, said, change=change)
    ticket = told(mentions=(change.number,))
    assert_refused(TICKETS, ticket, "unlink", company.engineer2, said)


@pytest.mark.parametrize("verb", ["advance", "delete"])
def test_older_report_is_refused_by_the_rule_itself(company: Company, verb: str) -> None:
    said = "Something newer was told of this ticket already."
    early = clock.now() - timedelta(days=1)
    system = User.objects.system()
    assert_refused(TICKETS, told(), verb, system, said, happened_at=early, told={})
