"""CSV whose cells stay text in a spreadsheet, and that reads back as it was."""

import csv
import io

import pytest

from reviews.comma_separated import download, harmless, lines

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "=HYPERLINK(\"x\")"],
)  # fmt: skip
def test_formula_becomes_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "2026-01-01", "1=1", "a@b", "Ж - x", "EC-2026-0001"])
def test_ordinary_text_stays_as_it_is(cell: str) -> None:
    assert harmless(cell) == cell


def test_nothing_is_an_empty_cell() -> None:
    assert harmless(None) == ""


def test_quotes_commas_and_lines_read_back() -> None:
    row = ['say "no"', "a,b", "one\ntwo", "🔥"]
    text = "".join(lines(["A", "B", "C", "D"], [row]))
    assert text.startswith("\ufeffA,B,C,D\r\n")
    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))[1] == row


def test_download_is_an_attachment() -> None:
    response = download("x.csv", ["A"], [["=1"]])
    assert response["Content-Disposition"] == 'attachment; filename="x.csv"'
    assert b"".join(response).decode() == "\ufeffA\r\n'=1\r\n"
