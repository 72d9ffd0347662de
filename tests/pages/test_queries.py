"""How many queries a page takes: at most 25, and a list no more of them with more rows."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from changes.models import EmergencyChange
from ecportal.lifecycle import Lifecycle
from tests.changes.deploying import told as told_of
from tests.pages.conftest import SignIn
from tests.pages.world import World, act, evidence_link, lists, page
from tests.scenario import Company, Journey, a_change, a_draft, an_incident, person

pytestmark = [pytest.mark.once, pytest.mark.slow]

LIMIT = 25
REPORTS = [
    "/admin/reviews/register/",
    "/admin/reviews/duties/?show=all",
    "/admin/reviews/controls/",
    "/admin/integrations/",
    "/admin/integrations/jira/",
]


def count(client: Client, address: str) -> tuple[int, int]:
    with CaptureQueriesContext(connection) as caught:
        response = client.get(address)
    return response.status_code, len(caught)


def every_page(world: World) -> list[str]:
    change, incident = world.change, world.change.incident
    return [
        "/admin/",
        *lists(),
        *world.pages("change", "history"),
        f"/admin/changes/emergencychange/declare/{incident.pk}/",
        "/admin/changes/emergencychange/declare/",
        page(change, "decide"),
        page(change, "evidence", change.evidence.get().pk),
        page(change, "evidence_page", change.evidence.get().pk),
        *REPORTS,
        "/admin/incidents/incident/add/",
        "/admin/reviews/followupaction/add/",
        *(
            act(record, verb)
            for record in world.records.values()
            if type(record) in Lifecycle.registry
            for verb in ("revise", "complete", "answer", "grant", "assign_role", "end")
        ),
        *(act(change, verb) for verb in ("verify", "attach_evidence", "claim_approval", "approve",
                                         "submit", "document", "share")),
    ]  # fmt: skip


def told(numbers: dict[Any, int]) -> None:
    """Append the numbers to the file that QUERY_COUNTS names, if any."""
    if path := os.environ.get("QUERY_COUNTS"):
        with Path(path).open("a") as file:
            file.writelines(f"{number:3} {key}\n" for key, number in numbers.items())


def test_no_page_takes_more_queries_than_the_limit(world: World, signed_in: SignIn) -> None:
    evidence_link(world)
    numbers: dict[Any, int] = {}
    for letter in "ELA":
        client = signed_in(world.people[letter])
        for address in every_page(world):
            status, queries = count(client, address)
            if status == 200:
                numbers[letter, address] = queries
    told(numbers)
    assert {key: number for key, number in numbers.items() if number > LIMIT} == {}


@pytest.mark.parametrize("letter", "EL")
def test_rich_change_takes_no_more_queries_than_the_limit(
    company: Company, signed_in: SignIn, letter: str
) -> None:
    """Three of everything, a delegation, a denied claim, exceptions and a review."""
    change = a_draft(company, confidential=True, title="Rich")
    journey = Journey(company, change).submit().claim().start()
    for _ in range(3):
        journey.do("log_execution", company.engineer, source="log")
        journey.do("record_deviation", company.engineer, skipped="Load test")
        journey.do("correct", company.engineer, part="scope")
        journey.do("attach_evidence", company.engineer, kind="other", description="d", text="t",
                   size=1, sha256="0" * 64)  # fmt: skip
        journey.do("share", company.lead, person=person(f"p{_}"))
        told_of(key=f"run-{_}", mentions=(change.number,))
    journey.finish(no_deviations=False)
    for _ in range(3):
        journey.do("check_stability", company.engineer, watched="Errors")
    journey.do("deny_approval", company.lead)
    pages = [page(change), page(change, "history"), page(change, "decide"), "/admin/"]
    client = signed_in({"E": company.engineer, "L": company.lead}[letter])
    numbers = {(letter, "rich", at): count(client, at)[1] for at in pages}
    told(numbers)
    assert {key: number for key, number in numbers.items() if number > LIMIT} == {}


def many(company: Company, number: int) -> None:
    """Add rows to every list."""
    for place in range(number):
        change = Journey(company, a_draft(company, title=f"Change {place}"))
        change.start_unapproved()
        if place % 3 == 0:
            change.finish()
        if place % 3 == 1:
            a_change(company, "submitted", incident=an_incident(company))
        person(f"person{place}-{number}", "Engineer", "Auditor")


def test_lists_and_home_take_as_many_queries_for_forty_rows_as_for_three(
    world: World, signed_in: SignIn
) -> None:
    clients = {letter: signed_in(world.people[letter]) for letter in "ELAR"}
    addresses = ["/admin/", "/admin/changes/emergencychange/declare/", *lists(), *REPORTS]

    def numbers() -> dict[Any, int]:
        found = {}
        for letter, client in clients.items():
            for address in addresses:
                status, queries = count(client, address)
                if status == 200:
                    found[letter, address] = queries
        return found

    many(world.company, 3)
    few = numbers()
    many(world.company, 37)
    assert EmergencyChange.objects.count() > 40
    more = numbers()
    told({(*key, "40 rows"): number for key, number in more.items()})
    assert {key: (few[key], more[key]) for key in few if more[key] > few[key]} == {}
    assert max(more.values()) <= LIMIT
