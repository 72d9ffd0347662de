"""The pages of the integrations: one that lists all, and one for each with its test button."""

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.audit import attestation
from ecportal.integrations import mappings
from ecportal.integrations.condition import conditions
from ecportal.integrations.endpoints import ENDPOINTS
from ecportal.integrations.systems import INTEGRATIONS, PROBES, TABLES, Integration, Table
from ecportal.outbox.models import DeliveryAttempt
from ecportal.panels import page
from ecportal.site import signed_in

VIEW: Final = "integrations.view_remoteobject"
TEST: Final = "integrations.test_remoteobject"
FURTHER: Final = "To tell it, as wanted"
TRIED: Final = "integration_test"
"""The kind of event that a test leaves in the trail."""


HEARD: Final[dict[str, dict[str, Mapping[str, object]]]] = {
    "pagerduty": {
        "Priority over there, and severity here": mappings.PRIORITY,
        "Urgency, where it has no priority": mappings.URGENCY,
    },
    "alertmanager": {"Label “severity”, and severity here": mappings.LABEL},
    "github": {
        "State of a deployment, there and here": mappings.GITHUB_STATE,
        "Conclusion of a workflow, there and here": mappings.GITHUB_CONCLUSION,
    },
    "gitlab": {"Status of a deployment, there and here": mappings.GITLAB_STATUS},
    "cdevents": {
        "Event of a service, and status of a deployment": mappings.CDEVENTS_SERVICE,
        "Outcome of a pipeline, and status of a deployment": mappings.CDEVENTS_OUTCOME,
    },
}
"""What the words of a system mean here; they are changed in the code, in review."""


class Variable(NamedTuple):
    """A variable of the environment: its name, what it is for, and whether it is set."""

    name: str
    direction: str
    words: str
    tone: str


@page("integrations", "", "Integrations", VIEW)
def overview(request: HttpRequest) -> HttpResponseBase:
    """Show every integration: whether it is on, how it fared last, and what waits."""
    context = {**admin.site.each_context(request), "title": "Integrations", "rows": conditions()}
    return TemplateResponse(request, "integrations/overview.html", context)


def one(integration: Integration, request: HttpRequest) -> HttpResponseBase:
    """Show one integration, or try it out by POST."""
    if request.method == "POST":
        return _try_out(integration, request)
    [condition] = conditions([integration])
    person = signed_in(request)
    heard = [
        Table(title, {name: _said(value) for name, value in rows.items()})
        for title, rows in HEARD.get(integration.system, {}).items()
    ]
    tables = [*TABLES.get(integration.system, list)(), *heard]
    context = {
        **admin.site.each_context(request),
        "title": integration.system.label,
        "row": condition,
        "hooks": [
            f"{settings.PORTAL_URL}/hooks/{name}/"
            for name, endpoint in ENDPOINTS.items()
            if endpoint.system == integration.system
        ],
        "variables": variables(integration),
        "tables": tables,
        "can_try": integration.system in PROBES,
        "why_not": _refusal(integration, person),
    }
    return TemplateResponse(request, "integrations/one.html", context)


def _said(value: object) -> str:
    """Return a severity as it is called here, or a status in words."""
    return f"SEV-{value}" if isinstance(value, int) else str(value).replace("_", " ")


def variables(integration: Integration) -> list[Variable]:
    """Return which variables are set; what they are set to stays where it is."""
    found = []
    for direction, names in (
        ("To hear it", integration.hears_with), ("To tell it", integration.tells_with),
        (FURTHER, integration.further),
    ):  # fmt: skip
        for name in names:
            given = bool(os.environ.get(name, "").strip() or getattr(settings, name, None))
            if direction == FURTHER and not os.environ.get(name, "").strip():
                words, tone = "Default", "mute"
            else:
                words, tone = ("Set", "ok") if given else ("Not set", "mute")
            found.append(Variable(name, direction, words, tone))
    return found


def _refusal(integration: Integration, person: User) -> str:
    """Return why this person cannot try it out now, or nothing."""
    if TEST not in verbs_of(person):
        return "A Lead or a Role Administrator can do this."
    if not integration.is_told:
        return f"Set {' and '.join(integration.tells_with)} first, and start the portal again."
    return ""


def _try_out(integration: Integration, request: HttpRequest) -> HttpResponseBase:
    """Ask the system, say its answer in words, and leave in the trail that somebody did."""
    person = signed_in(request)
    if TEST not in verbs_of(person) or integration.system not in PROBES:
        raise PermissionDenied("Your role does not include trying out this integration.")
    if refusal := _refusal(integration, person):
        messages.error(request, refusal)
        return redirect(request.path)
    answer = PROBES[integration.system]()
    works = answer.result == DeliveryAttempt.Result.SENT
    outcome = "works" if works else str(answer.result.label)
    attestation.record(
        TRIED, system=str(integration.system), outcome=outcome, answer=answer.in_words[:500]
    )
    name = integration.system.label
    if works:
        messages.success(request, f"{name} answers. {answer.in_words}")
    else:
        words = answer.in_words or "It said nothing."
        messages.error(request, f"{name} did not answer as it should. {outcome}: {words}")
    return redirect(request.path)


def _register() -> None:
    for integration in INTEGRATIONS.values():
        show: Any = partial(one, integration)
        name = str(integration.system)
        page("integrations", name, integration.system.label, VIEW, listed=False, acts=True)(show)


_register()
