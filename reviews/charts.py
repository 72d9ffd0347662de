"""Where each mark of the home page's three charts stands, and what each chart says in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, log10
from typing import Any, Final

from reviews.measures import Decision, ReviewMonth, ShareMonth, median_minutes

WIDTH: Final = 328
HEIGHT: Final = 104
LEFT, RIGHT, TOP, BASE = 34.0, 322.0, 22.0, 84.0
"""The box of the marks; the scale stands left of it, the names under it."""

LIMIT: Final = 5
"""More than so many percent says that emergencies have become the normal way."""

FRAME: Final = {
    "width": WIDTH, "height": HEIGHT, "left": LEFT, "right": RIGHT, "base": BASE,
    "tick_x": LEFT - 6, "names_y": HEIGHT - 6,
}  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """Maps 0 to `top` onto the box; what lies beyond either end stays at its edge."""

    top: float

    def y(self, value: float) -> float:
        share = value / self.top if isfinite(value) else 1.0
        return round(BASE - min(max(share, 0.0), 1.0) * (BASE - TOP), 1)

    def ticks(self) -> list[dict[str, Any]]:
        return [{"y": self.y(v), "words": number(v)} for v in (0, self.top / 2, self.top)]


def number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def rounded_up(value: float) -> float:
    """Return the next round number that is not below `value`; at least 1."""
    if value <= 1:
        return 1.0
    power = 10.0 ** int(log10(value))
    steps = (1, 2, 3, 4, 5, 6, 8, 10, 20)
    return float(next(step * power for step in steps if step * power >= value))


def places(count: int) -> list[float]:
    """Return where so many marks stand side by side, each in the middle of its share."""
    wide = (RIGHT - LEFT) / max(1, count)
    return [round(LEFT + wide * (place + 0.5), 1) for place in range(count)]


def briefly(minutes: float) -> str:
    """Return minutes in at most six characters: "22", "17 h", "3 d"."""
    if minutes < 600:
        return f"{minutes:.0f}"
    days = minutes / 1440
    return f"{minutes / 60:.0f} h" if days < 2 else f"{days:.0f} d" if days < 1000 else "years"


# --- time to approval ---------------------------------------------------------------------------
def decision_chart(found: Sequence[Decision], target: int) -> dict[str, Any]:
    """Draw a dot for each request; those beyond the target are diamonds with their number."""
    scale = Scale(rounded_up(target * 4 / 3))
    marks = [
        {"x": x, "y": scale.y(d.minutes), "words": briefly(d.minutes) if d.late else "",
         "late": d.late, "waits": d.waits, "number": d.number, "minutes": d.minutes}
        for x, d in zip(places(len(found)), found, strict=True)
    ]  # fmt: skip
    middle = median_minutes(list(found))
    return {
        **FRAME, "marks": marks, "ticks": scale.ticks(), "target": target,
        "target_y": scale.y(target), "words": _decisions_in_words(found, middle, target),
        "headline": "" if middle is None else f"{briefly(middle)}{'' if middle >= 600 else ' min'}",
        "first": found[0].number if found else "", "last": found[-1] if found else None,
    }  # fmt: skip


def _decisions_in_words(found: Sequence[Decision], middle: int | None, target: int) -> str:
    if not found:
        return "Nobody has asked for an approval yet."
    late = [d.number for d in found if d.late]
    waiting = [d.number for d in found if d.waits]
    said = [f"Minutes from the request to the decision, last {len(found)}: "]
    said.append("none was decided yet" if middle is None else f"median {middle}")
    said.append(f", target {target}. ")
    said.append(f"Longer than their target: {', '.join(late)}." if late else "None took longer.")
    if waiting:
        said.append(f" Still waiting: {', '.join(waiting)}.")
    return "".join(said)


# --- bars by month ------------------------------------------------------------------------------
def bar_chart(months: Sequence[tuple[str, int, int]], words: str) -> dict[str, Any]:
    """Draw two stacked parts for each month: its name, the lower part, the upper, hatched part."""
    highest = max((lower + upper for _name, lower, upper in months), default=0)
    # Even, so that the tick in the middle is a whole number too.
    scale = Scale(max(2.0, rounded_up(highest + highest % 2)))
    wide = round(min(28.0, (RIGHT - LEFT) / max(1, len(months)) * 0.6), 1)
    bars = []
    for x, (name, lower, upper) in zip(places(len(months)), months, strict=True):
        join, top = scale.y(lower), scale.y(lower + upper)
        bars.append({
            "name": name, "x": x, "left": round(x - wide / 2, 1), "lower": lower, "upper": upper,
            "join": join, "top": top, "lower_height": round(BASE - join, 1),
            "upper_height": round(join - top, 1),
        })  # fmt: skip
    return {**FRAME, "bars": bars, "ticks": scale.ticks(), "wide": wide, "words": words}


def review_chart(months: Sequence[ReviewMonth]) -> dict[str, Any]:
    held, late = sum(m.on_time for m in months), sum(m.late for m in months)
    words = f"Reviews that were due in the last {len(months)} months: {held} on time, {late} late."
    chart = bar_chart([(f"{m.first:%b}", m.on_time, m.late) for m in months], words)
    return {**chart, "headline": f"{held} of {held + late}" if held + late else ""}


# --- the share of emergencies -------------------------------------------------------------------
def share_chart(months: Sequence[ShareMonth]) -> dict[str, Any]:
    """Draw the share as a line under its limit; without deployments, the number of changes."""
    known = [(m, m.percent) for m in months if m.percent is not None]
    if not known:
        total = sum(m.opened for m in months)
        words = (
            f"Emergency changes opened in the last {len(months)} months: {total}. "
            "Their share of all changes is not known."
        )
        bars = bar_chart([(f"{m.first:%b}", m.opened, 0) for m in months], words)
        return {**bars, "limit": LIMIT}
    scale = Scale(rounded_up(max(LIMIT * 1.2, *(percent for _m, percent in known))))
    points = [
        {"x": x, "y": None if m.percent is None else scale.y(m.percent), "name": f"{m.first:%b}",
         "percent": None if m.percent is None else number(m.percent), "month": m,
         "over": m.percent is not None and m.percent > LIMIT}
        for x, m in zip(places(len(months)), months, strict=True)
    ]  # fmt: skip
    newest, percent = known[-1]
    return {
        **FRAME, "points": points, "lines": _unbroken(points), "ticks": scale.ticks(),
        "limit": LIMIT, "limit_y": scale.y(LIMIT),
        "headline": f"{number(percent)} % in {newest.first:%b}",
        "words": f"Emergency share of the deployments to production, limit {LIMIT} %: "
        + ", ".join(f"{m.first:%B} {number(p)} %" for m, p in known) + ".",
    }  # fmt: skip


def _unbroken(points: Sequence[dict[str, Any]]) -> list[str]:
    """Return the lines through neighboring months that are known, as the points of each."""
    runs: list[list[str]] = [[]]
    for point in points:
        if point["y"] is None:
            runs.append([])
        else:
            runs[-1].append(f"{point['x']},{point['y']}")
    return [" ".join(run) for run in runs if len(run) > 1]
