"""What an auditor asked, on the home page of those who can answer it."""

from typing import Any

from django.http import HttpRequest

from changes.models import EmergencyChange
from ecportal.accounts.permissions import verbs_of
from ecportal.panels import HOME, panel
from ecportal.site import signed_in
from reviews.models import SampleItem


@panel(HOME, "portal/asked.html", "side")
def asked(request: HttpRequest, _home: None) -> dict[str, Any] | None:
    """List the requests that wait for an answer; nothing where none does."""
    user = signed_in(request)
    if "reviews.answer_sampleitem" not in verbs_of(user):
        return None
    visible = EmergencyChange.objects.visible_to(user).values("pk")
    waiting = SampleItem.objects.filter(status=SampleItem.Status.REQUESTED, change__in=visible)
    items = list(waiting.select_related("change", "sample", "requested_by").order_by("pk")[:25])
    return {"items": items} if items else None
