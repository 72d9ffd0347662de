"""The population of a period: which changes belong to it, and what each row says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changes.models import EmergencyChange
from ecportal import clock
from reviews.completeness import five_items
from reviews.facts import facts_of
from reviews.models import Deadline
from reviews.population import subjects
from reviews.sweep import sweep
from tests.changes.delegating import delegated
from tests.reviews.populations import days, listed, recent, row_of
from tests.scenario import Company, Journey, a_change, a_draft, person


def opened_at(company: Company, moment: str) -> EmergencyChange:
    """Return a change opened at this time (UTC)."""
    with clock.at(datetime.fromisoformat(moment).replace(tzinfo=UTC)):
        return a_draft(company)


def numbers(*period: str) -> list[str]:
    return [row["number"] for row in listed(days(*period))]


# --- which changes ------------------------------------------------------------------------------
def test_period_has_both_its_ends_to_the_second(company: Company) -> None:
    before, first, last, after = (
        opened_at(company, moment).number
        for moment in ("2026-06-30T21:59:59", "2026-06-30T22:00:00", "2026-09-30T21:59:59",
                       "2026-09-30T22:00:00")
    )  # fmt: skip
    assert numbers("2026-07-01", "2026-09-30") == [first, last]
    assert numbers("2026-06-30", "2026-06-30") == [before]
    assert numbers("2026-10-01", "2026-10-01") == [after]


@pytest.mark.parametrize(
    ("day", "begins", "hours"),
    [("2026-03-29", "2026-03-28T23:00", 23), ("2026-10-25", "2026-10-24T22:00", 25)],
)
def test_day_of_a_clock_change_is_a_whole_day(day: str, begins: str, hours: int) -> None:
    period = days(day, day, zone="Europe/Berlin")
    assert period.begins_at == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert period.ends_before - period.begins_at == timedelta(hours=hours)


def test_day_without_a_midnight_begins_when_the_clocks_change() -> None:
    period = days("2023-04-28", "2023-04-28", zone="Africa/Cairo")
    assert period.begins_at == datetime(2023, 4, 27, 22, tzinfo=UTC)
    assert period.ends_before - period.begins_at == timedelta(hours=23)


@pytest.mark.parametrize(
    ("first", "last", "by", "said"),
    [
        ("2026-07-02", "2026-07-01", "opened", "The period ends before it begins"),
        ("2026-07-01", "2026-07-02", "deleted", "'deleted' is no date to list by."),
        ("1999-12-31", "2026-07-02", "opened", "Enter days between 2000 and 2199."),
    ],
)
def test_period_that_cannot_be_is_refused(first: str, last: str, by: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        days(first, last, by)


def test_each_date_lists_by_its_own_field(company: Company) -> None:
    draft, done, closed = (a_change(company, s).number for s in ("draft", "implemented", "closed"))
    found = {by: [row["number"] for row in listed(recent(by))]
             for by in ("opened", "implemented", "closed")}  # fmt: skip
    assert found == {
        "opened": [draft, done, closed], "implemented": [done, closed], "closed": [closed],
    }  # fmt: skip


def test_numbers_are_in_their_own_order_beyond_four_digits(company: Company) -> None:
    places = (9998, 9999, 10000, 10001)
    changes = [a_draft(company) for _ in places]
    year = changes[0].number[:8]
    with connection.cursor() as cursor:
        for change, place in zip(reversed(changes), places, strict=True):
            statement = "UPDATE changes_emergencychange SET number = %s WHERE id = %s"
            cursor.execute(statement, [f"{year}{place:04d}", change.pk])
    assert [row["number"] for row in listed()] == [f"{year}{place:04d}" for place in places]


# --- what a row says ----------------------------------------------------------------------------
def every_kind(company: Company) -> None:
    delegated(company.lead, company.engineer2)
    for status in ("draft", "submitted", "rejected", "cancelled", "approved", "implementing",
                   "implemented", "verified", "documented", "closed"):  # fmt: skip
        a_change(company, status)
    for act in ("confirm_approval", "deny_approval", None):
        journey = Journey(company, a_draft(company)).submit().claim().start().finish()
        if act:
            journey.do(act, company.lead)
    unapproved = Journey(company, a_draft(company)).start_unapproved()
    data = {"fingerprint": unapproved.change.fingerprint()}
    unapproved.do("approve_retroactively", company.lead, **data).finish(source="hand")
    Journey(company, a_change(company, "submitted")).approve(company.engineer2)
    Journey(company, a_change(company, "documented")).review(at=clock.now() + timedelta(days=9))
    person("someone", "Engineer", first_name="", last_name="")


def test_read_in_bulk_the_five_items_are_those_of_the_page(company: Company) -> None:
    every_kind(company)
    read = {subject.change["pk"]: subject for subject in subjects(recent())}
    assert len(read) == EmergencyChange.objects.count() == 16
    for change in EmergencyChange.objects.all():
        assert read[change.pk].facts == facts_of(change)
        assert read[change.pk].items == five_items(change)


def test_row_of_a_closed_change_answers_all_five_items(company: Company) -> None:
    change = a_change(company, "closed")
    row = row_of(change)
    assert [row[f"item_{n}"] for n in range(1, 6)] == ["there"] * 5
    assert (row["items_there"], row["open_items"], row["exceptions"]) == ("5 of 5", "", "")
    assert (row["type"], row["status"]) == ("Emergency change", "Closed")
    assert (row["incident"], row["severity"]) == (change.incident.number, "SEV-1")
    assert (row["requested_by"], row["approved_by"], row["reviewed_by"]) == (
        "Engineer", "Lead", "Lead2",
    )  # fmt: skip
    assert datetime.fromisoformat(row["opened_at"]) == change.opened_at.replace(microsecond=0)


def test_times_are_local_with_their_offset(company: Company) -> None:
    opened_at(company, "2026-07-01T10:00:00")
    opened_at(company, "2026-12-01T10:00:00")
    found = [row["opened_at"] for row in listed(days("2026-01-01", "2026-12-31"))]
    assert found == ["2026-07-01 12:00:00+02:00", "2026-12-01 11:00:00+01:00"]


def test_exceptions_and_what_is_open_are_columns(company: Company) -> None:
    with clock.at(clock.now() - timedelta(days=9)):
        change = Journey(company, a_draft(company)).start_unapproved().change
    sweep()
    row = row_of(change)
    assert "Implemented without approval (open)" in row["exceptions"]
    assert "Retroactive decision late (open)" in row["exceptions"]
    assert "Approver’s name and time: A Lead of the systems" in row["open_items"]
    assert "Retroactive decision: A Lead of the systems" in row["open_items"]
    assert row["without_approval"] == "Yes"


def test_nothing_is_open_on_a_cancelled_change(company: Company) -> None:
    assert row_of(a_change(company, "cancelled"))["open_items"] == ""


def test_nothing_is_open_on_a_change_that_was_refused(company: Company) -> None:
    change = Journey(company, a_draft(company)).submit().change
    data = {"rejection": "refused", "fingerprint": change.fingerprint()}
    Journey(company, change).do("reject", company.lead, **data)
    assert row_of(change)["open_items"] == ""
    assert row_of(a_change(company, "rejected"))["open_items"] != ""


def test_act_recorded_an_hour_later_is_named_with_its_lag(company: Company) -> None:
    now = clock.now()
    with clock.at(now - timedelta(hours=5)):
        change = a_change(company, "approved")
    Journey(company, change).do(
        "start", company.engineer, happened_at=now - timedelta(hours=4)
    ).finish(happened_at=now - timedelta(hours=2, minutes=5))
    assert row_of(change)["recorded_late"] == "execution 2 h 5 min"


# --- many ---------------------------------------------------------------------------------------
def test_forty_rows_take_as_many_queries_as_three(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(read: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as caught:
            read()
        return len(caught)

    for _ in range(3):
        a_change(company, "implemented")
    few = count(listed)
    for _ in range(37):
        a_change(company, "implemented")
    assert count(listed) == few <= 15
    monkeypatch.setattr("reviews.population.BATCH", 7)
    assert len(listed()) == 40


def test_reading_in_batches_changes_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_kind(company)
    whole = listed()
    monkeypatch.setattr("reviews.population.BATCH", 3)
    assert listed() == whole
    assert Deadline.objects.exists()
