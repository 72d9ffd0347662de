"""The inbox: what waits, what is suggested, and one click that settles it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changes.models import Deployment
from ecportal import clock
from reviews.models import ReconciliationItem
from reviews.reconciliation import reconcile
from tests.pages.walk import Person, hidden, sentences
from tests.pages.world import act, listing, page
from tests.reviews.test_reconciliation import NIGHT, deployed, ticket
from tests.scenario import Company, a_change, an_incident

pytestmark = [pytest.mark.once, pytest.mark.django_db]

INBOX = "/admin/reviews/reconciliationitem/"


@pytest.fixture
def change(company: Company) -> Any:
    with clock.at(NIGHT - timedelta(minutes=20)):
        return a_change(company, "implementing")


@pytest.fixture
def item(company: Company, change: Any) -> ReconciliationItem:
    deployed(NIGHT, system_names=("checkout",))
    with clock.at(NIGHT + timedelta(minutes=1)):
        reconcile()
    return ReconciliationItem.objects.get()


def test_strong_suggestion_is_matched_in_one_click(
    company: Company, change: Any, item: ReconciliationItem
) -> None:
    lead = Person(company.lead2)
    with clock.at(NIGHT + timedelta(minutes=2)):
        inbox = lead.open(INBOX)
        assert "Strong match" in sentences(inbox)
        assert "Same system: checkout" in sentences(inbox)
        answers = {name: hidden(inbox, name) for name in ("change", "reason")}
        assert lead.send(act(item, "match"), **answers).status_code == 302
    item.refresh_from_db()
    assert (item.status, item.change) == ("matched", change)
    assert Deployment.objects.get().change == change


def test_item_is_dismissed_with_a_reason(company: Company, item: ReconciliationItem) -> None:
    lead = Person(company.lead)
    lead.do(item, "dismiss", "A certificate was renewed by its robot.")
    assert item.status == "dismissed"
    assert "renewed by its robot" in sentences(lead.open(INBOX, status__exact="dismissed"))
    lead.refused(item, "dismiss", "is possible only while")


@pytest.mark.parametrize("who", ["engineer", "auditor"])
def test_others_read_the_inbox_and_settle_nothing(
    company: Company, item: ReconciliationItem, who: str
) -> None:
    reader = Person(getattr(company, who))
    shown = sentences(reader.open(INBOX))
    assert "A Lead settles this" in shown
    assert "Match to" not in shown
    assert reader.send(act(item, "dismiss"), reason="No.").status_code == 403


def test_empty_inbox_is_good_news(company: Company) -> None:
    assert "Everything is claimed" in sentences(Person(company.lead).open(INBOX))
    assert "claimed by a change, or explained" in sentences(Person(company.lead).open("/admin/"))


def test_home_page_counts_what_no_change_claims(company: Company, item: ReconciliationItem) -> None:
    an_incident(company, severity=1)
    ticket()
    reconcile()
    home = sentences(Person(company.lead).open("/admin/"))
    assert "1 SEV-1 incident, 1 deployment, 1 ticket" in " ".join(home.split())
    an_incident(company, severity=1)
    reconcile()
    home = sentences(Person(company.lead).open("/admin/"))
    assert "2 SEV-1 incidents, 1 deployment" in " ".join(home.split())


def test_inbox_asks_the_same_of_few_and_of_many(company: Company, change: Any) -> None:
    lead = Person(company.lead2)
    numbers = []
    for count in (2, 12):
        for number in range(count):
            deployed(NIGHT, key=f"{count}-{number}", system_names=("checkout",))
            ticket(f"OPS-{count}-{number}")
            an_incident(company, severity=1)
        with clock.at(NIGHT + timedelta(minutes=1)):
            reconcile()
            with CaptureQueriesContext(connection) as queries:
                lead.open(INBOX)
        numbers.append(len(queries))
    assert numbers[1] <= numbers[0] <= 25


def test_pages_of_item_and_ticket_show_what_is_known(company: Company) -> None:
    found = ticket()
    reconcile()
    lead = Person(company.lead)
    shown = sentences(lead.open(page(ReconciliationItem.objects.get())))
    assert "OPS-7" in shown
    assert "It looks like an emergency" in shown
    assert "emergency" in sentences(lead.open(page(found)))
    assert "OPS-7" in sentences(lead.open(listing(type(found))))
