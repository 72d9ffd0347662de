"""Any text gives a PDF: every script, markup of the typesetter, and as long as it likes."""

import json
import re
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ecportal.audit.notes import Signer
from reviews.packs.printing import LONGEST, NO_GLYPHS, printable, printed
from tests.reviews.packs.packing import an_eventful_change, members, offline, packed
from tests.scenario import Company

pytestmark = pytest.mark.once

AS_OF = datetime(2026, 11, 23, 9, 40, tzinfo=UTC)
MARKUP = '#panic("no") $x^2$ *a* _b_ `c` \\ = h #include "/etc/passwd" <l> @r // c /* d */ ]#{['
TEXTS = {
    "chinese": "回滚结账服务到上一个版本，因为所有客户都失败了。",
    "emoji": "Checkout is down 🔥👩‍💻🏳️‍🌈 now",
    "right to left": "שלום עולם 123 مرحبا بالعالم \u202eabc\u2066",
    "markup": MARKUP,
    "long": "All nodes failed again. " * 416,
    "one word": "x" * 10_000,
    "one word of many parts": "e\u0301\u200d" * 3000,
    "controls": "a\x01b\x7fc\ufffed\r\ne\tf",
    "private use": "\ue000\U000f0000\U0010fffd",
    "spaces": " \u200b\u00a0\u2028\u2029 ",
}


def story(text: str) -> dict[str, Any]:
    """Return a story with the text in every place that takes one."""
    entry = {"title": text, "mark": text, "notes": [text], "texts": [text], "logs": [text]}
    blocks = [
        {"kind": "facts", "rows": [[text, text], ["Two", [text, text]]]},
        {"kind": "table", "head": ["A", "B"], "widths": ["auto", 1],
         "rows": [[["2026-11-23", "09:40"], {"quiet": text}]]},
        {"kind": "entries", "entries": [entry]},
        {"kind": "text", "text": text},
    ]  # fmt: skip
    item = {"number": "1", "title": text, "state": "present", "found": text, "times": text,
            "owed": text}  # fmt: skip
    return {
        "number": "EC-2026-0001", "title": text, "type": "Emergency change", "status": text,
        "note": "", "zone": "Europe/Berlin", "as_of": text, "items_there": 1, "items": [item],
        "sections": [{"title": text, "blocks": blocks}],
    }  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_any_text_gives_a_pdf(name: str) -> None:
    found = printed(story(TEXTS[name]), AS_OF)
    assert found.startswith(b"%PDF-1.7")
    assert found.rstrip().endswith(b"%%EOF")


def test_plain_text_gives_an_archival_pdf() -> None:
    assert b"<pdfaid:part>2</pdfaid:part>" in printed(story("Größe – Zażółć, “ok”"), AS_OF)


def test_text_without_glyphs_gives_a_pdf_that_says_so_and_is_not_archival() -> None:
    told = story("\ue000")  # no font gives this letter a shape
    found = printed(told, AS_OF)
    assert b"pdfaid" not in found
    assert told["note"] == ""  # the story itself, and so the JSON, stays as it is
    assert found != printed(story("a"), AS_OF)
    assert "boxes" in NO_GLYPHS


def test_same_story_gives_the_same_bytes() -> None:
    assert printed(story("Größe 漢"), AS_OF) == printed(story("Größe 漢"), AS_OF)


def test_marks_of_direction_and_controls_are_spelled_out() -> None:
    shown = printable({"a": ["\u202egnp", "\x00\x1b"], "b": 3})
    assert shown == {"a": ["[U+202E]gnp", "[U+0000][U+001B]"], "b": 3}


def test_long_word_can_be_broken_but_no_letter_of_several_parts() -> None:
    assert "\u200b" in printable("x" * 40)
    for part in printable("e\u0301" * 200).split("\u200b"):
        assert not part.startswith("\u0301")
    assert printable("short words only") == "short words only"


def test_stretch_that_never_ends_a_letter_is_broken_all_the_same() -> None:
    assert max(map(len, printable(TEXTS["one word of many parts"]).split("\u200b"))) < 70


def test_very_long_text_is_cut_on_paper_and_says_where_it_is_whole() -> None:
    shown = printable("a " * LONGEST)
    assert len(shown) < LONGEST + 100
    assert f"[{LONGEST} more characters are in the JSON beside this file]" in shown


def pages(pdf: bytes) -> int:
    streams = re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    found = [pdf]
    for stream in streams:
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", b"\n".join(found)))


def test_ten_thousand_characters_stay_on_the_page() -> None:
    assert pages(printed(story("x" * 10_000), AS_OF)) > pages(printed(story("x"), AS_OF))


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["chinese", "emoji", "markup", "long", "one word"])
def test_change_with_such_texts_in_each_field_gives_a_pack_that_verifies(
    company: Company, log_key: Signer, tmp_path: Path, name: str
) -> None:
    text = TEXTS[name].strip()
    change = an_eventful_change(company, text, title=text[:200])
    path = tmp_path / "pack.zip"
    packed(path, change)
    parts = members(path)
    content = json.loads(parts[f"changes/{change.number}.json"])
    [own] = content["records"]["changes.historicalemergencychange"].values()
    assert own["scope"] == text
    assert text in json.dumps(content["told"], ensure_ascii=False) or "\\" in text
    assert parts[f"changes/{change.number}.pdf"].startswith(b"%PDF-")
    done = offline(path, "--vkey", log_key.vkey)
    assert done.returncode == 0, done.stdout
