"""The admin site: who may enter, and what the home page shows."""

from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from ecportal import clock, panels
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.lifecycle import Act


def signed_in(request: HttpRequest) -> User:
    """Return the person behind an admin request; the admin lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def _show_page(part: panels.Page, request: HttpRequest) -> HttpResponseBase:
    if part.permission not in verbs_of(signed_in(request)):
        raise PermissionDenied(f"Your role does not include the page “{part.title}”.")
    if request.method not in ("GET", "HEAD"):
        raise PermissionDenied("This page only shows; nothing is done here.")
    return part.show(request)


class SignInForm(AdminAuthenticationForm):
    """Says the same for a wrong password and for an account that may not sign in now."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "Username and password do not match an account that may sign in now. "
        "Both may be case-sensitive.",
    }

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.may_sign_in:
            raise ValidationError(self.error_messages["invalid_login"], code="invalid_login")


class OwnPasswordForm(AdminPasswordChangeForm):
    """Changes one's own password as an act, so that the history says who and why."""

    def save(self, commit: bool = True) -> Any:
        self.user.set_password(self.cleaned_data["new_password1"])
        now = clock.now()
        reason = "Changed their own password."
        Act("change_password", self.user, reason, now, now).save(self.user)
        return self.user


class PortalAdminSite(admin.AdminSite):
    """Django's own admin for everybody with an account; no deletion, no bulk acts anywhere."""

    site_header = site_title = "ecportal"
    index_title = "My work"
    index_template = "portal/home.html"
    login_form = SignInForm
    enable_nav_sidebar = True
    empty_value_display = "–"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.may_sign_in

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        zone = timezone.get_current_timezone_name()
        return {
            **super().each_context(request),
            "as_of": clock.now(),
            "zone": zone,
            "demo": not settings.IN_PRODUCTION,
        }

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Change one's own password: Django's page, with a form that records the act."""
        request.current_app = self.name
        return PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done", current_app=self.name),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)  # type: ignore[return-value]

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the apps in the order of the process rather than of the alphabet."""
        order = [
            "incidents",
            "changes",
            "reviews",
            "outbox",
            "integrations",
            "audit",
            "accounts",
            "auth",
        ]
        apps = super().get_app_list(request, app_label)
        return sorted(
            (self._with_pages(request, app) for app in apps),
            key=lambda app: order.index(app["app_label"]),
        )

    def _with_pages(self, request: HttpRequest, app: dict[str, Any]) -> dict[str, Any]:
        """Add the app's own pages that this person may open to its models."""
        held = verbs_of(signed_in(request))
        own = [
            {
                "name": part.title,
                "object_name": part.slug,
                "admin_url": reverse(f"admin:{part.app_label}_{part.slug}"),
                "add_url": None,
                "view_only": True,
            }
            for part in panels.pages
            if part.app_label == app["app_label"] and part.permission in held
        ]
        return {**app, "models": [*own, *app["models"]]}

    def get_urls(self) -> list[Any]:
        own = [
            path(
                f"{part.app_label}/{part.slug}/",
                self.admin_view(partial(_show_page, part)),
                name=f"{part.app_label}_{part.slug}",
            )
            for part in panels.pages
        ]
        return [*own, *super().get_urls()]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        context = {"panels": panels.draw(panels.HOME, request, None), **(extra_context or {})}
        return super().index(request, context)
