"""Writes an Excel workbook of plain texts, row by row, the same bytes for the same rows.

Every cell is an inline string, so nothing in it is ever a formula, a date or a link. The parts of
the ZIP are stored, not compressed, with fixed dates: the bytes depend on no library's version.
"""

import re
import tempfile
import zipfile
from collections.abc import Sequence
from typing import IO, Protocol
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
LONGEST_CELL = 32_767
"""Excel's own limit, in UTF-16 code units."""

FLUSH_AT = 1 << 18
_NEEDS_CARE = re.compile(r"[&<>\x00-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_")
_NOT_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"_(x[0-9A-Fa-f]{4}_)")

STYLES = (
    f'<styleSheet xmlns="{MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill>'
    '<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill>'
    '</fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border>'
    '</borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/>'
    '</cellStyleXfs><cellXfs count="2"><xf numFmtId="49" fontId="0" fillId="0" borderId="0" '
    'xfId="0" applyNumberFormat="1"/><xf numFmtId="49" fontId="1" fillId="0" borderId="0" '
    'xfId="0" applyNumberFormat="1" applyFont="1"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)

LAYOUT = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
    '<cols><col min="1" max="60" width="24" customWidth="1"/></cols>'
)


class Writer(Protocol):
    def write(self, data: bytes) -> object: ...


def cell_text(value: str) -> str:
    """Return a text as the inside of a cell: control characters in Excel's own notation."""
    if len(value) > LONGEST_CELL // 2 and len(value.encode("utf-16-le")) > 2 * LONGEST_CELL:
        value = value[: LONGEST_CELL // 2 - 1] + "…"
    value = _LOOKS_ESCAPED.sub(r"_x005F_\1", value)
    value = _NOT_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", value)
    return escape(value)


def needs_care(cells: Sequence[str]) -> bool:
    """Whether any cell holds more than plain characters of an ordinary length."""
    row = "".join(cells)
    return len(row) > LONGEST_CELL // 2 or _NEEDS_CARE.search(row) is not None


class Spreadsheet:
    """A workbook on its way into a temporary file; `save` hands its bytes over and closes it."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by save
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_STORED)
        self._names: list[str] = []
        self._part: IO[bytes] | None = None
        self._rows: list[str] = []
        self._waiting = 0

    def sheet(self, name: str) -> None:
        """Begin the next sheet; its name is ours, at most 31 letters."""
        self._end_sheet()
        self._names.append(name)
        path = f"xl/worksheets/sheet{len(self._names)}.xml"
        self._part = self._zip.open(_info(path), "w")
        self._part.write(f'{HEAD}<worksheet xmlns="{MAIN}">{LAYOUT}<sheetData>'.encode())

    def row(self, cells: Sequence[str], *, bold: bool = False) -> None:
        if needs_care(cells):
            cells = [cell_text(cell) for cell in cells]
        start = f'<c t="inlineStr" s="{int(bold)}"><is><t xml:space="preserve">'
        inside = f"</t></is></c>{start}".join(cells)
        self._rows.append(f"<row>{start}{inside}</t></is></c></row>")
        self._waiting += len(inside)
        if self._waiting >= FLUSH_AT:
            self._flush()

    def _flush(self) -> None:
        assert self._part is not None
        self._part.write("".join(self._rows).encode("utf-8", "replace"))
        self._rows.clear()
        self._waiting = 0

    def _end_sheet(self) -> None:
        if self._part is not None:
            self._flush()
            self._part.write(b"</sheetData></worksheet>")
            self._part.close()

    def save(self, out: Writer) -> None:
        self._end_sheet()
        for path, xml in _parts(self._names):
            self._zip.writestr(_info(path), HEAD + xml)
        self._zip.close()
        self._file.seek(0)
        while block := self._file.read(1 << 20):
            out.write(block)
        self._file.close()


def _info(path: str) -> zipfile.ZipInfo:
    """Return a ZIP entry that names neither a time, nor a system, nor a user."""
    info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
    info.create_system = 0
    info.external_attr = 0o600 << 16
    return info


def _parts(names: list[str]) -> list[tuple[str, str]]:
    """Return the parts that hold the sheets together."""
    office = f'<Relationship Id="rId1" Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/>'
    return [
        ("[Content_Types].xml", _types(len(names))),
        ("_rels/.rels", _relationships(office)),
        ("xl/workbook.xml", _workbook(names)),
        ("xl/_rels/workbook.xml.rels", _relationships(_links(len(names)))),
        ("xl/styles.xml", STYLES),
    ]


def _types(sheets: int) -> str:
    kinds = [("workbook", "sheet.main"), ("styles", "styles")]
    kinds += [(f"worksheets/sheet{n}", "worksheet") for n in range(1, sheets + 1)]
    types = "".join(
        f'<Override PartName="/xl/{path}.xml" ContentType="{TYPE}.{kind}+xml"/>'
        for path, kind in kinds
    )
    return (
        f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType='
        '"application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{types}</Types>'
    )


def _workbook(names: list[str]) -> str:
    sheets = "".join(
        f'<sheet name="{name}" sheetId="{n}" r:id="rId{n}"/>'
        for n, name in enumerate(names, start=1)
    )
    return (
        f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><bookViews><workbookView/>'
        f"</bookViews><sheets>{sheets}</sheets></workbook>"
    )


def _links(sheets: int) -> str:
    """Return where the workbook finds its styles and its sheets."""
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, sheets + 1)
    )
    return f'<Relationship Id="rId0" Type="{OFFICE}/styles" Target="styles.xml"/>{links}'


def _relationships(inside: str) -> str:
    return f'<Relationships xmlns="{PACKAGE}/relationships">{inside}</Relationships>'
