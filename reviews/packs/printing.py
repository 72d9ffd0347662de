"""Prints what is told of a change as a PDF: PDF/A where the fonts have every glyph."""

import json
import re
import unicodedata
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import typst

from ecportal.audit.differences import visible

TEMPLATE: Final = Path(__file__).with_name("change.typ")
ARCHIVAL: Final = "a-2a"
LONGEST: Final = 20_000
"""Characters of one text that are printed; whatever is longer stands whole in the JSON."""
STRETCH, PIECE = 32, 16
"""From so many characters without a space on, a text may be broken after pieces of such length."""
NO_GLYPHS: Final = (
    "Some of this text is in a script that the fonts at hand lack: boxes stand for its letters, "
    "and the document is no PDF/A. The whole text is in the JSON beside this file."
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_STRETCHES: Final = re.compile(rf"\S{{{STRETCH},}}")


class NotPrinted(Exception):
    """There is no PDF of this; says why."""


def printed(told: dict[str, Any], as_of: datetime) -> bytes:
    """Return the PDF; the same facts on the same machine give the same bytes.

    PDF/A-2a, or a plain PDF that says so where no font has a glyph. `as_of` is aware and becomes
    the document's date. Text is data to the typesetter, never markup.
    """
    told = printable(told)
    told["date"] = {
        name: getattr(as_of, name) for name in ("year", "month", "day", "hour", "minute", "second")
    }
    try:
        return _compiled(told, as_of, ARCHIVAL)
    except typst.TypstError:
        told["note"] = NO_GLYPHS
    try:
        return _compiled(told, as_of, "1.7")
    except typst.TypstError as error:
        raise NotPrinted(f"The typesetter refused {told['number']}: {error.message}") from None


def _compiled(told: dict[str, Any], as_of: datetime, standard: Any) -> bytes:
    found = _compiler().compile(
        format="pdf",
        sys_inputs={"data": json.dumps(told, ensure_ascii=False)},
        pdf_standards=[standard],
        timestamp=int(as_of.timestamp()),
    )
    assert isinstance(found, bytes)
    return found


@cache
def _compiler() -> typst.Compiler:
    """Return the typesetter; it looks for the machine's fonts once."""
    return typst.Compiler(str(TEMPLATE), root=str(TEMPLATE.parent))


def printable(value: Any) -> Any:
    """Return the same facts with texts that a page can hold, whatever is in them."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [printable(one) for one in value]
    if isinstance(value, dict):
        return {name: printable(one) for name, one in value.items()}
    return value


def _text(text: str) -> str:
    if len(text) > LONGEST:
        rest = len(text) - LONGEST
        text = f"{text[:LONGEST]}\n[{rest} more characters are in the JSON beside this file]"
    text = visible(text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    "))
    text = _UNPRINTABLE.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)
    return _STRETCHES.sub(lambda found: _breakable(found[0]), text)


def _breakable(stretch: str) -> str:
    """Let a long stretch be broken after some characters, never inside of one of several parts."""
    parts, since = [], 0
    for before, char in zip(" " + stretch, stretch, strict=False):
        joined = before == "\u200d" or unicodedata.category(char) in ("Mn", "Mc", "Me", "Cf", "Sk")
        if since >= 4 * PIECE or (since >= PIECE and not joined):
            parts.append("\u200b")
            since = 0
        parts.append(char)
        since += 1
    return "".join(parts)
