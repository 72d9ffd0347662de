"""A population as CSV, JSON and XLSX: nothing in it runs, everything in it comes back."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from reviews.columns import HEADINGS, KEPT_WHEN_REDACTED, REDACTED
from reviews.period import Period
from reviews.renderings import FORMATS, Sink
from reviews.spreadsheet import LONGEST_CELL
from tests.reviews.populations import days, generated, recent, written
from tests.scenario import Company, a_change, a_draft

pytestmark = pytest.mark.once

STRANGE = "🔥 Ärger ‮ שלום عربى \u200f <b>&amp;</b> _x000D_ 日本 %s {{ 7|add:1 }}"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠1",
            "  =1"]  # fmt: skip


class NoTotals:
    count, first, last, gaps = 0, "", "", []


def rendered(form: str, *titles: str) -> bytes:
    """Return the bytes of rows that hold these titles and nothing else."""
    out = io.BytesIO()
    sink = Sink(out)
    rendering = FORMATS[form][0](sink, days("2026-07-01", "2026-09-30"), HEADINGS)
    place = list(HEADINGS).index("title")
    for title in titles:
        rendering.row([title if n == place else "" for n in range(len(HEADINGS))])
    rendering.end(NoTotals())
    assert sink.sha256 == hashlib.sha256(out.getvalue()).hexdigest()
    assert sink.size == len(out.getvalue())
    return out.getvalue()


def rows_of_csv(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def cells_of_xlsx(data: bytes, sheet: int = 1) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert book.testzip() is None
        tree = ElementTree.fromstring(book.read(f"xl/worksheets/sheet{sheet}.xml"))
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    return [
        ["".join(text.text or "" for text in cell.iter(f"{space}t")) for cell in row]
        for row in tree.iter(f"{space}row")
    ]


@pytest.mark.parametrize("title", FORMULAS)
def test_csv_cell_that_begins_like_a_formula_is_a_text(title: str) -> None:
    assert rows_of_csv(rendered("csv", title))[0]["Title"] == f"'{title}"


@pytest.mark.parametrize("title", ["a=1", "1+1", "Fix -1", STRANGE, 'say "hi", now\r\nplease'])
def test_other_csv_cells_come_back_as_they_are(title: str) -> None:
    assert rows_of_csv(rendered("csv", title))[0]["Title"] == title


@pytest.mark.parametrize("title", [*FORMULAS, STRANGE, '"quoted"\\'])
def test_json_texts_come_back_as_they_are(title: str) -> None:
    assert json.loads(rendered("json", title))["changes"][0]["title"] == title


def test_json_has_one_change_a_line_and_none_is_valid_too() -> None:
    assert json.loads(rendered("json"))["changes"] == []
    lines = rendered("json", "One", "Two").decode().splitlines()
    assert sum('"title": "' in line for line in lines) == 2


@pytest.mark.parametrize("title", [*FORMULAS, STRANGE, "  spaces  ", ""])
def test_every_xlsx_cell_is_an_inline_text(title: str) -> None:
    data = rendered("xlsx", title)
    place = list(HEADINGS).index("title")
    found = cells_of_xlsx(data)[1][place]
    shown = title.replace("_x000D_", "_x005F_x000D_").replace("\r", "_x000D_")
    assert found == shown
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert sheet.count("<c ") == sheet.count('t="inlineStr"') == 2 * len(HEADINGS)


def test_xlsx_cell_is_cut_where_excel_would_refuse_it() -> None:
    place = list(HEADINGS).index("title")
    for title in ("x" * 40_000, "🔥" * 20_000):
        found = cells_of_xlsx(rendered("xlsx", title))[1][place]
        assert len(found.encode("utf-16-le")) <= 2 * LONGEST_CELL
        assert found.endswith("…")


def test_control_characters_leave_the_xlsx_readable() -> None:
    assert "_x000B_" in cells_of_xlsx(rendered("xlsx", "a\x0bb\x00c"))[1][3]


def test_xlsx_names_the_query_on_its_second_sheet() -> None:
    about = dict(cells_of_xlsx(rendered("xlsx"), 2))
    assert about["Query"] == days("2026-07-01", "2026-09-30").in_words()
    assert (about["Time zone"], about["Missing numbers"]) == ("Europe/Berlin", "None")


def test_xlsx_says_nothing_of_when_and_where_it_was_written() -> None:
    with zipfile.ZipFile(io.BytesIO(rendered("xlsx", "One"))) as book:
        for entry in book.infolist():
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert (entry.create_system, entry.external_attr) == (0, 0o600 << 16)
            assert entry.compress_type == zipfile.ZIP_STORED
        assert "docProps/core.xml" not in book.namelist()


@pytest.mark.parametrize("form", FORMATS)
def test_same_records_give_the_same_bytes_and_the_kept_fingerprint(
    company: Company, form: str
) -> None:
    for status in ("closed", "submitted"):
        a_change(company, status, title=STRANGE)
    data = written(form)
    assert written(form) == data
    assert generated(company).sha256(form) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("form", FORMATS)
def test_bytes_do_not_depend_on_who_reads_in_which_time_zone(
    company: Company, form: str, settings: object
) -> None:
    from django.utils import timezone

    a_change(company, "closed")
    data = written(form)
    with timezone.override("Asia/Tokyo"):
        assert written(form, recent()) == data


SCRIPT = """
import hashlib, sys, django
django.setup()
from tests.reviews.test_renderings import STRANGE, rendered
for form in sys.argv[1:]:
    print(hashlib.sha256(rendered(form, STRANGE, *map(str, range(500)))).hexdigest())
"""


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1", "4242"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(
    seed: str, tmp_path: Path
) -> None:
    environment = {
        **os.environ, "PYTHONHASHSEED": seed, "ECPORTAL_ENV": "test", "TZ": "Asia/Tokyo",
        "ECPORTAL_VAR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "ecportal.settings",
    }  # fmt: skip
    command = [sys.executable, "-c", SCRIPT, *FORMATS]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command, env=environment, cwd=root, check=True, capture_output=True, text=True
    )
    pages = [rendered(form, STRANGE, *map(str, range(500))) for form in FORMATS]
    assert done.stdout.split() == [hashlib.sha256(page).hexdigest() for page in pages]


def test_redacted_row_keeps_its_number_and_nothing_else(company: Company) -> None:
    change = a_draft(company, confidential=True, title="Zeppelin")
    a_draft(company)
    period: Period = recent()
    for form in FORMATS:
        assert b"Zeppelin" in written(form, period)
        assert b"Zeppelin" not in written(form, period, {change.pk})
    row = json.loads(written("json", period, {change.pk}))["changes"][0]
    assert (row["number"], row["confidential"]) == (change.number, "Yes")
    assert {row[key] for key in HEADINGS if key not in KEPT_WHEN_REDACTED} == {REDACTED}
