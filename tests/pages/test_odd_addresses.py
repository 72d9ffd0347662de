"""Whatever stands in an address: a page, or the portal's own page that says there is none."""

from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from tests.pages.conftest import SignIn
from tests.pages.walk import sentences
from tests.pages.world import World, act, counts, page
from tests.scenario import Company

pytestmark = [pytest.mark.once, pytest.mark.slow]

KEYS = [
    "abc", str(10**30), "9" * 5000, "-1", "%00", "%F0%9F%94%A5", "%ff", "1%27%20OR%201=1", "1/2",
]  # fmt: skip

SOME = [KEYS[0], KEYS[1], KEYS[4]]
"""No word, no number of a row, no text: what every kind of record is asked for."""


def test_records_that_do_not_exist_are_not_found(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.people["L"])
    wrong = []
    for record in world.records.values():
        base = page(record).split(f"/{record.pk}/")[0]
        is_change = record == world.change
        own = ("decide/", "evidence/1/", "delete/", "act/approve/") * is_change
        for key in KEYS if is_change else SOME:
            for kind in ("change/", "act/revise/", *own):
                address = f"{base}/{key}/{kind}"
                status = client.get(address).status_code
                if status not in (302, 400, 403, 404):
                    wrong.append(f"{status} {address:.80}")
    assert not wrong, "\n".join(wrong)


def numbered(world: World, key: str) -> Any:
    """Yield who opens which address with the key in the place of a number."""
    engineer, lead = world.people["E"], world.people["L"]
    return (
        (engineer, f"/admin/changes/emergencychange/declare/{key}/"),
        (lead, f"/admin/reviews/retrospectivereview/of/{key}/"),
        (lead, f"/admin/changes/emergencychange/{world.change.pk}/evidence/{key}/"),
        (lead, f"/admin/changes/emergencychange/{world.change.pk}/act/{key}/"),
        (lead, f"/admin/r/{key}/{key}/"),
        (lead, f"/admin/{key}/"),
        (lead, f"/{key}"),
    )


def test_pages_with_a_number_in_the_address_refuse_other_words(
    world: World, signed_in: SignIn
) -> None:
    wrong = []
    for key in [*KEYS[:8], "1" * 4299]:
        for user, address in numbered(world, key):
            client = signed_in(user)
            for method in (client.get, client.post)[: 1 + (key in SOME)]:
                status = method(address, follow=True).status_code
                if status not in (400, 403, 404):
                    wrong.append(f"{status} {address:.80}")
    assert not wrong, "\n".join(wrong)


CHANGES, INCIDENTS = "/admin/changes/emergencychange/", "/admin/incidents/incident/"
PEOPLE, FOLLOW_UPS = "/admin/accounts/user/", "/admin/reviews/followupaction/"
ANY_LIST = [
    "q=" + quote("🔥 ‮ 'x\" %s {{ }}"), "q=" + "a+" * 500, "q=%00", "%00=1", "q=%ff",
    "o=99.-99.abc", "o=" + "9" * 50, "p=999999", "p=-1", "p=abc", "p=" + "9" * 50, "all=1",
    "e=1", "status__exact=invented", "_facets=True", "_popup=1&_to_field=id", "_to_field=password",
    "password__startswith=a", "id__in=1,2", "id__exact=" + str(10**30), "pk=abc", "=", "&&&",
    "history__id=1",
]  # fmt: skip
YEARS = ["year=abc", "year=0", "year=-1", "year=9999", "year=" + str(10**30),
         "year=2026&{}__month=13", "year=9999&{}__month=12", "year=9999&{}__month=12&{}__day=31",
         "year=2026&{}__month=" + str(10**30), "year=2026&{}__month=2&{}__day=30"]  # fmt: skip
OWN = [
    *((CHANGES, f"opened_at__{year}".replace("{}", "opened_at")) for year in YEARS),
    *((address, f"{name}__{year}") for year in (YEARS[3], YEARS[4]) for address, name in (
        (INCIDENTS, "began_at"), ("/admin/reviews/deadline/", "due_at"),
        ("/admin/reviews/controlexception/", "recorded_at"),
        ("/admin/outbox/message/", "written_at"))),
    (CHANGES, "opened_at__day=1"), (CHANGES, "opened_at__gte=garbage"),
    (CHANGES, "incident__severity=abc"), (CHANGES, "incident__severity__exact=" + str(10**30)),
    (CHANGES, "requester__password__startswith=m"), (INCIDENTS, "severity__exact=abc"),
    (INCIDENTS, "severity__exact=" + str(10**30)), (PEOPLE, "groups__id__exact=abc"),
    (PEOPLE, "groups__id__exact=" + str(10**30)), (PEOPLE, "is_active__exact=9"),
    (FOLLOW_UPS, "owner__id__exact=abc"), (FOLLOW_UPS, "owner__id__exact=" + str(10**30)),
    ("/admin/reviews/deadline/", "met_at__isempty=garbage"),
    (INCIDENTS, "status__exact=open&status__exact=closed"),
]  # fmt: skip


@pytest.mark.parametrize("part", [0, 1])
def test_odd_queries_on_lists_break_nothing(world: World, signed_in: SignIn, part: int) -> None:
    client = signed_in(world.people["S"])
    addresses = [f"{at}?{query}" for at in (CHANGES, PEOPLE) for query in ANY_LIST]
    addresses += [f"{at}?{query}" for at, query in OWN]
    addresses += [f"/admin/?{query}" for query in ("p=abc", "show=all&page=-1", "%00=1")]
    answers = {
        address: client.get(address, follow=True).status_code for address in addresses[part::2]
    }
    wrong = [f"{status} {at:.80}" for at, status in answers.items() if status not in (200, 400)]
    assert not wrong, "\n".join(wrong)


def test_odd_queries_on_other_pages_break_nothing(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.people["E"])
    query = (
        "systems=abc&severity=x&began_at=y&happened_at=%F0%9F%94%A5&owner=z&due_on=1&verdict=v"
        "&catch_up_on=%27&reason=%3Cscript%3Ealert(1)%3C/script%3E&deviation=x&risk=&initial=1"
        "&fingerprint=x&title=%3Cscript%3Ealert(1)"
    )
    incident = world.change.incident
    addresses = [
        act(incident, verb) for verb in ("determine", "note", "revise", "resolve")
    ] + [
        "/admin/incidents/incident/add/", f"/admin/changes/emergencychange/declare/{incident.pk}/",
        page(world.change), page(world.change, "history"), page(world.change, "decide"),
        act(world.change, "verify"), act(world.change, "attach_evidence"),
        act(world.change, "record_deviation"), act(world.change, "catch_up"),
        "/admin/password_change/", "/admin/jsi18n/", "/admin/changes/",
    ]  # fmt: skip
    for address in addresses:
        response = client.get(f"{address}?{query}")
        assert response.status_code == 200, address
        assert "<script>alert" not in response.content.decode(), address


def test_pages_of_django_itself_break_nothing(world: World, signed_in: SignIn) -> None:
    for letter in "-S":
        client = signed_in(world.people[letter])
        pk = world.change.pk
        for address in (
            "/admin/autocomplete/", "/admin/autocomplete/?app_label=changes&model_name=policy",
            "/admin/autocomplete/?app_label=changes&model_name=emergencychange&field_name=incident",
            "/admin/autocomplete/?term=x&app_label=accounts&model_name=user&field_name=groups",
            f"/admin/r/1/{pk}/", f"/admin/r/x/{pk}/", "/admin/r/999999/1/", "/admin/unknown/",
            "/admin/reviews", "/admin/incidents/", "/admin/accounts/", "/admin/auth/",
            "/static/../settings.py", "/favicon.ico", "/robots.txt", "/.git/config", "/media/1",
        ):  # fmt: skip
            for method in (client.get, client.post, client.head, client.options):
                assert method(address, follow=True).status_code < 500, address


def test_address_of_a_page_asks_for_signing_in_first_and_leads_back_to_the_portal_alone(
    company: Company, client: Client
) -> None:
    for there in ("https://evil.example.test/", "//evil.example.test", "javascript:alert(1)"):
        answers = {"username": "engineer", "password": "engineer", "next": there}
        response = client.post(f"/admin/login/?next={quote(there)}", answers)
        assert response["Location"] == "/admin/"
        client.post("/admin/logout/")


def test_error_pages_are_the_portals_own_and_tell_nothing_of_the_code(
    world: World, signed_in: SignIn
) -> None:
    client = signed_in(world.people["L"])
    before = counts()
    for address, status, words in (
        ("/admin/changes/emergencychange/999/change/", 404, "No page is at this address"),
        ("/nowhere/", 404, "No page is at this address"),
        ("/admin/accounts/user/", 403, "Your role does not include"),
        (act(world.change, "start"), 403, "Your role does not include “Start implementing”."),
        ("/admin/?q=%00", 400, "This request cannot be read"),
    ):
        response = client.get(address)
        assert response.status_code == status, address
        text = sentences(response)
        assert words in text, address
        assert "To the home page" in text
        for secret in ("Traceback", "Django", "Exception at", "settings.", ".py"):
            assert secret not in text, (address, secret)
    assert counts() == before


def test_error_pages_open_without_signing_in(client: Any, db: None) -> None:
    for address, status in (("/nowhere/", 404), ("/?x=%00", 400)):
        response = client.get(address)
        assert response.status_code == status
        assert "ecportal" in sentences(response)
