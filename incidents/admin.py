"""How incidents and systems are shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from guardian.shortcuts import get_users_with_perms

from ecportal.accounts.roles import SYSTEM_SCOPE
from ecportal.admin import LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.integrations.models import RemoteObject
from ecportal.lists import StatusTabs
from ecportal.panels import Context, panel
from incidents import forms
from incidents.hearing import ALERT, NOTE
from incidents.lifecycle import INCIDENTS, SYSTEMS
from incidents.models import Incident, System


@admin.register(Incident)
class IncidentAdmin(LifecycleAdmin):
    lifecycle = INCIDENTS
    creation = "record"
    act_forms: dict[str, type[ActForm]] = {
        "record": forms.RecordIncidentForm,
        "revise": forms.ReviseIncidentForm,
        "note": forms.NoteForm,
        "determine": forms.DetermineForm,
        "resolve": ActForm,
    }
    record_template = "admin/incidents/incident/record.html"
    small_verbs = frozenset({"note"})
    is_work = True
    purposes = {
        "determine": "Is it an emergency? Say why the normal process can or cannot be used."
    }
    list_display = ("number", "title", "severity", "status_pill", "began_at", "source")
    list_filter = (StatusTabs, "severity", "source")
    search_help_text = "Number, title or system"
    search_fields = ("number", "title", "affected__system__name")
    date_hierarchy = "began_at"
    empty_list = "No incident is recorded. When something breaks, it begins here."
    sections = (
        ("The incident", ("description", "systems", "source", "source_link", "recorded_by",
                          "began_at", "recorded_at", "resolved_at")),
    )  # fmt: skip

    @admin.display(description="Systems")
    def systems(self, incident: Incident) -> str:
        return ", ".join(str(link) for link in incident.affected.all())

    @admin.display(description="Link")
    def source_link(self, incident: Incident) -> str:
        return incident.source_url

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("recorded_by")

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return Incident.objects.live()

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Incident | None:
        try:
            found: Incident = (
                self.get_queryset(request)
                .prefetch_related(
                    "affected__system", "notes__written_by", "determinations__decided_by"
                )
                .get(pk=object_id)
            )
            return found
        except (Incident.DoesNotExist, ValueError):
            return None


@panel(Incident, "parts/elsewhere.html", "side")
def elsewhere(request: HttpRequest, incident: Incident) -> Context | None:
    """Show of which objects of other systems the incident was heard."""
    named = RemoteObject.objects.filter(thread=incident.number).exclude(kind__in=(ALERT, NOTE))
    objects = list(named)
    return {"objects": objects} if objects else None


@admin.register(System)
class SystemAdmin(LifecycleAdmin):
    lifecycle = SYSTEMS
    creation = "register"
    act_forms: dict[str, type[ActForm]] = {
        "register": forms.SystemForm,
        "revise": forms.ReviseSystemForm,
        "grant": forms.ScopeForm,
        "withdraw": forms.ScopeForm,
    }
    list_display = ("name", "status_pill", "description")
    list_filter = (StatusTabs,)
    search_help_text = "Name"
    search_fields = ("name",)
    empty_list = "No system yet. An Engineering Lead adds the ones you run."
    sections = (("The system", ("name", "description", "leads")),)

    @admin.display(description="Leads granted one by one")
    def leads(self, system: System) -> str:
        granted = get_users_with_perms(
            system, only_with_perms_in=[SYSTEM_SCOPE], with_group_users=False
        )
        return ", ".join(str(person) for person in granted)
