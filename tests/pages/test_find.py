"""The find box: a number leads to its record, words to a list; what is hidden stays hidden."""

from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecportal.accounts.models import User
from tests.pages.conftest import SignIn
from tests.pages.walk import Person, sentences
from tests.pages.world import page
from tests.scenario import Company, a_change, a_draft, an_incident, person

pytestmark = pytest.mark.once

NO_SUCH = "There is no such number, or it is not visible to you"


def asked(user: User, text: str) -> tuple[int, str, str]:
    """Return the status, the address led to, and the page's text."""
    response = Person(user).client.get(f"/admin/find/?q={quote(text)}")
    return response.status_code, response.headers.get("Location", ""), sentences(response)


def test_number_leads_straight_to_its_record_however_it_is_typed(company: Company) -> None:
    change = a_change(company, "submitted")
    assert change.number.endswith("-0001")
    short = change.number.removesuffix("-0001")
    for text in (change.number, change.number.lower(), f"  {change.number} ", f"{short}-1",
                 short.replace("-", " ") + " 1"):  # fmt: skip
        assert asked(company.engineer, text)[:2] == (302, page(change)), text
    incident = change.incident
    assert asked(company.auditor, incident.number)[:2] == (302, page(incident))


def test_number_that_nobody_has_is_said_to_be_none(company: Company) -> None:
    for text in ("EC-2026-0001", "INC-1999-0001", "FA-2026-999999999"):
        status, _led, shown = asked(company.engineer, text)
        assert status == 200
        assert NO_SUCH in shown


def test_hidden_change_is_not_found_by_its_number_nor_by_its_words(company: Company) -> None:
    secret = a_draft(company, title="Zeppelin", confidential=True)
    outsider = company.engineer2
    assert NO_SUCH in asked(outsider, secret.number)[2]
    assert "Nothing that you may see" in asked(outsider, "Zeppelin")[2]
    assert asked(company.lead, secret.number)[:2] == (302, page(secret))
    assert secret.number in asked(company.lead, "zeppelin")[2]


def test_whoever_may_not_view_changes_finds_none(company: Company) -> None:
    change = a_change(company, "submitted")
    assert NO_SUCH in asked(company.roleadmin, change.number)[2]
    assert change.number not in asked(company.roleadmin, change.title)[2]
    assert NO_SUCH in asked(person("nobody"), change.number)[2]


def test_words_are_found_in_titles_and_in_the_names_of_systems(company: Company) -> None:
    change = a_draft(company, title="Drain the queue")
    shown = asked(company.engineer, "queue")[2]
    assert change.number in shown
    assert change.incident.number not in shown
    shown = asked(company.engineer, "checkout")[2]
    assert change.number in shown
    assert change.incident.number in shown
    assert "Systems" in shown


def test_more_than_a_page_holds_leads_on_to_the_whole_list(company: Company) -> None:
    incidents = [an_incident(company, title=f"Outage {at} & more") for at in range(11)]
    response = Person(company.engineer).open("/admin/find/", q="Outage &")
    text = response.content.decode()
    assert 'href="/admin/incidents/incident/?q=Outage+%26"' in text
    assert sum(incident.number in text for incident in incidents) == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "What are you looking for?"),
        ("   ", "What are you looking for?"),
        ("x" * 201, "That is too long to look for"),
        ("EC-2026-0001 " * 20, "That is too long to look for"),
        ("%_'\";--<script>alert(1)</script>", "Nothing that you may see has these words"),
        ("\U0001f525 EC-2026", "Nothing that you may see has these words"),
        ("EC-2026-9999999999", "Nothing that you may see has these words"),
        ("EC-٢٠٢٦-0001", "Nothing that you may see has these words"),
    ],
)
def test_odd_input_gets_a_sentence(company: Company, text: str, words: str) -> None:
    a_draft(company)
    status, _led, shown = asked(company.lead, text)
    assert status == 200
    assert words in shown
    assert "<script>alert" not in Person(company.lead).open("/admin/find/", q=text).content.decode()


def test_stranger_is_asked_to_sign_in_first(company: Company, signed_in: SignIn) -> None:
    client = signed_in(company.engineer)
    client.logout()
    response = client.get("/admin/find/?q=EC-2026-0001")
    assert response["Location"].startswith("/admin/login/?next=")


def test_finding_takes_few_queries_however_much_is_found(company: Company) -> None:
    client = Person(company.lead).client
    counted = []
    for _round in range(2):
        a_draft(company)
        with CaptureQueriesContext(connection) as caught:
            client.get("/admin/find/?q=checkout")
        counted.append(len(caught))
    assert counted[0] == counted[1] <= 25
