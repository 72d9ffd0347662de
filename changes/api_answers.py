"""How the API answers: always in JSON, and when it cannot, with a sentence (RFC 9457)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.parser import Parser
from ninja.renderers import JSONRenderer

from changes.api_tokens import Forbidden, Unauthenticated
from ecportal.errors import problem
from ecportal.lifecycle import TransitionRefused

ROOT = "/api/v1/"
SHOWN = 3
"""Mistakes in a body that are told at once."""

View = Callable[..., HttpResponseBase]


class Readable(JSONRenderer):
    """Writes JSON that people can read in a terminal, too."""

    json_dumps_params = {"ensure_ascii": False}


class Api(NinjaAPI):
    def get_root_path(self, path_params: Any) -> str:
        return ROOT

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Return the document, in which errors have the media type of RFC 9457."""
        schema = super().get_openapi_schema(**options)
        for methods in schema["paths"].values():
            for operation in methods.values():
                for status, response in operation["responses"].items():
                    content = response.get("content", {})
                    if int(status) >= 400 and "Problem" in str(content):
                        content["application/problem+json"] = content.pop("application/json")
        return schema


class NotJson(Exception):
    """The body is said to be something else."""


class JsonBody(Parser):
    """Reads a body that says that it is JSON."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise NotJson
        return super().parse_body(request)


def answer_in_json(api: NinjaAPI) -> None:
    """Make every error of this API a problem."""
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        Unauthenticated: _unauthenticated,
        HttpError: _unreadable,
        ValidationError: _invalid,
        TransitionRefused: lambda _request, error: problem(422, "Refused", error.sentence),
        RequestDataTooBig: lambda _request, _error: problem(
            413, "Too large", "The body is larger than the portal takes."
        ),
        Http404: lambda _request, _error: problem(
            404, "Not found", "There is no such change, or this token may not see it."
        ),
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def _unauthenticated(_request: HttpRequest, error: Unauthenticated) -> HttpResponse:
    status, title = (403, "Forbidden") if isinstance(error, Forbidden) else (401, "Unauthorized")
    response = problem(status, title, str(error))
    response["WWW-Authenticate"] = error.challenge
    return response


def _unreadable(_request: HttpRequest, error: HttpError) -> HttpResponse:
    if isinstance(error.__cause__, NotJson):
        return problem(415, "Wrong type", "Send the body as Content-Type: application/json.")
    return problem(400, "Unreadable", "The body is not JSON.")


def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    told = [_mistake(one) for one in error.errors[:SHOWN]]
    more = len(error.errors) - len(told)
    return problem(422, "Invalid", " ".join([*told, *([f"And {more} more."] if more else [])]))


def _mistake(error: dict[str, Any]) -> str:
    """Return one mistake as a sentence that begins with the field's name."""
    source, *path = error["loc"]
    names = [str(part) for part in (path[1:] if source == "body" else path)]
    said = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{'.'.join(names) or f'The {source}'}: {said[:1].lower()}{said[1:]}."


def addresses(api: NinjaAPI) -> list[URLPattern]:
    """Return the API's addresses, without its root, which is no page."""
    found = [
        pattern
        for pattern in api.urls[0]
        if isinstance(pattern, URLPattern) and pattern.name != "api-root"
    ]
    for pattern in found:
        methods = ("GET", "HEAD") if pattern.name == "openapi-json" else ()
        pattern.callback = _for_programs(pattern.callback, methods)
    return found


def _for_programs(view: View, methods: tuple[str, ...]) -> View:
    """Answer a wrong method in JSON, and let nobody keep an answer: it may differ at once."""

    @csrf_exempt  # no cookie of a browser counts here
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if methods and request.method not in methods:
            return _wrong_method(", ".join(methods))
        response = view(request, *args, **kwargs)
        if response.status_code == 405:
            return _wrong_method(response["Allow"])
        response["Cache-Control"] = "no-store"
        return response

    return answered


def _wrong_method(allowed: str) -> HttpResponse:
    response = problem(405, "Wrong method", f"Only {allowed} is possible at this address.")
    response["Allow"] = allowed
    return response
