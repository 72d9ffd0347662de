"""Lets a higher app show something on a lower app's page, without the lower one knowing."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

HOME = None
"""In place of a model: the home page, whose record is None."""

PLACES = ("lead", "head", "top", "main", "side", "foot")

Context = dict[str, Any]
Build = Callable[[HttpRequest, Any], Context | None]


@dataclass(frozen=True)
class Panel:
    """A part of a page: its template, where it stands, and what fills it (None: not shown)."""

    template: str
    place: str
    build: Build


@dataclass(frozen=True)
class Button:
    """A way on; with a refusal it is drawn disabled, and says why. `is_step`: it may come first.

    `purpose` says in one sentence why it is the next step, where it is. `verb` is the act it leads
    to, if it leads to one. A tool stands beside the history, with this icon.
    """

    label: str
    url: str
    refusal: str | None = None
    is_step: bool = True
    purpose: str = ""
    verb: str = ""
    tool: str = ""

    @property
    def in_words(self) -> str:
        """Return the label as it stands inside a sentence."""
        return self.label[:1].lower() + self.label[1:].rstrip("…")


@dataclass(frozen=True)
class Page:
    """A page of an app that belongs to no model, at /admin/APP/SLUG/, or /admin/APP/ without slug.

    It only shows, unless it `acts`: then it also takes POST. It stands in the navigation if it is
    `listed`.
    """

    app_label: str
    slug: str
    title: str
    permission: str
    show: Callable[[HttpRequest], HttpResponseBase]
    listed: bool = True
    acts: bool = False

    @property
    def name(self) -> str:
        """Return what its address is reversed by, after `admin:`."""
        return f"{self.app_label}_{self.slug or 'pages'}"

    @property
    def path(self) -> str:
        return f"{self.app_label}/{self.slug}/" if self.slug else f"{self.app_label}/"


pages: list[Page] = []
_panels: dict[type[Model] | None, list[Panel]] = defaultdict(list)
_buttons: dict[type[Model] | None, list[Callable[[HttpRequest, Any], list[Button]]]] = defaultdict(
    list
)


def panel(
    model: type[Model] | None, template: str, place: str = "main"
) -> Callable[[Build], Build]:
    """Register the decorated function as what fills `template` on the pages of `model`.

    Places are `lead` (a sentence under the title of the home page), `head`, `top`, `main`, `side`
    and `foot` (after all others); panels stand in the order of their registration.
    """

    def register(build: Build) -> Build:
        _panels[model].append(Panel(template, place, build))
        return build

    return register


def buttons(
    model: type[Model],
) -> Callable[
    [Callable[[HttpRequest, Any], list[Button]]], Callable[[HttpRequest, Any], list[Button]]
]:
    """Register the decorated function as the source of further buttons on the pages of `model`."""

    def register(
        build: Callable[[HttpRequest, Any], list[Button]],
    ) -> Callable[[HttpRequest, Any], list[Button]]:
        _buttons[model].append(build)
        return build

    return register


def page(
    app_label: str,
    slug: str,
    title: str,
    permission: str,
    *,
    listed: bool = True,
    acts: bool = False,
) -> Callable[
    [Callable[[HttpRequest], HttpResponseBase]], Callable[[HttpRequest], HttpResponseBase]
]:
    """Register the decorated view as a page for those who hold `permission`."""

    def register(
        show: Callable[[HttpRequest], HttpResponseBase],
    ) -> Callable[[HttpRequest], HttpResponseBase]:
        pages.append(Page(app_label, slug, title, permission, show, listed, acts))
        return show

    return register


def draw(
    model: type[Model] | None, request: HttpRequest, record: Any
) -> dict[str, list[SafeString]]:
    """Return the rendered panels of a page by place."""
    places: dict[str, list[SafeString]] = {place: [] for place in PLACES}
    for part in _panels[model]:
        context = part.build(request, record)
        if context is not None:
            places[part.place].append(render_to_string(part.template, context, request))
    return places


def further_buttons(request: HttpRequest, record: Model) -> list[Button]:
    return [button for build in _buttons[type(record)] for button in build(request, record)]
