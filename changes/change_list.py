"""The list of changes: its own columns, tabs and filters."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from changes.models import ChangeSystem, EmergencyChange
from ecportal import lists, marks
from incidents.models import System


@admin.display(description="Change", ordering="title")
def about(change: EmergencyChange) -> SafeString:
    systems = ", ".join(str(link) for link in change.systems.all()) or "No system named"
    late = marks.pill("After the fact", "late", "history") if change.without_approval else ""
    return format_html(
        '<strong>{}</strong><span class="sub">{}, opened {} {}</span>',
        change.title, systems, marks.day_time(change.opened_at), late,
    )  # fmt: skip


@admin.display(description="Incident", ordering="incident__number")
def incident_number(change: EmergencyChange) -> SafeString:
    return format_html(
        '<a href="{}">{}</a><span class="sub">{}</span>',
        reverse("admin:incidents_incident_change", args=[change.incident_id]),
        change.incident.number, change.incident.get_severity_display(),
    )  # fmt: skip


@lists.columns(EmergencyChange)
def load_systems(request: HttpRequest, changes: Sequence[EmergencyChange]) -> None:
    prefetch_related_objects(
        changes, Prefetch("systems", ChangeSystem.objects.select_related("system"))
    )


@lists.tab(EmergencyChange, "open", "Open", place=2)
def open_changes(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.unfinished()  # type: ignore[attr-defined, no-any-return]


@lists.tab(EmergencyChange, "closed", "Closed", place=4)
def closed_changes(request: HttpRequest, found: QuerySet[Any]) -> QuerySet[Any]:
    return found.filter(status=EmergencyChange.Status.CLOSED)


class SystemFilter(admin.SimpleListFilter):
    """Changes that touch one system."""

    title, parameter_name = "system", "system"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(pk), name) for pk, name in System.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen is None:
            return queryset
        known = chosen in {key for key, _name in self.lookup_choices}
        return queryset.filter(pk__in=_touching(int(chosen))) if known else queryset.none()


def _touching(system: int) -> QuerySet[Any, Any]:
    return ChangeSystem.objects.filter(system=system).values("change")
