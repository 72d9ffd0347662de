"""Jira Cloud and Jira Data Center: the same seven calls, two addresses and two kinds of text."""

import re
from dataclasses import dataclass
from typing import Any, Final

LINK: Final = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:)\]])")
WIKI_SIGNS: Final = re.compile(r"([\\{}\[\]*_+^~!|#?])")
SECTION: Final = "h: "
"""Begins a line that is a heading."""


@dataclass(frozen=True)
class Flavor:
    """What differs: the version in the address, the search, and how text is written."""

    version: str
    search_path: str
    types_key: str

    def document(self, text: str) -> Any:
        """Return the text in the form in which this Jira takes descriptions and comments."""
        raise NotImplementedError


class Cloud(Flavor):
    """REST v3 with the Atlassian Document Format."""

    def document(self, text: str) -> dict[str, Any]:
        return {"version": 1, "type": "doc", "content": [_block(b) for b in _blocks(text)]}


class DataCenter(Flavor):
    """REST v2 with wiki markup, in which the text's own signs are escaped."""

    def document(self, text: str) -> str:
        lines = []
        for line in text.splitlines():
            heading = line.startswith(SECTION)
            words = _escaped(line.removeprefix(SECTION))
            lines.append(f"h4. {words}" if heading else words)
        return "\n".join(lines)


FLAVORS: Final[dict[str, Flavor]] = {
    "cloud": Cloud("3", "/search/jql", "issueTypes"),
    "datacenter": DataCenter("2", "/search", "values"),
}


def _blocks(text: str) -> list[list[str]]:
    """Return the text's paragraphs; a heading is one by itself."""
    blocks: list[list[str]] = [[]]
    for line in text.splitlines():
        if line.startswith(SECTION):
            blocks += [[line], []]
        elif line.strip():
            blocks[-1].append(line)
        else:
            blocks.append([])
    return [block for block in blocks if block] or [["–"]]


def _block(lines: list[str]) -> dict[str, Any]:
    if lines[0].startswith(SECTION):
        words = {"type": "text", "text": lines[0].removeprefix(SECTION) or "–"}
        return {"type": "heading", "attrs": {"level": 4}, "content": [words]}
    content: list[dict[str, Any]] = []
    for line in lines:
        if content:
            content.append({"type": "hardBreak"})
        content += [_run(piece) for piece in LINK.split(line) if piece]
    return {"type": "paragraph", "content": content}


def _run(piece: str) -> dict[str, Any]:
    run: dict[str, Any] = {"type": "text", "text": piece}
    if LINK.fullmatch(piece):
        run["marks"] = [{"type": "link", "attrs": {"href": piece}}]
    return run


def _escaped(line: str) -> str:
    pieces = LINK.split(line)
    return "".join(
        piece if LINK.fullmatch(piece) else WIKI_SIGNS.sub(r"\\\1", piece) for piece in pieces
    )
