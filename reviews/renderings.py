"""A population as CSV, JSON or XLSX: the same rows always give the same bytes."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from json.encoder import encode_basestring
from typing import IO, Any, Protocol

from reviews.columns import HEADINGS
from reviews.comma_separated import harmless
from reviews.period import Period
from reviews.spreadsheet import Spreadsheet

FLUSH_AT = 1 << 16


Headings = Mapping[str, str]
"""The columns in their order: key in JSON and heading."""


class Totals(Protocol):
    """What stands below the rows, because it is known only then."""

    @property
    def count(self) -> int: ...
    @property
    def first(self) -> str: ...
    @property
    def last(self) -> str: ...
    @property
    def gaps(self) -> list[str]: ...


class Sink:
    """Writes to a file, or nowhere, and keeps the SHA-256 and the size of what was written."""

    def __init__(self, file: IO[bytes] | None = None) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._waiting: list[bytes] = []
        self._unwritten = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        self._waiting.append(data)
        self._unwritten += len(data)
        if self._unwritten >= FLUSH_AT:
            self.finish()

    def finish(self) -> None:
        """Hand on what still waits; a rendering calls it when it ends."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        self.size += len(data)
        self._unwritten = 0
        self._digest.update(data)
        if self._file is not None:
            self._file.write(data)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


class Rendering(Protocol):
    """Takes the rows one by one, then the totals; writes to the sink."""

    def __init__(self, sink: Sink, period: Period, columns: Headings) -> None: ...
    def row(self, cells: list[str]) -> None: ...
    def end(self, totals: Totals) -> None: ...


class CsvRendering:
    """RFC 4180, UTF-8 with a byte order mark: without it Excel garbles every name with an umlaut.

    A cell that a spreadsheet would take for a formula is preceded by an apostrophe.
    """

    def __init__(self, sink: Sink, period: Period, columns: Headings = HEADINGS) -> None:
        self._sink = sink
        self._text = io.StringIO(newline="")
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._text.write("\ufeff")
        self.row(list(columns.values()))

    def row(self, cells: list[str]) -> None:
        self._writer.writerow(map(harmless, cells))
        if self._text.tell() >= FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        self._sink.write(self._text.getvalue().encode())
        self._text.seek(0)
        self._text.truncate()

    def end(self, totals: Totals) -> None:
        self._flush()
        self._sink.finish()


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class JsonRendering:
    """One object, one change a line; the texts exactly as they are recorded."""

    def __init__(self, sink: Sink, period: Period, columns: Headings = HEADINGS) -> None:
        self._sink, self._keys = sink, [f"{as_json(key)}: " for key in columns]
        self._between = "\n"
        head = {
            "population": "emergency changes",
            "query": period.in_words(),
            "from": str(period.first),
            "to": str(period.last),
            "by": period.by,
            "time_zone": period.zone,
        }
        lines = "".join(f"{as_json(key)}: {as_json(value)},\n" for key, value in head.items())
        self._write(f'{{\n{lines}"changes": [')

    def _write(self, text: str) -> None:
        self._sink.write(text.encode())

    def row(self, cells: list[str]) -> None:
        values = map(encode_basestring, cells)
        pairs = (key + value for key, value in zip(self._keys, values, strict=True))
        self._write(f"{self._between}{{{', '.join(pairs)}}}")
        self._between = ",\n"

    def end(self, totals: Totals) -> None:
        gaps = f'"missing_numbers": {as_json(totals.gaps)}'
        ends = f'"first": {as_json(totals.first)},\n"last": {as_json(totals.last)}'
        self._write(f'\n],\n"count": {totals.count},\n{ends},\n{gaps}\n}}\n')
        self._sink.finish()


class XlsxRendering:
    """An Excel workbook: the changes, and the query on a second sheet. Every cell is a text."""

    def __init__(self, sink: Sink, period: Period, columns: Headings = HEADINGS) -> None:
        self._sink, self._period = sink, period
        self._book = Spreadsheet()
        self._book.sheet("Population")
        self._book.row(list(columns.values()), bold=True)

    def row(self, cells: list[str]) -> None:
        self._book.row(cells)

    def end(self, totals: Totals) -> None:
        self._book.sheet("Query")
        about = {
            "Query": self._period.in_words(),
            "From": str(self._period.first),
            "To": str(self._period.last),
            "By": self._period.by,
            "Time zone": self._period.zone,
            "Count": str(totals.count),
            "First number": totals.first,
            "Last number": totals.last,
            "Missing numbers": ", ".join(totals.gaps) or "None",
        }
        for label, value in about.items():
            self._book.row((label, value))
        self._book.save(self._sink)
        self._sink.finish()


FORMATS: dict[str, tuple[type[Rendering], str]] = {
    "csv": (CsvRendering, "text/csv; charset=utf-8"),
    "json": (JsonRendering, "application/json"),
    "xlsx": (
        XlsxRendering,
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ),
}
"""Each format with what writes it and its content type."""
