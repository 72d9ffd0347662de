"""The trend counts by the company's months, and its picture says the same in words."""

from datetime import UTC, date, datetime

import pytest

from ecportal import clock
from reviews.lifecycle import EXCEPTIONS
from reviews.models import ControlException
from reviews.register import raise_exception
from reviews.trend import by_month, in_words, picture
from tests.scenario import Company, a_draft

pytestmark = pytest.mark.once


def at(month: int, day: int = 15, hour: int = 12) -> datetime:
    return datetime(2099, month, day, hour, tzinfo=UTC)


@pytest.fixture
def register(company: Company) -> None:
    """Opened: one at the end of January (February in Berlin), two in March; one answered in May."""
    for moment, kind in (
        (at(1, 31, 23), "unapproved"), (at(3), "review_late"), (at(3, 31), "duties"),
    ):  # fmt: skip
        with clock.at(moment):
            raise_exception(a_draft(company), kind, "It happened.")
    with clock.at(at(5)):
        first = ControlException.objects.order_by("pk")[0]
        EXCEPTIONS.perform(first, "answer", by=company.lead, reason="Never again.")


def test_months_are_the_companys(register: None) -> None:
    months = by_month(ControlException.objects.all(), at(6), 6)
    assert [month.first for month in months] == [date(2099, n, 1) for n in range(1, 7)]
    assert [month.opened for month in months] == [0, 1, 2, 0, 0, 0]
    assert [month.answered for month in months] == [0, 0, 0, 0, 1, 0]
    assert [month.still_open for month in months] == [0, 1, 3, 3, 2, 2]


def test_what_was_open_before_is_still_open(register: None) -> None:
    months = by_month(ControlException.objects.all(), at(6), 2)
    assert [month.still_open for month in months] == [2, 2]


def test_twelve_months_go_over_the_end_of_a_year(register: None) -> None:
    months = by_month(ControlException.objects.all(), at(2))
    assert (months[0].first, months[-1].first) == (date(2098, 3, 1), date(2099, 2, 1))


def test_picture_stays_inside_its_frame_and_is_told_in_words(register: None) -> None:
    months = by_month(ControlException.objects.all(), at(6), 6)
    drawn = picture(months, at(6))
    told = "From January 2099 to June 2099: 3 opened, 1 answered, 2"
    assert in_words(months, at(6)) == f"{told} open now."
    assert in_words(months, at(7)) == f"{told} still open at the end."
    for column in drawn["columns"]:
        assert drawn["top"] <= column.open_y <= drawn["base"]
        assert column.opened_y + column.opened_height == drawn["base"]
        assert column.answered_x + drawn["bar"] <= drawn["width"]


def test_empty_register_has_a_picture_too(company: Company) -> None:
    drawn = picture(by_month(ControlException.objects.all(), at(6)), at(6))
    assert {column.opened_height for column in drawn["columns"]} == {0}
