"""What a calendar program reads: each deadline as an event, in any words, at the right time."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from hypothesis import HealthCheck, example, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from icalendar import Calendar

from changes.models import Deviation, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from reviews.calendar_feed import as_text, event
from reviews.lifecycle import FOLLOW_UPS
from reviews.models import Deadline, FollowUpAction
from tests.reviews.calendar_reading import (
    BERLIN,
    NOON,
    SECOND,
    events,
    new_address,
    read,
    summaries,
)
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once


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


def test_times_are_utc_whatever_the_reader_has_chosen(company: Company) -> None:
    User._base_manager.filter(pk=company.lead.pk).update(time_zone="Asia/Kolkata")
    with clock.at(NOON):
        a_change(company, "submitted")
        [entry] = events(new_address(company.lead))
    assert entry["dtend"].dt == datetime(2026, 11, 20, 11, 15, tzinfo=UTC)


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


# What the format itself gives a meaning to comes far more often than by chance.
PIECES = st.sampled_from(["\\N", "\\n", "\\", ";", ",", ":", '"', "\r\n", "END:VEVENT"])
ANY = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=200).map("".join)


@pytest.mark.django_db
@limits(suppress_health_check=list(HealthCheck), deadline=None)
@given(ANY)
@example("x" * 10_000)
@example("C:\\New\\next")
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
