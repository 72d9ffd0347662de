"""Every mark of a chart stands inside its box, and the chart says in words what it draws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.charts import (
    BASE,
    LEFT,
    LIMIT,
    RIGHT,
    TOP,
    Scale,
    bar_chart,
    briefly,
    decision_chart,
    places,
    review_chart,
    rounded_up,
    share_chart,
)
from reviews.measures import Decision, ReviewMonth, ShareMonth
from reviews.trend import back
from tests.reviews.test_trend import at

pytestmark = pytest.mark.once

minutes = st.floats(min_value=0, max_value=1e12)
decision = st.builds(Decision, st.just("EC-2026-0001"), minutes, st.booleans(), st.booleans())
counts = st.integers(min_value=0, max_value=10**9)


def months(*numbers: tuple[int, int]) -> list[ShareMonth]:
    """Return months of so many emergencies among so many deployments, up to June."""
    today = at(6).date()
    firsts = [back(today, number) for number in reversed(range(len(numbers)))]
    pairs = zip(firsts, numbers, strict=True)
    return [ShareMonth(first, few, few, many) for first, (few, many) in pairs]


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(min_value=1, max_value=1e12))
def test_scale_puts_any_value_inside_the_box(value: float, top: float) -> None:
    assert TOP <= Scale(top).y(value) <= BASE


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=2, max_size=9))
def test_scale_keeps_the_order_of_values(values: list[float]) -> None:
    scale = Scale(max(1.0, *values))
    heights = [scale.y(value) for value in sorted(values)]
    assert heights == sorted(heights, reverse=True)


def test_scale_reaches_from_the_bottom_of_the_box_to_its_top() -> None:
    assert (Scale(20).y(0), Scale(20).y(10), Scale(20).y(20)) == (BASE, (BASE + TOP) / 2, TOP)


@given(st.floats(min_value=0, max_value=1e15))
def test_rounded_up_is_never_below_and_never_far_above(value: float) -> None:
    assert value <= rounded_up(value) <= max(1.0, 2 * value)


@given(st.integers(min_value=0, max_value=60))
def test_places_stand_in_order_between_the_edges(count: int) -> None:
    found = places(count)
    assert len(found) == count
    assert found == sorted(set(found))
    assert all(LEFT < place < RIGHT for place in found)


@given(minutes)
def test_label_of_an_outlier_is_short(value: float) -> None:
    assert len(briefly(value)) <= 6


# --- time to approval ---------------------------------------------------------------------------
@given(st.lists(decision, max_size=12), st.integers(min_value=1, max_value=10**6))
def test_every_decision_stands_inside_the_box(found: list[Decision], target: int) -> None:
    chart = decision_chart(found, target)
    assert len(chart["marks"]) == len(found)
    for mark in chart["marks"]:
        assert LEFT <= mark["x"] <= RIGHT
        assert TOP <= mark["y"] <= BASE
    assert TOP <= chart["target_y"] <= BASE
    assert chart["words"]


def test_no_decision_is_said_to_be_none() -> None:
    chart = decision_chart([], 15)
    assert chart["marks"] == []
    assert chart["words"] == "Nobody has asked for an approval yet."
    assert chart["headline"] == ""


def test_one_decision_stands_in_the_middle_and_is_its_own_median() -> None:
    chart = decision_chart([Decision("EC-2026-0001", 7.4, False, False)], 15)
    assert chart["marks"][0]["x"] == (LEFT + RIGHT) / 2
    assert chart["headline"] == "7 min"


def test_outlier_is_told_by_its_number_and_the_waiting_one_by_name() -> None:
    found = [
        Decision("EC-2026-0001", 4, False, False),
        Decision("EC-2026-0002", 22, False, True),
        Decision("EC-2026-0003", 6, True, False),
    ]
    chart = decision_chart(found, 15)
    assert [mark["words"] for mark in chart["marks"]] == ["", "22", ""]
    assert chart["words"] == (
        "Minutes from the request to the decision, last 3: median 13, target 15. "
        "Longer than their target: EC-2026-0002. Still waiting: EC-2026-0003."
    )


def test_huge_outlier_does_not_press_the_others_to_the_ground() -> None:
    found = [Decision("a", 10, False, False), Decision("b", 1e9, False, True)]
    low, high = decision_chart(found, 15)["marks"]
    assert high["y"] == TOP
    assert low["y"] < (BASE + TOP) / 2 + 1


# --- bars ---------------------------------------------------------------------------------------
@given(st.lists(st.tuples(st.just("Jan"), counts, counts), max_size=6))
def test_bars_stand_on_the_ground_and_end_below_the_top(months: list[tuple[str, int, int]]) -> None:
    chart = bar_chart(months, "Some.")
    for bar in chart["bars"]:
        assert bar["left"] >= LEFT
        assert bar["left"] + chart["wide"] <= RIGHT
        assert TOP <= bar["top"] <= bar["join"] <= BASE
        assert bar["join"] + bar["lower_height"] == pytest.approx(BASE)
        assert bar["top"] + bar["upper_height"] == pytest.approx(bar["join"])


def test_ticks_of_counts_are_whole_numbers() -> None:
    for highest in (0, 1, 3, 7, 15, 33, 101):
        ticks = bar_chart([("Jan", highest, 0)], "Some.")["ticks"]
        assert all("." not in tick["words"] for tick in ticks), highest


def test_reviews_are_told_in_words() -> None:
    first = at(5).date()
    chart = review_chart([ReviewMonth(first, 3, 1), ReviewMonth(first, 2, 0)])
    assert chart["headline"] == "5 of 6"
    assert chart["words"] == "Reviews that were due in the last 2 months: 5 on time, 1 late."
    assert review_chart([ReviewMonth(first, 0, 0)])["headline"] == ""


# --- the share ----------------------------------------------------------------------------------
@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=6))
def test_every_share_stands_inside_the_box(numbers: list[tuple[int, int]]) -> None:
    chart = share_chart(months(*numbers))
    for point in chart.get("points", []):
        assert LEFT <= point["x"] <= RIGHT
        assert point["y"] is None or TOP <= point["y"] <= BASE
    assert chart["limit"] == LIMIT


def test_share_that_nobody_can_know_is_not_drawn() -> None:
    chart = share_chart(months((2, 0), (1, 0)))
    assert "points" not in chart
    assert [bar["lower"] for bar in chart["bars"]] == [2, 1]
    assert chart["words"].endswith("Their share of all changes is not known.")


def test_line_breaks_where_a_month_is_not_known() -> None:
    chart = share_chart(months((1, 100), (6, 100), (1, 0), (2, 100), (3, 100), (1, 0)))
    assert [len(line.split()) for line in chart["lines"]] == [2, 2]
    assert [point["over"] for point in chart["points"]] == [False, True, False, False, False, False]
    assert chart["headline"] == "3 % in May"
    assert "February 6 %" in chart["words"]
