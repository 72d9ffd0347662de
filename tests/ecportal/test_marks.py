"""The marks: each tone has words, and each countdown says what is left, how late, or how met."""

from datetime import UTC, datetime, timedelta

import pytest

from ecportal import clock, marks
from ecportal.lifecycle import Lifecycle

pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 19, 8, 42, tzinfo=UTC)
"""09:42 in Berlin, a Thursday."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("due_at", "met_at", "said"),
    [
        (NOW + 9 * MINUTE, None, ("9 min left", "by 09:51", "bad", "timer")),
        (NOW + 4 * HOUR, None, ("4 h left", "by 13:42 today", "warn", "timer")),
        (NOW + DAY, None, ("1 d left", "by Fri 20 Nov 09:42", "ink", "clock")),
        (NOW + 60 * DAY, None, ("60 d left", "by Mon 18 Jan 2027 09:42", "ink", "clock")),
        (NOW - 17 * HOUR, None,
         ("17 h late", "was due Wed 18 Nov 16:42", "bad", "circle-alert")),
        (NOW, NOW - MINUTE, ("met", "due 09:42", "ok", "circle-check")),
        (NOW, NOW, ("met", "due 09:42", "ok", "circle-check")),
        (NOW - DAY, NOW - HOUR, ("met 23 h late", "was due Wed 18 Nov 09:42", "late", "flag")),
        (datetime(2026, 11, 19, 23, 0, tzinfo=UTC), None,
         ("14 h 18 min left", "by 24:00 today", "warn", "timer")),
    ],
)  # fmt: skip
def test_countdown_says_what_is_left_then_the_clock_time(
    due_at: datetime, met_at: datetime | None, said: tuple[str, str, str, str]
) -> None:
    with clock.at(NOW):
        left = marks.countdown(due_at, met_at)
    assert (left.words, left.when, left.tone, left.shape) == said


def test_each_status_of_each_lifecycle_has_its_tone_and_icon() -> None:
    statuses = {
        str(value)
        for model in Lifecycle.registry
        for value in getattr(getattr(model, "Status", None), "values", [])
    }
    assert statuses <= set(marks.STATUSES)


def test_icons_are_in_the_sprite(settings: object) -> None:
    from pathlib import Path

    sprite = Path(settings.BASE_DIR, "ecportal/static/portal/icons.svg").read_text()  # type: ignore[attr-defined]
    named = {shape for _tone, shape in marks.STATUSES.values()} | {*marks.TONES.values()} - {""}
    assert [shape for shape in named if f'id="{shape}"' not in sprite] == []


def test_pill_escapes_its_words_and_doubles_its_tone_with_an_icon() -> None:
    drawn = marks.pill("<b>Late</b>", "late")
    assert "&lt;b&gt;Late&lt;/b&gt;" in drawn
    assert "#flag" in drawn
    assert "<svg" not in marks.pill("Draft")


def test_avatar_keeps_its_tint_and_is_silent_beside_the_name() -> None:
    assert marks.avatar("Marcus Hale") == marks.avatar("Marcus Hale")
    assert ">MH<" in marks.avatar("Marcus Hale")
    assert ">R<" in marks.avatar("root")
    assert ">?<" in marks.avatar("")
    assert ">&lt;<" in marks.avatar("<script>")
    assert 'aria-hidden="true"' in marks.avatar("root")
