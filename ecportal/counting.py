"""Counts many things in one query."""

from collections.abc import Iterable
from typing import Any

from django.db.models import CharField, Count, QuerySet, Value


def numbered(key: str, found: QuerySet[Any]) -> Any:
    """Return a query of at most one row: the key, no name, and how many records there are."""
    plain = found.order_by().annotate(
        counted_as=Value(key, CharField()), named=Value("", CharField())
    )
    counted = plain.values("counted_as", "named").annotate(number=Count("pk", distinct=True))
    return counted.values_list("counted_as", "named", "number")


def count(things: Iterable[tuple[str, QuerySet[Any]]]) -> dict[str, int]:
    """Return how many records each has, by key; those of one key are added up. One query."""
    first, *more = [numbered(key, found) for key, found in things] or [None]
    numbers: dict[str, int] = {}
    if first is not None:
        for key, _name, number in first.union(*more, all=True) if more else first:
            numbers[key] = numbers.get(key, 0) + number
    return numbers
