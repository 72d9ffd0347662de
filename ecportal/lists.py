"""What every list has: tabs with their numbers, and columns that a higher app adds to it."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ecportal import counting

Narrow = Callable[[HttpRequest, QuerySet[Any]], QuerySet[Any]]
Prepare = Callable[[HttpRequest, Sequence[Any]], None]
Draw = Callable[[Any], SafeString | str]


@dataclass(frozen=True)
class Tab:
    """A part of a list that has its own name."""

    slug: str
    words: str
    narrow: Narrow
    place: int = 0


_tabs: dict[type[Model], list[Tab]] = defaultdict(list)
_columns: dict[type[Model], list[Draw]] = defaultdict(list)
_prepare: dict[type[Model], list[Prepare]] = defaultdict(list)


def tab(model: type[Model], slug: str, words: str, place: int = 0) -> Callable[[Narrow], Narrow]:
    """Register the decorated function as what narrows the list of `model` to this tab.

    Tabs stand in the order of their places, then of their registration.
    """

    def register(narrow: Narrow) -> Narrow:
        _tabs[model].append(Tab(slug, words, narrow, place))
        return narrow

    return register


def columns(model: type[Model], *drawn: Draw) -> Callable[[Prepare], Prepare]:
    """Register columns of the list of `model`, and the function that loads what they read.

    The function gets the rows of one page, to ask for all of them at once.
    """

    def register(prepare: Prepare) -> Prepare:
        _columns[model].extend(drawn)
        _prepare[model].append(prepare)
        return prepare

    return register


def columns_of(model: type[Model]) -> list[Draw]:
    return _columns[model]


class PreparedList(ChangeList):
    """A list whose rows were prepared for their columns."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        for prepare in _prepare[self.model]:
            prepare(request, rows)
        self.result_list = rows


class Tabs(admin.SimpleListFilter):
    """The tabs of a list, each with the number of records it has under the other filters."""

    title, parameter_name = "tab", "show"
    template = "admin/tabs.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        self.request, self.tabs = request, self.tabs_of(model)
        super().__init__(request, params, model, model_admin)

    def tabs_of(self, model: Any) -> list[Tab]:
        return sorted(_tabs[model], key=lambda tab: tab.place)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(tab.slug, tab.words) for tab in self.tabs]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        asked = self.value()
        if asked is None:
            return queryset
        chosen = [tab for tab in self.tabs if tab.slug == asked]
        return chosen[0].narrow(request, queryset) if chosen else queryset.none()

    def choices(self, changelist: Any) -> Iterator[Any]:
        others = changelist.get_queryset(self.request, self.expected_parameters())
        numbers = counting.count((tab.slug, tab.narrow(self.request, others)) for tab in self.tabs)
        for choice, tab in zip(super().choices(changelist), [None, *self.tabs], strict=True):
            number = None if tab is None else numbers.get(tab.slug, 0)
            yield {**choice, "number": number}


class StatusTabs(Tabs):
    """One tab a status of the model."""

    title, parameter_name = "status", "status__exact"

    def tabs_of(self, model: Any) -> list[Tab]:
        return [_with_status(str(value), str(words)) for value, words in model.Status.choices]


def _with_status(value: str, words: str) -> Tab:
    return Tab(value, words, lambda _request, found: found.filter(status=value))
