"""What every request gets: its name in the trail, the reader's time zone, storable input."""

import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from ecportal.accounts.models import User
from ecportal.accounts.permissions import may
from ecportal.audit import context, reads
from ecportal.audit.models import AuditEvent

Handler = Callable[[HttpRequest], HttpResponse]


def origin(get_response: Handler) -> Handler:
    """Let every event of the trail say who sent the request, from where, and in which request."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request_id = uuid.uuid4().hex
        username = request.user.get_username()
        person = context.Origin(request.user.pk, username, _address(request), request_id)
        with context.coming_from(person):
            response = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return middleware


def _address(request: HttpRequest) -> str:
    """Return the client's address; behind a proxy that is the last one that the proxy added."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.BEHIND_TLS_PROXY and forwarded:
        return str(forwarded).rpartition(",")[2].strip()[:45]
    return str(request.META.get("REMOTE_ADDR", ""))


def auditors_reads(get_response: Handler) -> Handler:
    """Note each page that an Auditor reads: what they saw is evidence as well."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        reader = request.user
        shown = request.method == "GET" and response.status_code == 200
        if shown and isinstance(reader, User) and may(reader, "read_on_record", AuditEvent):
            reads.read(request.get_full_path())
        return response

    return middleware


def local_time(get_response: Handler) -> Handler:
    """Show and read times in the signed-in person's zone, else in the company's."""

    def middleware(request: HttpRequest) -> HttpResponse:
        name = getattr(request.user, "time_zone", "")
        with timezone.override(ZoneInfo(name) if name else timezone.get_default_timezone()):
            return get_response(request)

    return middleware


def plain_input(get_response: Handler) -> Handler:
    """Refuse NUL in an address or query, which PostgreSQL cannot compare; forms refuse it too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path or any(
            "\0" in value for values in request.GET.lists() for value in (values[0], *values[1])
        ):
            raise BadRequest("The address contains a NUL character.")
        return get_response(request)

    return middleware
