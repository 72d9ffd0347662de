"""How tickets are shown, and how one is linked to a change or taken from it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from changes import forms
from changes.lifecycle import TICKETS
from changes.models import Ticket
from ecportal import lists
from ecportal.admin import LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.site import signed_in


@admin.register(Ticket)
class TicketAdmin(LifecycleAdmin):
    lifecycle = TICKETS
    act_forms: dict[str, type[ActForm]] = {"link": forms.AttachForm}
    side_verbs = frozenset({"unlink"})
    shows_changes = True
    list_display = ("key", "summary", "state", "is_emergency", "change_number", "heard_at")
    list_filter = (lists.StatusTabs, "is_emergency", "link")
    list_select_related = ("change",)
    search_fields = ("key", "summary", "labels", "change__number")
    search_help_text = "Key, summary, label or number of the change"
    date_hierarchy = "heard_at"
    empty_list = "No ticket was told of yet. Jira tells at /hooks/jira/."
    sections = (
        ("The ticket", ("key", "source", "url", "summary", "issue_type", "labels", "state",
                        "is_emergency", "status")),
        ("When", ("created_at", "heard_at", "recorded_at")),
        ("The change", ("change", "link", "linked_by")),
    )  # fmt: skip

    @admin.display(description="Change", ordering="change__number")
    def change_number(self, ticket: Ticket) -> str:
        return ticket.change.number if ticket.change else ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = Ticket.objects.visible_to(signed_in(request))
        return visible.select_related("change", "linked_by")
