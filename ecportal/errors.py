"""Error pages: what happened, why, and the way on; never a traceback."""

from typing import Any, Final

from django.contrib import admin
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render

from ecportal import drafts
from ecportal.audit import sign_in
from ecportal.refusals import NoSuchPage, Refused, who_can

SHAPES: Final = {403: "ban", 404: "search", 413: "file-text"}

API = "/api/"


def problem(status: int, title: str, detail: str) -> JsonResponse:
    """Return an error for programs, as RFC 9457 has it; `detail` is a sentence."""
    told = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    headers = {"Cache-Control": "no-store"}
    kind = "application/problem+json"
    plain = {"ensure_ascii": False}
    return JsonResponse(
        told, status=status, content_type=kind, headers=headers, json_dumps_params=plain
    )


def page(
    request: HttpRequest, status: int, title: str, why: str, advice: str = "", **more: Any
) -> HttpResponse:
    """Return the page of an error, or the same for programs: what happened, why, and what to do."""
    if request.path.startswith(API):
        return problem(status, title, why)
    context = {
        **_around(request), "title": title, "why": why, "advice": advice, "tone": "warn",
        "shape": SHAPES.get(status, "circle-alert"), **more,
    }  # fmt: skip
    return render(request, "error.html", context, status=status)


def _around(request: HttpRequest) -> dict[str, Any]:
    """Return what stands around the page; without a session, or in a stranger's, nothing does."""
    if not hasattr(request, "user") or not admin.site.has_permission(request):
        return {}
    return admin.site.each_context(request)


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    why = str(exception or "") or "Your role does not include this page or this act."
    sign_in.denied(f"{request.method} {request.path}", why)
    more: dict[str, Any] = {"tone": "bad", "noted": True}
    if isinstance(exception, Refused):
        title = f"You cannot {exception.act}"
        more.update(who_can(exception), about=exception.about, back=exception.back)
    else:
        title = "You cannot do this"
    advice = "Nothing was changed. A Role Administrator gives the roles."
    return page(request, 403, title, why, advice, **more)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Refuse a form whose token is old or missing; the portal's own page gets it back filled in.

    Only a browser can vouch for where a form comes from, by an Origin that no page can forge: what
    another site made it post is not brought back.
    """
    ours = request.headers.get("Origin") == f"{request.scheme}://{request.get_host()}"
    if ours and request.user.is_authenticated and drafts.may_be_kept(request):
        return drafts.keep_posted(request)
    why = "The form was open too long, or you signed in again since. Nothing was saved."
    advice = "Go back, copy what you typed, load the page again and send it once more."
    return page(request, 403, "This form is no longer valid", why, advice)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    if isinstance(exception, RequestDataTooBig):
        why = "More was sent than the portal takes at once. Nothing was saved."
        advice = "Go back and attach a smaller file; what is too long to paste, attach as a file."
        return page(request, 413, "This is too large", why, advice)
    if isinstance(exception, MultiPartParserError):
        why = "The upload broke off on its way, or the name of the file is too long."
        advice = "Nothing was saved. Go back and try again. Give the file a shorter name, too."
        return page(request, 400, "This upload cannot be read", why, advice)
    return page(request, 400, "This request cannot be read", "Nothing was saved.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    general = "No page is at this address, or it is not visible to you."
    why = str(exception) if isinstance(exception, NoSuchPage) else general
    return page(request, 404, "Not found", why)
