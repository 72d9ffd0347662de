"""Error pages: what happened, why, and the way on; never a traceback."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from ecportal.audit import sign_in


def _page(
    request: HttpRequest, status: int, title: str, why: str, advice: str = ""
) -> HttpResponse:
    context = {"title": title, "why": why, "advice": advice}
    return render(request, "error.html", context, status=status)


def refused(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    why = str(exception or "") or "Your role does not include this page or this act."
    sign_in.denied(f"{request.method} {request.path}", why)
    advice = "A Role Administrator can tell you which role has it. Nothing was changed."
    return _page(request, 403, "You cannot do this", why, advice)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    why = "The form was open too long, or you signed in again since. Nothing was saved."
    advice = "Go back, copy what you typed, load the page again and send it once more."
    return _page(request, 403, "This form is no longer valid", why, advice)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _page(request, 400, "This request cannot be read", "Nothing was saved.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    why = "No page is at this address, or it is not visible to you."
    return _page(request, 404, "Not found", why)
