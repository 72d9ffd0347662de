"""What every request gets: the reader's time zone, and input that every database can store."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

Handler = Callable[[HttpRequest], HttpResponse]


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
