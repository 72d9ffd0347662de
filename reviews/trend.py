"""How many exceptions were opened, answered and still open, month by month, and their picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db.models import Count, QuerySet
from django.db.models.functions import TruncMonth
from django.utils import timezone

from ecportal.clock import company_day

MONTHS: Final = 12
WIDTH, HEIGHT, BASE, TOP, LEFT = 720, 190, 160, 20, 34


@dataclass(frozen=True)
class Month:
    """One month of the company's calendar; `still_open` is at its end."""

    first: date
    opened: int
    answered: int
    still_open: int


@dataclass(frozen=True)
class Column:
    """Where a month stands in the picture, in its own units."""

    month: Month
    x: int
    opened_x: int
    opened_y: int
    opened_height: int
    answered_x: int
    answered_y: int
    answered_height: int
    open_y: int


def per_month(rows: QuerySet[Any], moment: str) -> dict[date, int]:
    """Count the rows by the company’s month of this moment, under its first day; one query."""
    zone = timezone.get_default_timezone()
    counted = (
        rows.filter(**{f"{moment}__isnull": False})
        .order_by()
        .annotate(month=TruncMonth(moment, tzinfo=zone))
        .values("month")
        .annotate(number=Count("pk"))
    )
    return {row["month"].date(): row["number"] for row in counted}


def by_month(exceptions: QuerySet[Any], until: datetime, months: int = MONTHS) -> list[Month]:
    """Return the last months up to that of `until`, the oldest first; two queries."""
    opened = per_month(exceptions, "recorded_at")
    answered = per_month(exceptions, "answered_at")
    last = company_day(until)
    firsts = [back(last, number) for number in reversed(range(months))]
    return [
        Month(
            first,
            opened.get(first, 0),
            answered.get(first, 0),
            sum(n for month, n in opened.items() if month <= first)
            - sum(n for month, n in answered.items() if month <= first),
        )
        for first in firsts
    ]


def back(day: date, months: int) -> date:
    """Return the first day of the month so many months before that of `day`."""
    place = day.year * 12 + day.month - 1 - months
    return date(place // 12, place % 12 + 1, 1)


def in_words(months: Sequence[Month], now: datetime) -> str:
    """Say what the months come to; of months that are over, what was open at their end."""
    opened, answered = sum(m.opened for m in months), sum(m.answered for m in months)
    last = months[-1]
    this = back(company_day(now), 0)
    when = "open now" if last.first >= this else "still open at the end"
    return (
        f"From {months[0].first:%B %Y} to {last.first:%B %Y}: {opened} opened, "
        f"{answered} answered, {last.still_open} {when}."
    )


def picture(months: Sequence[Month], now: datetime) -> dict[str, Any]:
    """Return the geometry of the bars and the line, for the template to draw."""
    highest = max(1, *(max(m.opened, m.answered, m.still_open) for m in months))
    step = (WIDTH - LEFT) // len(months)
    width = step // 3

    def high(number: int) -> int:
        return round((BASE - TOP) * number / highest)

    columns = [
        Column(
            month,
            x := LEFT + step * place + step // 2,
            x - width,
            BASE - high(month.opened),
            high(month.opened),
            x + 1,
            BASE - high(month.answered),
            high(month.answered),
            BASE - high(month.still_open),
        )
        for place, month in enumerate(months)
    ]
    return {
        "columns": columns,
        "line": " ".join(f"{column.x},{column.open_y}" for column in columns),
        "bar": width - 1, "width": WIDTH, "height": HEIGHT, "base": BASE, "top": TOP, "left": LEFT,
        "highest": highest, "words": in_words(months, now),
    }  # fmt: skip
