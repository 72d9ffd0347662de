"""The navigation: by duty, only what the person may open, with what is open there."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ecportal import navigation, panels
from ecportal.accounts.models import User
from tests.pages.walk import Person, sentences
from tests.pages.world import page
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once

RESPOND = ["Emergency changes", "Incidents", "Deployments", "Tickets", "Follow-up actions"]
ASSURE = ["Exceptions", "Reconciliation", "Retrospective reviews", "Deadlines", "Reminders"]
TRAIL = ["Audit events", "Checkpoints"]
PAPERS = ["Populations", "Samples", "Sample items", "Evidence packs"]
REPORTS = ["Exception register", "Duties report", "Controls"]
RULES = ["Systems", "Policy", "Escalation rungs", "Company holidays"]
PEOPLE = ["People", "Roles", "API tokens"]
SYSTEMS = ["Integrations", "Deliveries"]
AGREED: dict[str, dict[str, list[str]]] = {
    "engineer": {
        "Respond": RESPOND,
        "Assure": ASSURE,
        "Audit": ["Samples", "Sample items"],
        "Administer": ["Delegations", *RULES],
    },
    "lead": {
        "Respond": RESPOND,
        "Assure": ASSURE,
        "Audit": [*PAPERS, *REPORTS, *TRAIL],
        "Administer": ["Delegations", *RULES, *SYSTEMS, "Messages"],
    },
    "auditor": {
        "Respond": RESPOND,
        "Assure": ASSURE,
        "Audit": [*PAPERS, *REPORTS, *TRAIL, "Reads of evidence"],
        "Administer": [*PEOPLE, "Delegations", *RULES, *SYSTEMS, "Messages"],
    },
    "roleadmin": {
        "Audit": ["Audit events", "Reads of evidence"],
        "Administer": [*PEOPLE, "Delegations", "Systems", "Integrations", "Messages"],
    },
}


def shown(user: User) -> dict[str, dict[str, int]]:
    """Return what the navigation has for this person: names by duty, with their numbers."""
    context: Any = Person(user).open("/admin/password_change/").context
    return {
        group["name"]: {entry["name"]: entry["count"] for entry in group["models"]}
        for group in context["available_apps"]
    }


@pytest.mark.parametrize("name", AGREED)
def test_each_role_sees_the_agreed_entries_by_duty(company: Company, name: str) -> None:
    found = shown(getattr(company, name))
    assert {duty: list(entries) for duty, entries in found.items()} == AGREED[name]


def test_whoever_has_no_role_sees_their_own_work_alone(company: Company) -> None:
    nobody = person("nobody")
    assert shown(nobody) == {}
    text = sentences(Person(nobody).open("/admin/password_change/"))
    assert "No role yet" in text
    assert "My work" in text


def test_each_page_of_the_portal_has_its_place() -> None:
    placed = {entry.key for duty in navigation.DUTIES for entry in duty.entries}
    models = {model._meta.label_lower for model in admin.site._registry}
    pages = {f"{part.app_label}/{part.slug}" for part in panels.pages if part.listed}
    assert models | pages <= placed


def test_numbers_are_of_what_is_open_and_visible(company: Company) -> None:
    a_draft(company, confidential=True)
    a_change(company, "submitted")
    a_change(company, "closed")
    assert shown(company.engineer2)["Respond"]["Emergency changes"] == 1
    assert shown(company.lead)["Respond"]["Emergency changes"] == 2
    assert shown(company.lead)["Respond"]["Incidents"] == 3
    assert shown(company.lead)["Assure"]["Retrospective reviews"] == 0
    Journey(company, a_draft(company)).submit().approve().start().finish()
    assert shown(company.lead)["Assure"]["Retrospective reviews"] == 1


def test_my_work_says_how_much_waits_for_this_person(company: Company) -> None:
    a_change(company, "submitted")
    a_change(company, "submitted")
    number = re.compile(r'<span class="needs">(\d+)')
    lead = Person(company.lead).open("/admin/password_change/").content.decode()
    assert number.findall(lead) == ["2", "2"]  # beside the page, and in the menu
    other = Person(company.auditor).open("/admin/password_change/").content.decode()
    assert number.findall(other) == []


def test_navigation_asks_once_however_much_is_open(company: Company) -> None:
    client = Person(company.lead).client
    counted = []
    for _round in range(2):
        a_change(company, "submitted")
        with CaptureQueriesContext(connection) as caught:
            client.get("/admin/password_change/")
        counted.append(len(caught))
    assert counted[0] == counted[1] <= 5


def test_current_page_is_marked_and_the_path_to_it_is_in_the_same_words(company: Company) -> None:
    change = a_change(company, "submitted")
    lead = Person(company.lead)
    for address, marked in (("/admin/changes/emergencychange/", "page"), (page(change), "true")):
        text = lead.open(address).content.decode()
        entry = f'<a href="/admin/changes/emergencychange/" aria-current="{marked}">'
        assert text.count(entry) == 2, address
        assert text.count("aria-current=") >= 2
        crumbs = text[text.index('aria-label="Breadcrumbs"') :]
        assert '<a href="/admin/respond/">Respond</a>' in crumbs


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/admin/auth/group/", "Roles"),
        ("/admin/auth/", "Administer"),
        ("/admin/accounts/", "Administer"),
        ("/admin/administer/", "Administer"),
        ("/admin/audit/", "Audit"),
    ],
)
def test_duty_has_a_page_and_no_name_of_djangos_stands_on_it(
    company: Company, address: str, words: str
) -> None:
    text = sentences(Person(company.auditor).open(address))
    assert words in text
    assert "Authentication and Authorization" not in text


def test_duty_of_which_a_person_may_open_nothing_is_no_page(company: Company) -> None:
    Person(company.roleadmin).open("/admin/respond/", status=404)
    Person(person("nobody")).open("/admin/administer/", status=404)


def test_calendar_stands_in_the_menu_of_those_who_owe_deadlines(company: Company) -> None:
    words = "Deadlines in your calendar"
    assert words in sentences(Person(company.engineer).open("/admin/password_change/"))
    assert words not in sentences(Person(company.auditor).open("/admin/password_change/"))
