"""What proves a population complete: missing numbers, and the query run again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from changes.models import EmergencyChange
from ecportal import clock
from reviews.comparison import came_since, compare
from reviews.listing import Listing
from tests.reviews.populations import days, generated, recent
from tests.reviews.test_population import every_kind, opened_at
from tests.scenario import Company, Journey, a_change

pytestmark = pytest.mark.once


# --- gaps ---------------------------------------------------------------------------------------
def lose(change: EmergencyChange) -> str:
    """Give a change a number of another year, as if somebody had taken it out of the database."""
    with connection.cursor() as cursor:
        statement = "UPDATE changes_emergencychange SET number = %s WHERE id = %s"
        cursor.execute(statement, [f"EC-1999-{change.pk:04d}", change.pk])
    return change.number


def gaps(*period: str) -> tuple[list[str], list[str]]:
    listing = Listing(days(*period))
    rows = [row for _subject, row in listing.rows()]
    return listing.gaps, [row[-1] for row in rows]


def test_no_gap_is_found_where_none_is(company: Company) -> None:
    for day in (1, 2, 3):
        opened_at(company, f"2026-07-0{day}T10:00:00")
    assert gaps("2026-07-01", "2026-07-31") == ([], ["", "", ""])


def test_missing_number_is_named_and_stands_before_the_next_row(company: Company) -> None:
    changes = [opened_at(company, f"2026-07-0{day}T10:00:00") for day in (1, 2, 3, 4)]
    lost = [lose(change) for change in changes[1:3]]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE changes_emergencychange SET opened_at = %s WHERE number LIKE %s",
                       [datetime(1999, 1, 1, tzinfo=UTC), "EC-1999-%"])  # fmt: skip
    assert gaps("2026-07-01", "2026-07-31") == (lost, ["", ", ".join(lost)])
    assert gaps("2026-05-01", "2026-06-30") == ([], [])
    assert gaps("2026-07-02", "2026-07-03") == (lost, [])
    assert gaps("2026-07-05", "2026-07-31") == ([], [])


def test_missing_last_number_is_named(company: Company) -> None:
    first = opened_at(company, "2026-07-01T10:00:00")
    lost = lose(opened_at(company, "2026-07-02T10:00:00"))
    found, _rows = gaps("2026-07-01", "2026-07-31")
    assert found == [lost]
    assert first.number < lost


def test_numbers_of_other_periods_are_counted_and_are_no_gaps(company: Company) -> None:
    for status in ("closed", "draft", "draft", "closed"):
        a_change(company, status)
    listing = Listing(recent("closed"))
    assert len(list(listing.rows())) == 2
    assert (listing.of_other_periods, listing.gaps) == (2, [])


# --- run again ----------------------------------------------------------------------------------
def test_population_run_again_is_the_same_while_nothing_happens(company: Company) -> None:
    every_kind(company)
    population = generated(company)
    again = compare(population, frozenset())
    assert (again.same, again.count) == (True, 16)


def test_late_recording_comes_into_an_old_period_and_the_proof_says_so(company: Company) -> None:
    """Work that ended in the period and was written down after it was listed."""
    with clock.at(clock.now() - timedelta(days=3)):
        begun = clock.now()
        change = a_change(company, "implementing")
    population = generated(company, recent("implemented"))
    assert (population.count, came_since(population)) == (0, [])
    Journey(company, change).finish(happened_at=begun + timedelta(hours=1))
    assert came_since(population) == [change.number]
    again = compare(population, frozenset())
    assert (again.same, again.added, again.gone) == (False, [change.number], [])


def test_comparison_names_the_columns_that_read_differently(company: Company) -> None:
    change, other = a_change(company, "approved"), a_change(company, "approved")
    population = generated(company)
    Journey(company, change).start()
    again = compare(population, frozenset())
    assert set(again.changed) == {change.number}
    assert again.changed[change.number][:3] == ["Status", "Implemented by", "Started at"]
    assert other.number not in again.changed


def test_change_that_left_the_period_is_named(company: Company) -> None:
    change = a_change(company, "implemented")
    population = generated(company, recent("implemented"))
    Journey(company, change).do("report_instability", company.engineer, watched="Errors")
    again = compare(population, frozenset())
    assert (again.gone, again.added) == ([change.number], [])
