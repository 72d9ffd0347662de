"""How times, people and tables are written in the documents of a pack: in the company's zone."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ecportal.clock import company_time, duration
from ecportal.timeline import CLAIMED_AFTER, LATE_AFTER

Block = dict[str, Any]


def moment(time: datetime | None) -> str:
    """Return the time to the second in the company's zone, whoever reads."""
    if time is None:
        return ""
    return f"{company_time(time):%Y-%m-%d %H:%M:%S %Z}"


def stacked(time: datetime | None) -> list[str]:
    """Return the same in two lines, day and clock, for a narrow column."""
    return moment(time).split(" ", 1) if time else []


def lag(happened_at: datetime, recorded_at: datetime) -> str:
    """Return how much later it was recorded; nothing where the server itself saw it happen."""
    late = recorded_at - happened_at
    if late < CLAIMED_AFTER:
        return ""
    return f"{duration(late)}, late" if late >= LATE_AFTER else duration(late)


def clocks(happened_at: datetime, recorded_at: datetime, did: str = "Happened") -> str:
    """Return both clocks and the lag between them in one line."""
    between = lag(happened_at, recorded_at)
    if not between:
        return f"{did} and recorded {moment(recorded_at)}"
    return f"{did} {moment(happened_at)} (as claimed), recorded {moment(recorded_at)}: {between}"


def facts(*rows: tuple[str, Any]) -> list[Block]:
    """Return a block of labels and values; what is empty is left out."""
    kept = [[label, value] for label, value in rows if value not in (None, "", [])]
    return [{"kind": "facts", "rows": kept}] if kept else []


def table(head: Sequence[str], widths: Sequence[Any], rows: Iterable[Sequence[Any]]) -> list[Block]:
    """Return a table; a width is a share of the page, or "auto" for no more than it needs."""
    found = [list(row) for row in rows]
    block = {"kind": "table", "head": list(head), "widths": list(widths), "rows": found}
    return [block] if found else []


def entries(found: Iterable[Block]) -> list[Block]:
    listed = list(found)
    return [{"kind": "entries", "entries": listed}] if listed else []


def entry(
    title: str, mark: str = "", *, notes: Sequence[str] = (), texts: Sequence[str] = (),
    logs: Sequence[str] = (),
) -> Block:  # fmt: skip
    """Return one thing that was stated: what in bold, notes in small, texts, and logs as typed."""
    parts = {"notes": notes, "texts": texts, "logs": logs}
    return {
        "title": title,
        "mark": mark,
        **{name: [one for one in part if one] for name, part in parts.items()},
    }


def text(words: str) -> list[Block]:
    return [{"kind": "text", "text": words}]


def yes_or_no(answer: bool | None) -> str:
    return "" if answer is None else "Yes" if answer else "No"
