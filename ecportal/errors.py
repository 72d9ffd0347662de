"""Error pages: what happened, why, and the way on; never a traceback."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
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
    if isinstance(exception, RequestDataTooBig):
        why = "More was sent than the portal takes at once. Nothing was saved."
        advice = "Go back and attach a smaller file; what is too long to paste, attach as a file."
        return _page(request, 413, "This is too large", why, advice)
    if isinstance(exception, MultiPartParserError):
        why = "The upload broke off on its way, or the name of the file is too long."
        advice = "Nothing was saved. Go back and try again. Give the file a shorter name, too."
        return _page(request, 400, "This upload cannot be read", why, advice)
    return _page(request, 400, "This request cannot be read", "Nothing was saved.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    why = "No page is at this address, or it is not visible to you."
    return _page(request, 404, "Not found", why)
