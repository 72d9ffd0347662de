"""Takes deliveries in: the signature first, then the body stored as received, then the answer.

The status is part of what the portal promises to the other systems. 4xx: never send this again.
5xx, only while the database is away: send it again. Everything else is 2xx, known or not.
"""

import logging

from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from ecportal.integrations import receiving
from ecportal.integrations.endpoints import ENDPOINTS, Endpoint, Received
from ecportal.integrations.reading import Malformed, decode, payload_in

logger = logging.getLogger(__name__)


class TooLarge(ValueError):
    """More than this address takes."""


@csrf_exempt
def hook(request: HttpRequest, name: str) -> HttpResponse:
    """Answer one delivery; nothing in it can make this raise."""
    endpoint = ENDPOINTS[name]
    if not endpoint.is_open:
        return _said(404, "This webhook is not set up here.")
    if request.method != "POST":
        return _said(405, "Deliveries are sent by POST.", Allow="POST")
    try:
        body = _body(request, endpoint.limit)
    except TooLarge as error:
        return _said(413, str(error))
    except (UnreadablePostError, OSError):
        return _said(400, "The body broke off on its way.")
    if not endpoint.check(request.headers, body):
        logger.warning("A delivery to /hooks/%s/ had no right signature.", name)
        return _said(403, "The signature or token is missing or not right.")
    return _taken(endpoint, Received(endpoint.system, request.headers, body))


def _taken(endpoint: Endpoint, received: Received) -> HttpResponse:
    try:
        if endpoint.answer is not None:
            return endpoint.answer(received)
        payload = decode(payload_in(received.body))
        new = receiving.store(received, payload)
    except Malformed as error:
        return _said(400, f"The delivery is not taken. {error}")
    except (DatabaseError, InterfaceError):
        logger.exception("A delivery of %s was not stored", endpoint.system.label)
        return _said(503, "The database is away. Send it again.", **{"Retry-After": "30"})
    return _said(202, "Received.") if new else _said(200, "Received before.")


def _body(request: HttpRequest, limit: int) -> bytes:
    """Return the raw body; Django's own limit is for forms, and lower than some events are long."""
    said = str(request.META.get("CONTENT_LENGTH") or "0")
    too_large = TooLarge(f"A delivery may have {limit} bytes at most.")
    if said.isdecimal() and int(said[:20]) > limit:
        raise too_large
    body: bytes = request.read(limit + 1)
    if len(body) > limit:
        raise too_large
    return body


def _said(status: int, sentence: str, **headers: str) -> HttpResponse:
    response = HttpResponse(
        f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8"
    )
    for name, value in headers.items():
        response[name] = value
    return response
