"""A person's calendar: the address that opens it, what a calendar program reads, and how often."""

import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from icalendar import Calendar

from changes.models import Deviation, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from reviews.calendar_feed import as_text, event
from reviews.lifecycle import FOLLOW_UPS
from reviews.models import CalendarFeed, Deadline, FollowUpAction
from tests.pages.test_headers import inline_parts
from tests.scenario import Company, Journey, a_change, a_draft, person

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN)
SECOND = timedelta(seconds=1)
PAGE, FEED = "/calendar/", "/calendar/deadlines.ics"


def browser(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def shown(client: Client) -> str:
    """Return the address on the person's own page, as path and query."""
    found = re.search(r'<code class="address">([^<]+)</code>', client.get(PAGE).content.decode())
    assert found, "No address is shown."
    address = unescape(found[1])
    assert address.startswith(settings.PORTAL_URL + FEED)
    return address.removeprefix(settings.PORTAL_URL)


def new_address(user: User) -> str:
    """Press the button that makes an address, and return it."""
    client = browser(user)
    answer = client.post(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    return shown(client)


def read(address: str, **headers: str) -> Any:
    """Read it as a calendar program does, without a session."""
    return Client(raise_request_exception=False).get(address, headers=headers)


def events(address: str) -> list[Any]:
    response = read(address)
    assert response.status_code == 200
    return Calendar.from_ical(response.content).walk("VEVENT")


def summaries(address: str) -> list[str]:
    return [str(entry["summary"]) for entry in events(address)]


# --- what is in it ------------------------------------------------------------------------------
def test_event_says_what_is_to_be_done_until_when_and_where(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted", title="Roll back, now; all of it")
        [entry] = events(new_address(company.lead))
    deadline = change.deadlines.get()
    url = f"{settings.PORTAL_URL}/admin/changes/emergencychange/{change.pk}/decide/"
    host = urlsplit(settings.PORTAL_URL).hostname
    assert entry["summary"] == f"Approve or reject {change.number}: Roll back, now; all of it"
    assert entry["url"] == url
    assert entry["uid"] == f"deadline-{deadline.pk}@{host}"
    assert entry["dtend"].dt == NOON + timedelta(minutes=15) == deadline.due_at
    assert entry["dtstart"].dt < entry["dtend"].dt
    assert entry["dtstamp"].dt == entry["last-modified"].dt == NOON
    assert entry["transp"] == "TRANSPARENT"
    rule = "Approval decision: 15 minutes after it was asked for"
    assert str(entry["description"]).split("\n") == [rule, url]
    [alarm] = entry.walk("VALARM")
    assert (alarm["action"], alarm["description"]) == ("DISPLAY", entry["summary"])


def test_calendar_names_itself_and_how_often_to_read_it(company: Company) -> None:
    text = read(new_address(company.lead)).content.decode()
    head = text.split("\r\n")
    assert head[0] == "BEGIN:VCALENDAR"
    assert head[-2:] == ["END:VCALENDAR", ""]
    for line in (
        "VERSION:2.0", "PRODID:-//ecportal//Deadlines//EN", "X-WR-CALNAME:ecportal deadlines",
        "NAME:ecportal deadlines", "REFRESH-INTERVAL;VALUE=DURATION:PT15M",
        "X-PUBLISHED-TTL:PT15M",
    ):  # fmt: skip
        assert line in head


# How long before it is due each kind of deadline is called for, written out a second time.
ALARMS = {
    "approval": "0:10", "confirmation": "1:00", "retroactive": "8:00", "documentation": "4:00",
    "review": "8:00", "follow_up": "8:00", "catch_up": "8:00",
}  # fmt: skip


@pytest.mark.parametrize("kind", Deadline.Kind.values)
def test_alarm_of_each_kind_comes_in_time_to_act(kind: str) -> None:
    deadline = unsaved("Title", kind=kind)
    entry = event(deadline, User(), NOON, NOON)
    [alarm] = entry.walk("VALARM")
    hours, minutes = map(int, ALARMS[kind].split(":"))
    rings_at = entry["dtstart"].dt + alarm["trigger"].dt
    assert deadline.due_at - rings_at == timedelta(hours=hours, minutes=minutes)


@pytest.mark.parametrize(
    ("started", "ends"),
    [
        (datetime(2026, 7, 17, 23, 0), "20260720T220000Z"),  # Friday; Monday 24:00 in summer
        (datetime(2026, 10, 24, 12, 0), "20261026T230000Z"),  # the night has 25 hours
        (datetime(2026, 3, 28, 12, 0), "20260330T220000Z"),  # the night has 23 hours
        (datetime(2026, 12, 31, 12, 0), "20270104T230000Z"),  # New Year's Day and a weekend
    ],
)
def test_midnight_is_the_end_of_its_local_day_in_utc(
    company: Company, started: datetime, ends: str
) -> None:
    with clock.at(started.replace(tzinfo=BERLIN)):
        Journey(company, a_draft(company)).start_unapproved()
        address = new_address(company.lead)
        text = read(address).content.decode()
        [entry] = events(address)
    assert f"DTEND:{ends}\r\n" in text
    local = entry["dtstart"].dt.astimezone(BERLIN)
    assert local.date() == (entry["dtend"].dt.astimezone(BERLIN) - SECOND).date()
    assert "TZID" not in text


def test_each_person_reads_what_they_owe_and_nothing_else(company: Company) -> None:
    change = a_change(company, "implemented")
    due = clock.now().date() + timedelta(days=4)
    action = FollowUpAction(
        change=change, title="Add an alert", owner=company.engineer2, due_on=due
    )
    FOLLOW_UPS.perform(action, "assign", by=company.lead, reason="Found already.")
    skipped = {"skipped": "Load test\nof all nodes", "why": "No time.", "catch_up_on": due}
    Journey(company, change).do("record_deviation", company.engineer2, **skipped)
    number = change.number
    assert summaries(new_address(company.engineer)) == [f"Document {number}: {change.title}"]
    assert summaries(new_address(company.lead)) == [f"Review {number}: {change.title}"]
    catch_up, follow_up = sorted(events(new_address(company.engineer2)), key=lambda e: e["summary"])
    assert catch_up["summary"] == f"Catch up on a skipped test of {number}: {change.title}"
    assert "Skipped: Load test of all nodes" in catch_up["description"]
    assert follow_up["summary"] == f"Finish the follow-up action of {number}: Add an alert"
    assert follow_up["url"].endswith(f"/admin/reviews/followupaction/{action.pk}/change/")


def test_deadline_that_is_met_or_void_leaves_the_calendar(company: Company) -> None:
    address = new_address(company.lead)
    met, void = a_change(company, "submitted"), a_change(company, "submitted")
    assert len(events(address)) == 2
    Journey(company, met).approve()
    Journey(company, void).do("cancel", company.engineer)
    assert events(address) == []


def test_deadline_given_to_somebody_else_moves_with_its_name(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "implemented")
        action = FollowUpAction(
            change=change, title="Alert", owner=company.engineer2, due_on=NOON.date()
        )
        FOLLOW_UPS.perform(action, "assign", by=company.lead, reason="Found already.")
        theirs, mine = new_address(company.engineer2), new_address(person("new", "Engineer"))
        [before] = events(theirs)
    with clock.at(NOON + timedelta(hours=1)):
        new = User.objects.get(username="new")
        FOLLOW_UPS.perform(action, "reassign", by=company.lead, reason="Knows it.", owner=new)
        assert events(theirs) == []
        [after] = events(mine)
    assert after["uid"] == before["uid"]
    assert after["last-modified"].dt == before["last-modified"].dt + timedelta(hours=1)


def test_who_was_asked_is_named_to_another_lead(company: Company) -> None:
    change = a_draft(company)
    Journey(company, change).do("submit", company.engineer, asked_approver=company.lead)
    [entry] = events(new_address(company.lead2))
    assert f"Asked: {company.lead}" in entry["description"]
    [own] = events(new_address(company.lead))
    assert "Asked" not in own["description"]


def test_deadline_that_passed_says_so(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "submitted")
        address = new_address(company.lead)
    with clock.at(NOON + timedelta(minutes=15)):
        assert summaries(address) == [f"Approve or reject {change.number}: {change.title}"]
    with clock.at(NOON + timedelta(minutes=15) + SECOND):
        [entry] = events(address)
    assert entry["summary"] == f"Overdue: Approve or reject {change.number}: {change.title}"
    assert entry["last-modified"].dt == change.deadlines.get().due_at


def test_confidential_change_is_named_by_its_number_alone(company: Company) -> None:
    change = a_draft(company, title="The vault key leaked", confidential=True)
    due = clock.now().date() + timedelta(days=4)
    skipped = {"skipped": "The vault test", "why": "No time.", "catch_up_on": due}
    Journey(company, change).start_unapproved()
    Journey(company, change).do("record_deviation", company.engineer, **skipped)
    action = FollowUpAction(change=change, title="Rotate the vault", owner=company.engineer,
                            due_on=due)  # fmt: skip
    FOLLOW_UPS.perform(action, "assign", by=company.lead, reason="Found already.")
    for user, entries in ((company.lead, 1), (company.engineer, 2)):
        address = new_address(user)
        assert len(events(address)) == entries
        text = read(address).content.decode().replace("\r\n ", "")
        assert change.number in text
        assert "vault" not in text.lower()


# --- words of any kind --------------------------------------------------------------------------
def unsaved(title: str, kind: str = "catch_up") -> Deadline:
    change = EmergencyChange(pk=7, number="EC-2026-0007", title=title)
    owner = User(pk=3, first_name=title[:150])
    return Deadline(
        pk=9, kind=kind, change=change, started_at=NOON, due_at=NOON + timedelta(days=1),
        rule="The day named with the deviation", owner=owner,
        deviation=Deviation(change=change, skipped=title),
    )  # fmt: skip


def on_one_line(text: str) -> str:
    """Say what is kept of a text, in other words than the code does."""
    kept = "".join(" " if ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)
    return " ".join(kept.split())


@pytest.mark.django_db
@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
@example("x" * 10_000)
@example("שלום עולם; مرحبا, " * 600)
@example("👩‍👩‍👧‍👦" * 50)
@example("a\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:b")
@example('\\n \\, \\; "quoted"; a:b\x85c\u2028d\ufeff\x00')
def test_any_words_come_back_as_they_were(title: str) -> None:
    text = as_text([unsaved(title)], User(pk=4))
    lines = text.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert all(line.decode().isprintable() or not set(line) & set(range(32)) for line in lines)
    [entry] = Calendar.from_ical(text).walk("VEVENT")
    words = on_one_line(title)
    start = "Catch up on a skipped test of EC-2026-0007: "
    assert str(entry["summary"]).removeprefix("Overdue: ") == start + words
    assert f"Skipped: {words}\n" in entry["description"]
    assert text.count(b"BEGIN:VEVENT") == 1 or b"BEGIN:VEVENT" in title.encode()


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
    User.objects.filter(pk=company.lead.pk).update(**values())
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


def test_times_are_utc_whatever_the_reader_has_chosen(company: Company) -> None:
    User.objects.filter(pk=company.lead.pk).update(time_zone="Asia/Kolkata")
    with clock.at(NOON):
        a_change(company, "submitted")
        [entry] = events(new_address(company.lead))
    assert entry["dtend"].dt == datetime(2026, 11, 20, 11, 15, tzinfo=UTC)
