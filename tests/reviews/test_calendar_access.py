"""Who opens a calendar, by which address, and how often its text is sent."""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from ecportal import clock
from ecportal.accounts.models import User
from reviews.models import CalendarFeed
from tests.pages.test_headers import inline_parts
from tests.reviews.calendar_reading import (
    FEED,
    NOON,
    PAGE,
    SECOND,
    browser,
    events,
    new_address,
    read,
    shown,
)
from tests.scenario import Company, a_change, person


# --- who may read it ----------------------------------------------------------------------------
def spoiled(address: str) -> list[str]:
    """Return addresses that are almost the right one."""
    path, key = address.split("?key=")
    number, signature = key.split("-")
    last = "0" if signature[-1] != "0" else "1"
    keys = [
        "", "x", "-", number, f"{number}-", signature, f"{number}-{signature[:-1]}",
        f"{number}-{signature[:-1]}{last}", f"{number}-{signature.upper()}", f"{key}0",
        f"{int(number) + 1}-{signature}", f"0-{signature}", f"{'9' * 40}-{signature}",
        f"{key}%0A", f"%20{key}", f"%D9%A1-{signature}", "%FF%FE", "é" * 64, f"{number}-{'0' * 64}",
    ]  # fmt: skip
    assert signature.upper() != signature
    return [path, *(f"{path}?key={value}" for value in keys)]


def test_no_wrong_key_opens_it_nor_says_why(company: Company) -> None:
    address = new_address(company.lead)
    new_address(company.lead2)
    assert read(address).status_code == 200
    answers = [read(wrong) for wrong in spoiled(address)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert read(f"{FEED}?key=%00").status_code in (400, 404)


def test_new_address_ends_the_old_one_at_once(company: Company) -> None:
    old, other = new_address(company.lead), new_address(company.lead2)
    new = new_address(company.lead)
    assert new != old
    assert [read(address).status_code for address in (old, new, other)] == [404, 200, 200]
    assert read(old).content == read(spoiled(new)[1]).content
    assert CalendarFeed.objects.count() == 2


END: list[tuple[str, Callable[[], dict[str, Any]]]] = [
    ("deactivated", lambda: {"is_active": False}),
    ("over", lambda: {"access_until": clock.now()}),
    ("not begun", lambda: {"access_from": clock.now() + timedelta(days=1)}),
]


@pytest.mark.parametrize("values", [values for _name, values in END], ids=[n for n, _v in END])
def test_account_that_cannot_sign_in_has_no_calendar(
    company: Company, values: Callable[[], dict[str, Any]]
) -> None:
    address = new_address(company.lead)
    wrong = read(spoiled(address)[1])
    User._base_manager.filter(pk=company.lead.pk).update(**values())
    answer = read(address)
    assert answer.status_code == 404
    assert answer.content == wrong.content


def test_person_without_a_role_reads_an_empty_calendar(company: Company) -> None:
    address = new_address(company.lead)
    a_change(company, "submitted")
    assert len(events(address)) == 1
    company.lead.groups.clear()
    assert events(address) == []


def test_portal_key_and_secret_both_sign_the_address(company: Company, settings: Any) -> None:
    address = new_address(company.lead)
    settings.SECRET_KEY = "another" * 10
    assert read(address).status_code == 404
    [key] = parse_qs(urlsplit(address).query)["key"]
    assert CalendarFeed.objects.get().secret not in key


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_feed_is_only_read(company: Company, method: str) -> None:
    address = new_address(company.lead)
    before = CalendarFeed.objects.values().get()
    assert getattr(Client(), method)(address).status_code == 405
    assert getattr(Client(enforce_csrf_checks=True), method)(address).status_code in (403, 405)
    assert CalendarFeed.objects.values().get() == before


def test_key_is_in_no_log_even_when_something_breaks(
    company: Company, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    a_change(company, "submitted")
    address = new_address(company.lead)
    caplog.set_level(logging.DEBUG)
    assert read(address).status_code == 200
    assert read(f"{address}0").status_code == 404
    assert Client().post(address).status_code == 405
    settings.PORTAL_URL = None  # a mistake in the code or the settings
    assert read(address).status_code == 500
    settings.PORTAL_URL = "http://127.0.0.1:8000"
    assert any("Internal Server Error" in record.getMessage() for record in caplog.records)
    [key] = parse_qs(urlsplit(address).query)["key"]
    said = caplog.text + "".join(record.getMessage() for record in caplog.records)
    assert key.split("-")[1] not in said
    assert CalendarFeed.objects.get().secret not in said


# --- how it is read -----------------------------------------------------------------------------
def test_feed_says_what_it_is_and_that_nobody_else_may_keep_it(company: Company) -> None:
    response = read(new_address(company.lead))
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "no-referrer"
    assert not response.cookies


def test_head_says_the_same_without_the_text(company: Company) -> None:
    address = new_address(company.lead)
    full, head = read(address), Client().head(address)
    assert (head.status_code, head.content) == (200, b"")
    assert head["ETag"] == full["ETag"]


def test_unchanged_calendar_is_not_sent_again(company: Company) -> None:
    a_change(company, "submitted")
    address = new_address(company.lead)
    first = read(address)
    by_tag = read(address, if_none_match=first["ETag"])
    by_time = read(address, if_modified_since=first["Last-Modified"])
    for answer in (by_tag, by_time):
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer["ETag"] == first["ETag"]
        assert answer["Cache-Control"] == "private, no-cache"
    assert read(address, if_none_match='"other"').status_code == 200


@pytest.mark.parametrize("later", [timedelta(0), timedelta(milliseconds=400), SECOND])
def test_change_is_sent_however_soon_it_came(company: Company, later: timedelta) -> None:
    """HTTP counts full seconds: two contents of one second must not look the same."""
    with clock.at(NOON):
        address = new_address(company.lead)
        first = read(address)
    with clock.at(NOON + later):
        a_change(company, "submitted")
        assert read(address, if_none_match=first["ETag"]).status_code == 200
        assert read(address, if_modified_since=first["Last-Modified"]).status_code == 200
    with clock.at(NOON + 2 * SECOND):
        answer = read(address)
        assert answer["Last-Modified"] > first["Last-Modified"]
        again = read(address, if_modified_since=answer["Last-Modified"])
        assert again.status_code == 304


def test_loss_of_a_role_changes_the_time_too(company: Company) -> None:
    with clock.at(NOON):
        a_change(company, "submitted")
        address = new_address(company.lead)
        first = read(address)
    company.lead.groups.clear()
    with clock.at(NOON + timedelta(minutes=1)):
        answer = read(address, if_modified_since=first["Last-Modified"])
    assert answer.status_code == 200


def test_time_of_a_content_is_never_ahead_of_the_clock(company: Company) -> None:
    with clock.at(NOON):
        address = new_address(company.lead)
        read(address)
        a_change(company, "submitted")
        answer = read(address)
    assert "Last-Modified" not in answer
    assert answer["ETag"]


def test_more_deadlines_take_no_more_queries(company: Company) -> None:
    address = new_address(company.lead)

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            assert read(address).status_code == 200
        return len(caught)

    for _place in range(3):
        a_change(company, "implemented")
    read(address)
    few = queries()
    for _place in range(12):
        a_change(company, "implemented")
        a_change(company, "submitted")
    read(address)
    assert len(events(address)) == 27
    assert queries() == few <= 10


# --- the page -----------------------------------------------------------------------------------
def test_page_shows_no_address_before_one_was_asked_for(company: Company) -> None:
    client = browser(company.engineer)
    page = client.get(PAGE).content.decode()
    assert "Make an address" in page
    assert "deadlines.ics" not in page
    assert not CalendarFeed.objects.exists()


def test_page_leads_to_the_same_address_until_a_new_one_is_made(company: Company) -> None:
    address = new_address(company.engineer)
    client = browser(company.engineer)
    assert shown(client) == shown(client) == address
    page = client.get(PAGE).content.decode()
    link = re.sub("^https?", "webcal", settings.PORTAL_URL) + address
    assert f'href="{link}"' in page
    assert inline_parts(page) == [f"<a href={link!r}>"]
    assert "no-store" in client.get(PAGE)["Cache-Control"]


def test_home_page_leads_engineers_and_leads_to_the_calendar(company: Company) -> None:
    for user, found in (
        (company.engineer, True), (company.lead, True),
        (company.auditor, False), (company.roleadmin, False),
    ):  # fmt: skip
        assert (f'href="{PAGE}"' in browser(user).get("/admin/").content.decode()) is found


def test_those_who_owe_nothing_get_no_address(company: Company) -> None:
    for user in (company.auditor, company.roleadmin, person("nobody")):
        client = browser(user)
        assert client.get(PAGE).status_code == 403
        answer = client.post(PAGE)
        assert answer.status_code == 403
        assert "Only Engineers and Engineering Leads" in answer.content.decode()
    assert not CalendarFeed.objects.exists()


def test_stranger_and_a_forged_form_make_no_address(company: Company) -> None:
    answer = Client().post(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={PAGE}")
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(company.lead)
    assert forged.post(PAGE).status_code == 403
    assert not CalendarFeed.objects.exists()
