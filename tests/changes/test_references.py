"""Numbers of changes are found in what people write, and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changes.references import SHOWN, numbers_in

pytestmark = pytest.mark.once

DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
NUMBERS = st.builds("EC-{:04d}-{:04d}".format, st.integers(0, 9999), st.integers(0, 999_999_999))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def found(*texts: str) -> list[str]:
    return [number for number, _line in numbers_in(texts)]


@pytest.mark.parametrize(
    "text",
    [
        "EC-2026-0042", "ec-2026-0042", "Ec–2026—0042", "(EC-2026-0042)", "#EC-2026-0042:",
        "hotfix/ec-2026-0042_rollback", "refs/tags/EC-2026-0042-rc1", "…/EC-2026-0042/gate",
        "Roll back.\n\nRefs: EC-2026-0042", "_EC-2026-0042_", "EC\u22122026\u22120042",
    ],
)  # fmt: skip
def test_number_is_found(text: str) -> None:
    assert found(text) == ["EC-2026-0042"]


@pytest.mark.parametrize(
    "text",
    [
        "DEC-2026-0042", "EC-2026-0042a", "xEC-2026-0042", "éEC-2026-0042", "1EC-2026-0042",
        "EC-2026-42", "EC-26-0042", "EC 2026 0042", "EC-2026-", "EC_2026_0042", "EC--2026-0042",
        "EC-2026-0042１", "EC-٢٠٢٦-0042", "EC-2026-0042000000", "SEC-2026-0042", "",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert found(text) == []


def test_longer_number_is_another_number() -> None:
    assert found("EC-2026-00421") == ["EC-2026-00421"]


@given(NUMBERS, st.sampled_from(DASHES), st.booleans(), TEXT, TEXT)
def test_number_between_words_is_found_in_any_dress(
    number: str, dash: str, small: bool, before: str, after: str
) -> None:
    dressed = (number.lower() if small else number).replace("-", dash)
    assert number in found(f"{before} {dressed} {after}")


@given(st.lists(NUMBERS, max_size=5), TEXT)
def test_numbers_come_once_and_in_their_order(numbers: list[str], between: str) -> None:
    text = f" {between.replace('EC', '').replace('ec', '')} ".join(numbers)
    assert [n for n in found(text) if n in numbers] == list(dict.fromkeys(numbers))


@given(st.lists(TEXT, max_size=5))
def test_any_text_can_be_searched(texts: list[str]) -> None:
    for number, line in numbers_in(texts):
        assert number.startswith("EC-")
        assert len(line) <= SHOWN


def test_line_is_told_and_a_long_one_is_cut_around_the_number() -> None:
    assert list(numbers_in(["Fix it\n  see EC-2026-0042 there \nbye"])) == [
        ("EC-2026-0042", "see EC-2026-0042 there")
    ]
    ((_number, line),) = numbers_in([f"{'x' * 500} EC-2026-0042 {'y' * 500}"])
    assert "EC-2026-0042" in line
    assert len(line) == SHOWN


def test_search_takes_as_long_as_the_text_and_no_longer() -> None:
    assert found("EC-" * 200_000 + "20260-" * 100_000) == []
