"""How acts are put in order, under days, and small or alike ones kept short."""

from datetime import UTC, date, datetime, timedelta

import pytest

from ecportal.story import HAPPENED, RECORDED, order_asked, tell, under_days
from ecportal.timeline import Entry

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def act(verb: str, at: datetime, lag: timedelta = timedelta(0), **values: object) -> Entry:
    known = {"who": "Priya", "about": "", "reason": verb, **values}
    return Entry(verb, happened_at=at, recorded_at=at + lag, verb=verb, **known)  # type: ignore[arg-type]


def verbs(acts: list[Entry], order: str, **options: object) -> list[str]:
    story = tell(acts, order, **options)  # type: ignore[arg-type]
    return [told.entry.verb for _day, some in story.days for told in some]


def test_each_clock_has_its_order() -> None:
    acts = [act("start", NOON), act("claim", NOON - HOUR, 2 * HOUR)]
    assert verbs(acts, HAPPENED) == ["claim", "start"]
    assert verbs(acts, RECORDED) == ["start", "claim"]


@pytest.mark.parametrize("word", [None, "", "happened", "RECORDED", "x"])
def test_any_other_word_means_by_what_happened(word: str | None) -> None:
    assert order_asked(word) == HAPPENED
    assert order_asked("recorded") == RECORDED


def test_small_act_is_left_out_and_counted_unless_it_is_late() -> None:
    acts = [act("revise", NOON), act("revise", NOON, 2 * HOUR), act("start", NOON)]
    story = tell(acts, HAPPENED, small={"revise"})
    assert story.left_out == 1
    assert verbs(acts, HAPPENED, small={"revise"}) == ["start", "revise"]


def test_run_of_one_hand_is_counted_and_broken_by_another() -> None:
    acts = [
        act("attach", NOON, leaf=4), act("attach", NOON + MINUTE, leaf=9),
        act("attach", NOON + 2 * MINUTE, leaf=11, who="Tomasz"),
    ]  # fmt: skip
    [(_day, [run, single])] = tell(acts, HAPPENED, batch="attach").days
    assert (run.entry.did, run.place) == ("attach, 2 pieces", "#4 to #9")
    assert run.entry.reason == "attach\nattach"
    assert (single.entry.did, single.place) == ("attach", "#11")


def test_act_stands_under_its_day_and_names_another_one() -> None:
    night = datetime(2026, 11, 18, 22, 59, tzinfo=UTC)
    story = tell([act("claim", night, 3 * HOUR)], HAPPENED)
    [(day, [told])] = story.days
    assert day == date(2026, 11, 18)
    assert (told.happened, told.recorded) == ("23:59", "Thu 19 Nov 02:59:00")
    assert (told.is_claimed, told.lag) == (True, "3 h")


def test_what_the_server_saw_itself_has_one_clock() -> None:
    [(_day, [told])] = under_days([act("start", NOON, 30 * timedelta(seconds=1))])
    assert not told.is_claimed
    assert told.place == ""
