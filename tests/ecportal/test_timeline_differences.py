"""How two texts are compared: every word kept, long stretches folded, and never slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecportal.audit.differences import FOLD, KEPT, LIMIT, Piece, compare, visible

pytestmark = pytest.mark.once

TEXTS = st.text(alphabet="ab \n🔥ש‮", max_size=60)
IN_BOTH = ("same", "folded")


def pieces(before: str, after: str) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in compare(before, after)]


def text_of(found: list[Piece], *kinds: str) -> str:
    return "".join(piece.text for piece in found if piece.kind in kinds)


def test_changed_word_stands_between_what_stayed() -> None:
    assert pieces("Restart the pool now", "Restart the whole pool now") == [
        ("same", "Restart the "),
        ("new", "whole "),
        ("same", "pool now"),
    ]


def test_what_is_gone_stands_before_what_is_new() -> None:
    assert pieces("wait ten minutes", "wait thirty long minutes") == [
        ("same", "wait "),
        ("gone", "ten "),
        ("new", "thirty long "),
        ("same", "minutes"),
    ]


@given(TEXTS, TEXTS)
def test_pieces_hold_every_word_of_both_texts(before: str, after: str) -> None:
    found = compare(before, after)
    assert text_of(found, *IN_BOTH, "gone", "rest gone") == visible(before)
    assert text_of(found, *IN_BOTH, "new", "rest new") == visible(after)


def test_long_unchanged_stretch_is_folded_but_for_the_words_beside_a_change() -> None:
    words = [f"w{number}" for number in range(3 * FOLD)]
    changed = [*words]
    changed[FOLD + 30] = "changed"
    found = compare(" ".join(words), " ".join(changed))
    assert [piece.kind for piece in found] == [
        "folded", "same", "gone", "new", "same", "folded",
    ]  # fmt: skip
    assert [found[place].words for place in (1, 4)] == [KEPT, KEPT]


def test_long_first_text_is_folded_after_its_beginning() -> None:
    (begins, rest) = compare("", "word " * FOLD)
    assert (begins.kind, begins.words) == ("new", KEPT)
    assert (rest.kind, rest.words) == ("rest new", FOLD - KEPT)


def test_rewritten_text_replaces_the_other_whole() -> None:
    before = " ".join(f"a{number}" for number in range(LIMIT))
    after = " ".join(f"b{number}" for number in range(LIMIT))
    kinds = [piece.kind for piece in compare(before, after)]
    assert kinds == ["gone", "rest gone", "new", "rest new"]


def test_lines_are_compared_where_too_many_words_differ() -> None:
    kept = "This line stays.\n"
    before = kept + " ".join(f"a{number}" for number in range(LIMIT)) + "\n" + kept
    after = kept + " ".join(f"b{number}" for number in range(LIMIT)) + "\n" + kept
    found = compare(before, after)
    assert [piece.kind for piece in found] == [
        "same", "gone", "rest gone", "new", "rest new", "same",
    ]  # fmt: skip


def test_marks_of_direction_are_spelled_out() -> None:
    assert visible("pay ‮001‬ now") == "pay [U+202E]001[U+202C] now"
    assert visible("שלום 👩‍🔧") == "שלום 👩‍🔧"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a " * 5_000, "b a " * 2_500),
        ("\n" * 10_000, "a\n" * 5_000),
        (" ".join(f"{n % 97}" for n in range(3_500)), " ".join(f"{n % 89}" for n in range(3_500))),
        ("x" * 10_000, "y" * 10_000),
    ],
)
def test_ten_thousand_characters_take_less_than_a_second(before: str, after: str) -> None:
    began = time.perf_counter()
    compare(before, after)
    assert time.perf_counter() - began < 1
