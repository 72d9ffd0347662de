"""How deliveries are shown, as they came and with what came of them, and worked on again."""

import json
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString

from ecportal import marks
from ecportal.accounts.permissions import may
from ecportal.admin import LifecycleAdmin
from ecportal.integrations import pages  # noqa: F401 - the integrations' pages register themselves
from ecportal.integrations.lifecycle import DELIVERIES
from ecportal.integrations.models import Delivery
from ecportal.integrations.reading import Malformed, decode, payload_in
from ecportal.lists import Tab, Tabs
from ecportal.panels import HOME, Context, panel
from ecportal.site import signed_in
from ecportal.timeline import Entry

LETTERS_SHOWN: Final = 100_000
"""Of a body that is longer, its beginning."""


class OutcomeTabs(Tabs):
    """What became of each delivery."""

    title, parameter_name = "outcome", "outcome"

    def tabs_of(self, model: Any) -> list[Tab]:
        return [_with_outcome(str(one.value), str(one.label)) for one in Delivery.Outcome]


def _with_outcome(value: str, words: str) -> Tab:
    return Tab(value, words, lambda _request, found: found.filter(outcome=value))


@admin.register(Delivery)
class DeliveryAdmin(LifecycleAdmin):
    lifecycle = DELIVERIES
    list_display = ("received_at", "system", "event", "about", "result", "answer")
    list_filter = (OutcomeTabs, "system")
    search_help_text = "Event, key or identifier"
    search_fields = ("delivery_id", "event", "about")
    date_hierarchy = "received_at"
    empty_list = "No other system has sent anything yet."
    record_template = "admin/integrations/delivery/record.html"
    sections = (
        (
            "The delivery",
            ("system", "event", "about", "event_at", "received_at", "outcome", "answer",
             "attempts", "worked_at", "delivery_id", "sha256"),
        ),
    )  # fmt: skip

    @admin.display(description="Outcome", ordering="outcome")
    def result(self, delivery: Delivery) -> SafeString:
        return marks.status_pill(delivery)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body", "headers")

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        text = body_of(record)
        return {
            **super().ways(request, record),
            "headers": sorted(record.headers.items()),
            "body": text[:LETTERS_SHOWN],
            "body_goes_on": len(text) > LETTERS_SHOWN,
            "size": len(record.body),
        }

    def acts(self, record: Any) -> list[Entry]:
        """Return what people did about it; that it came is said above."""
        return [act for act in super().acts(record) if act.verb]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        raise Http404("A delivery has no versions.")


def body_of(delivery: Delivery) -> str:
    """Return the body in lines, or as it came where it is no JSON."""
    body = bytes(delivery.body)
    try:
        return json.dumps(decode(payload_in(body)), indent=2, ensure_ascii=False)
    except Malformed:
        return body.decode("utf-8", "replace")


@panel(HOME, "portal/failed_deliveries.html")
def failed_deliveries(request: HttpRequest, _home: None) -> Context | None:
    """Tell those who can have them worked on again that there are deliveries that failed."""
    if not may(signed_in(request), "retry", Delivery):
        return None
    number = Delivery.objects.filter(outcome=Delivery.Outcome.FAILED).count()
    address = reverse("admin:integrations_delivery_changelist")
    return {"number": number, "url": f"{address}?outcome=failed"} if number else None
