"""How a record is shown to be read: its list, its page, and its history."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    lookup_field,
    unquote,
)
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import urlize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from ecportal import lists, marks, navigation, panels
from ecportal.accounts.permissions import verbs_of
from ecportal.audit.badge import seal_of
from ecportal.audit.origins import origins
from ecportal.lists import PreparedList
from ecportal.site import signed_in
from ecportal.story import under_days
from ecportal.timeline import Entry, history_page

READS_BODIES = "audit.view_auditcheckpoint"
"""Whoever may read the whole trail is told where each act came from."""


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows records and changes none: no add, no change, no deletion, no bulk act."""

    actions = None
    show_facets = admin.ShowFacets.NEVER
    last_columns: Sequence[Any] = ()
    """Columns that stand behind those that higher apps add."""
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 50
    record_template = "admin/record.html"
    sections: Sequence[tuple[str, Sequence[str]]] = ()
    """What the record's page shows of its own fields, by section, besides its panels."""
    empty_list = "Nothing is recorded here yet."

    def open_items(self, request: HttpRequest) -> models.QuerySet[Any] | None:
        """Return the records that somebody still owes something; the navigation counts them."""
        return None

    @admin.display(description="Status", ordering="status")
    def status_pill(self, record: Any) -> SafeString:
        return marks.status_pill(record)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow filters by the model's own fields alone: what points at it may be hidden."""
        first = lookup.partition("__")[0]
        if first in {field.name for field in self.opts.get_fields() if not field.concrete}:
            return False
        return super().lookup_allowed(lookup, value, request)

    def visible(self, request: HttpRequest, object_id: str) -> Any:
        """Return the record if it exists for this person; else there is no such page."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404(f"No {self.opts.verbose_name} is at this address.")
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        return record

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*self.list_display, *lists.columns_of(self.model), *self.last_columns]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PreparedList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not _dates_exist(request):
            messages.warning(request, "There is no such date. All records are shown.")
            return redirect(request.path)
        entry = navigation.place_of(self.opts.label_lower)[1]
        title = entry.name or capfirst(self.opts.verbose_name_plural)
        heading, _stop, words = self.empty_list.partition(". ")
        context = {"title": title, "empty_heading": heading, "empty_words": words}
        context.update(extra_context or {})
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied("A record is changed by its acts alone, never as a whole.")
        record = self.visible(request, object_id)
        context = {**self.page(request, record, str(record)), **self.ways(request, record)}
        context["seal"] = seal_of(record)
        context["sections"] = self.read(request, record)
        context["panels"] = panels.draw(self.model, request, record)
        return TemplateResponse(request, self.record_template, context)

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Return what the person can do from the record's page, for its template."""
        return {}

    def page(self, request: HttpRequest, record: Any, title: str) -> dict[str, Any]:
        """Return what every page of a record needs."""
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "record": record,
            "title": title,
            "record_url": self.address(record) if record.pk else "",
            "history_url": self.address(record, "history") if record.pk else "",
            "list_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }

    def own(self, view: Any, route: str, page: str) -> URLPattern:
        """Return the pattern of a further page of these records, for whoever is signed in."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        pattern: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
        return pattern

    def address(self, record: Any, page: str = "change", *args: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=[record.pk, *args])

    def read(
        self, request: HttpRequest, record: Any
    ) -> list[tuple[str, list[tuple[str, str | SafeString]]]]:
        """Return the record's own fields, as labels and values to show, by section."""
        return [
            (title, [self._read_field(name, record) for name in fields])
            for title, fields in self.sections
        ]

    def _read_field(self, name: str, record: Any) -> tuple[str, str | SafeString]:
        label = str(label_for_field(name, self.model, self))
        field, _attribute, value = lookup_field(name, record, self)
        if value is None or value == "":
            return label, self.admin_site.empty_value_display
        if isinstance(field, models.ForeignKey):
            return label, self._link(getattr(record, name))
        if isinstance(value, bool):
            return label, "Yes" if value else "No"
        if isinstance(field, models.Field):
            value = display_for_field(value, field, self.admin_site.empty_value_display)
        elif not isinstance(value, str):
            value = display_for_value(value, self.admin_site.empty_value_display)
        # What is markup already stays as it is: a link inside a link would break the page.
        return label, value if isinstance(value, SafeString) else urlize(value, autoescape=True)

    @staticmethod
    def _link(record: models.Model) -> str | SafeString:
        """Return the record in words, linked to its page where it has one."""
        meta = record._meta
        if not admin.site.is_registered(type(record)):
            return str(record)
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
        return format_html('<a href="{}">{}</a>', url, record)

    def in_words(self, record: Any, acts: list[Entry]) -> list[Entry]:
        """Return the acts with better words than their buttons give, where there are any."""
        return acts

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what each act changed, read-only; there is no way back to an old version."""
        record = self.visible(request, object_id)
        context = self.page(request, record, f"History of {record}")
        page = history_page(record, request.GET.get("page"))
        acts = self.in_words(record, list(page))
        if READS_BODIES in verbs_of(signed_in(request)):
            known = origins(act.event for act in acts)
            acts = [replace(act, origin=known.get(act.event or 0, "")) for act in acts]
        context.update(seal=seal_of(record), page=page, days=under_days(acts))
        return TemplateResponse(request, "admin/history.html", context)


def _dates_exist(request: HttpRequest) -> bool:
    """Whether the date filter of a list's address names years, months and days that there are."""
    limits = {"year": range(1900, 2200), "month": range(1, 13), "day": range(1, 32)}
    for name in request.GET:
        limit, value = limits.get(name.rpartition("__")[2]), str(request.GET[name])
        if limit is not None and not (value.isdecimal() and int(value[:9]) in limit):
            return False
    return True
