"""How people and groups are shown; membership changes by acts, groups by code alone."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as _registers_group  # noqa: F401 - shown anew here
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils.safestring import SafeString

from ecportal import marks
from ecportal.accounts import forms
from ecportal.accounts.lifecycle import LIFECYCLE, TOKENS
from ecportal.accounts.models import ApiToken, User
from ecportal.admin import LifecycleAdmin, ReadOnlyAdmin
from ecportal.forms import ActForm

admin.site.unregister(Group)


class RoleFilter(admin.RelatedFieldListFilter):
    """Django calls roles groups."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "role"


@admin.register(User)
class UserAdmin(LifecycleAdmin):
    lifecycle = LIFECYCLE
    shows_changes = True
    creation = "enroll"
    act_forms: dict[str, type[ActForm]] = {
        "enroll": forms.EnrollForm,
        "revise": forms.ReviseForm,
        "assign_role": forms.RoleForm,
        "withdraw_role": forms.RoleForm,
    }
    list_display = ("username", "name", "roles", "email", "active", "access_until")
    list_filter = ("is_active", "is_service", ("groups", RoleFilter))
    search_help_text = "Name or e-mail address"
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    sections = (
        ("The person", ("username", "name", "roles", "email", "time_zone", "is_active",
                        "access_from", "access_until", "is_superuser", "date_joined")),
    )  # fmt: skip

    @admin.display(description="Status", ordering="is_active")
    def active(self, person: User) -> SafeString:
        return marks.pill("Active", "ok") if person.is_active else marks.pill("Deactivated")

    @admin.display(description="Name")
    def name(self, person: User) -> str:
        return person.get_full_name()

    @admin.display(description="Roles")
    def roles(self, person: User) -> str:
        if person.is_service:
            return "Service account"
        return ", ".join(group.name for group in person.groups.all())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("groups")


@admin.register(ApiToken)
class ApiTokenAdmin(LifecycleAdmin):
    """Which program may do what until when; tokens are made by `create_api_token` alone."""

    lifecycle = TOKENS
    list_display = (
        "prefix", "account", "scopes", "status_pill", "issued_at", "expires_at", "last_used_at",
    )  # fmt: skip
    list_filter = ("status",)
    list_select_related = ("account",)
    search_fields = ("prefix", "account__username")
    empty_list = "No program has a token. Whoever runs the server makes one by create_api_token."
    sections = (
        ("The token", ("prefix", "account", "scopes", "issued_at", "expires_at", "revoked_at",
                       "last_used_at")),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("account")


@admin.register(Group)
class GroupAdmin(ReadOnlyAdmin):
    """Read-only: what a role may do is decided in code and reviewed there."""

    record_template = "admin/auth/group/record.html"
    list_display = ("name", "members")
    sections = (("The role", ("name", "members", "verbs")),)

    @admin.display(description="Members")
    def members(self, group: Group) -> str:
        return ", ".join(str(person) for person in group.user_set.all())

    @admin.display(description="May")
    def verbs(self, group: Group) -> str:
        permissions = group.permissions.select_related("content_type").order_by(
            "content_type__app_label", "codename"
        )
        return "\n".join(str(permission.name) for permission in permissions)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).prefetch_related("user_set")

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        raise Http404("Roles are written in the code; its history is there.")
