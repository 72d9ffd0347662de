"""The admin site: who may enter, what stands around every page, and what the home page shows."""

from functools import partial, wraps
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from ecportal import clock, drafts, finding, navigation, panels
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.lifecycle import Act
from ecportal.surroundings import Surroundings, around

CARRYING = "Your session has ended. Sign in, and what you typed is filled in again."
TOO_LONG = (
    "Your session has ended, and what you typed is too long to be carried over. Go back and copy "
    "it before you sign in."
)


def signed_in(request: HttpRequest) -> User:
    """Return the person behind an admin request; the admin lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def _show_page(part: panels.Page, request: HttpRequest) -> HttpResponseBase:
    if part.permission not in verbs_of(signed_in(request)):
        raise PermissionDenied(f"Your role does not include the page “{part.title}”.")
    if request.method not in ("GET", "HEAD", *(("POST",) if part.acts else ())):
        raise PermissionDenied("This page only shows; nothing is done here.")
    return part.show(request)


class SignInForm(AdminAuthenticationForm):
    """Says the same for a wrong password and for an account that may not sign in now."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "Username and password do not match an account that may sign in now. "
        "Both may be case-sensitive.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A page that opens with a ring around one field speaks of nothing else.
        del self.fields["username"].widget.attrs["autofocus"]

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
    enable_nav_sidebar = False  # the portal brings its own, which needs no script
    empty_value_display = "–"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        return isinstance(request.user, User) and request.user.may_sign_in

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        page = self._around(request)
        return {
            **super().each_context(request),
            "standing": page.standing,
            "here": page.here,
            "personal": page.personal,
            "as_of": clock.now(),
            "zone": timezone.get_current_timezone_name(),
            "version": settings.VERSION,
            "demo": not settings.IN_PRODUCTION,
        }

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Let in who is signed in; of others, keep what they had typed while they sign in again."""
        guarded = super().admin_view(view, cacheable)

        @wraps(guarded)
        def inner(request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
            if drafts.may_be_kept(request) and not self.has_permission(request):
                return self.sign_in_again(request)
            answer: HttpResponseBase = guarded(request, *args, **options)
            return answer

        return inner

    @method_decorator(never_cache)
    def sign_in_again(self, request: HttpRequest) -> TemplateResponse:
        """Show the sign-in page in place of what was posted, and let it carry that."""
        draft = drafts.pack(request)
        messages.warning(request, CARRYING if draft else TOO_LONG)
        context = {
            **self.each_context(request),
            "title": "Sign in again",
            "form": SignInForm(request),
            "app_path": reverse("admin:login"),
            "next": request.get_full_path(),
            "draft": draft,
        }
        return TemplateResponse(request, "admin/login.html", context)

    def logout(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Sign out; what this tab keeps of unsent forms goes as well."""
        return super().logout(request, {"drafts_over": True, **(extra_context or {})})

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        carried = {"draft": request.POST.get(drafts.CARRIED, "")}
        response = super().login(request, {**carried, **(extra_context or {})})
        if isinstance(response, HttpResponseRedirect) and carried["draft"]:
            return drafts.restore(request) or response
        return response

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

    # --- the navigation -------------------------------------------------------------------------
    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[dict[str, Any]]:
        """Return what the person may open by duty, in the form in which Django lists apps.

        With an app's label: the one duty that its own address leads to.
        """
        groups = self._around(request).groups
        if app_label is None:
            return groups
        duty = navigation.duty_of_app(app_label)
        return [group for group in groups if group["app_label"] == duty.slug]

    def _around(self, request: HttpRequest) -> Surroundings:
        """Return what stands around the page, asked for once a request; for a stranger nothing."""
        known: Surroundings | None = getattr(request, "_around", None)
        if known is None:
            known = Surroundings()
            if self.has_permission(request):
                apps = super().get_app_list(request)
                known = around(request, signed_in(request), apps, self._registry)
            request._around = known  # type: ignore[attr-defined]
        return known

    def duty_page(self, request: HttpRequest, slug: str) -> TemplateResponse:
        """Show what a duty has, as far as the person may open it."""
        groups = [group for group in self.get_app_list(request) if group["app_label"] == slug]
        if not groups:
            raise Http404("The person may open nothing of this duty.")
        context = {**self.each_context(request), "title": groups[0]["name"], "app_list": groups}
        return TemplateResponse(request, "admin/app_index.html", context)

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return self.duty_page(request, navigation.duty_of_app(app_label).slug)

    def find(self, request: HttpRequest) -> HttpResponseBase:
        """Lead to the record of a number, or show what else the words stand in."""
        text = " ".join(request.GET.get("q", "").split())
        too_long = len(text) > finding.LONGEST
        if not too_long and (address := finding.address_of(request, self._registry, text)):
            return redirect(address)
        found = finding.matches(request, self._registry, text) if text and not too_long else []
        context = {
            **self.each_context(request), "title": "Find", "find": text[: finding.LONGEST],
            "kinds": found, "too_long": too_long, "is_number": finding.number_in(text) is not None,
        }  # fmt: skip
        return TemplateResponse(request, "admin/find.html", context)

    def get_urls(self) -> list[Any]:
        own = [
            path(
                part.path,
                self.admin_view(partial(_show_page, part)),
                name=part.name,
            )
            for part in panels.pages
        ]
        duties = [
            path(f"{duty.slug}/", self.admin_view(partial(self.duty_page, slug=duty.slug)),
                 name=f"duty_{duty.slug}")
            for duty in navigation.DUTIES
        ]  # fmt: skip
        found = path("find/", self.admin_view(self.find), name="find")
        return [*own, *duties, found, *super().get_urls()]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        context = {"panels": panels.draw(panels.HOME, request, None), **(extra_context or {})}
        return super().index(request, context)
