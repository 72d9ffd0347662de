"""Writes rows as CSV that a spreadsheet opens as text, never as formulas."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.http import StreamingHttpResponse

FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠")
"""What a cell must not begin with; the wide forms are formulas in East Asian versions."""


class _Echo:
    """Gives back what is written to it, so that rows go out one by one."""

    def write(self, value: str) -> str:
        return value


def harmless(value: object) -> str:
    """Return the cell as text; an apostrophe in front keeps a formula from being one."""
    text = "" if value is None else str(value)
    # A spreadsheet ignores spaces in front of a formula.
    return f"'{text}" if text.lstrip(" ")[:1] in FORMULA else text


def lines(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """Yield the lines of RFC 4180, UTF-8 with a byte order mark, for Excel's sake."""
    writer = csv.writer(_Echo())
    yield "\ufeff"
    yield writer.writerow(head)
    for row in rows:
        yield writer.writerow([harmless(value) for value in row])


def download(
    name: str, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines(head, rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response
