"""How deployments are shown, and how one is attached to a change or taken from it."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from changes import forms
from changes.lifecycle import DEPLOYMENTS
from changes.models import Deployment
from ecportal.admin import LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.site import signed_in


@admin.register(Deployment)
class DeploymentAdmin(LifecycleAdmin):
    lifecycle = DEPLOYMENTS
    act_forms: dict[str, type[ActForm]] = {"attach": forms.AttachForm}
    side_verbs = frozenset({"detach"})
    list_display = (
        "__str__", "status_pill", "is_production", "change_number", "heard_at", "actor", "source",
    )  # fmt: skip
    list_filter = ("status", "is_production", "attachment", "source")
    list_select_related = ("change",)
    search_fields = ("key", "environment", "commit", "branch", "tag", "actor", "change__number")
    date_hierarchy = "heard_at"
    empty_list = "No pipeline has told of a deployment yet."
    sections = (
        ("The deployment", ("key", "source", "environment", "is_production", "named_systems",
                            "commit", "branch", "tag", "actor", "url", "description")),
        ("When", ("started_at", "finished_at", "heard_at", "recorded_at", "recorded_by")),
        ("The change", ("change", "attachment", "reference", "attached_by")),
    )  # fmt: skip

    @admin.display(description="Change", ordering="change__number")
    def change_number(self, deployment: Deployment) -> str:
        return deployment.change.number if deployment.change else ""

    @admin.display(description="Systems")
    def named_systems(self, deployment: Deployment) -> str:
        return ", ".join(str(link) for link in deployment.systems.select_related("system"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = Deployment.objects.visible_to(signed_in(request))
        return visible.select_related("change", "recorded_by", "attached_by")
