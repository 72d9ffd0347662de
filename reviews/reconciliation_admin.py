"""The reconciliation inbox: what no change claims, with a suggestion and one verb a row."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Case, Count, F, Max, Q, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from changes.forms import AttachForm
from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock, lists
from ecportal.accounts.permissions import verbs_of
from ecportal.admin import LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.integrations.models import Delivery
from ecportal.panels import HOME, panel
from ecportal.site import signed_in
from reviews.models import ReconciliationItem
from reviews.reconciliation_forms import DismissForm
from reviews.reconciling import RECONCILIATIONS
from reviews.suggestions import suggest

Context = dict[str, Any]
Kind, Status = ReconciliationItem.Kind, ReconciliationItem.Status
RECENT = timedelta(days=90)
ABOUT = ("incident", "deployment", "ticket", "change", "settled_by")
SETTLES = "reviews.match_reconciliationitem"
COUNTED = {
    Kind.INCIDENT: ("SEV-1 incident", "SEV-1 incidents"),
    Kind.DEPLOYMENT: ("deployment", "deployments"),
    Kind.TICKET: ("ticket", "tickets"),
}
"""What one of a kind is called in a sentence, and several."""


@lists.columns(ReconciliationItem)
def prepare(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Give each row its suggestion, and the address of what it is about."""
    person = signed_in(request)
    suggestions = suggest(rows, person) if SETTLES in verbs_of(person) else {}
    for item in rows:
        about = item.about
        meta = about._meta
        item.suggestion = suggestions.get(item.pk)
        item.about_url = reverse(
            f"admin:{meta.app_label}_{meta.model_name}_change", args=[about.pk]
        )


@admin.register(ReconciliationItem)
class ReconciliationAdmin(LifecycleAdmin):
    lifecycle = RECONCILIATIONS
    act_forms: dict[str, type[ActForm]] = {"match": AttachForm, "dismiss": DismissForm}
    change_list_template = "admin/reviews/reconciliationitem/change_list.html"
    list_display = ("__str__", "status_pill", "found_at")
    list_filter = (lists.StatusTabs, "kind")
    list_per_page = 20
    search_fields = (
        "incident__number", "incident__title", "deployment__key", "deployment__description",
        "ticket__key", "ticket__summary", "change__number",
    )  # fmt: skip
    search_help_text = "Number, title, deployment or ticket"
    empty_list = "Everything is claimed. No other system saw what no change explains."
    sections = (
        ("What was found", ("kind", "incident", "deployment", "ticket", "rule", "found_at")),
        ("What became of it", ("change", "settled_by", "settled_at", "reason")),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return ReconciliationItem.objects.visible_to(signed_in(request)).select_related(*ABOUT)

    def get_ordering(self, request: HttpRequest) -> Any:
        """What waits comes first, the oldest of it before the others."""
        return [
            Case(When(status=Status.OPEN, then=F("found_at"))).asc(nulls_last=True),
            F("settled_at").desc(nulls_last=True),
        ]

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return self.get_queryset(request).filter(status=Status.OPEN)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        person = signed_in(request)
        context = {
            "tiles": _tiles(),
            "last_heard": Delivery.objects.order_by().values("system").annotate(
                at=Max("received_at")
            ).order_by("-at").first(),
            "settles": SETTLES in verbs_of(person),
            "declares": bool(CHANGES.permitted(EmergencyChange(), "open", person)),
            "now": clock.now(),
            **(extra_context or {}),
        }  # fmt: skip
        return super().changelist_view(request, context)


def _tiles() -> dict[str, int]:
    """Return how much was found, and what became of it, of each kind in the last 90 days."""
    recent = Q(found_at__gte=clock.now() - RECENT)
    numbers: dict[str, Any] = {"open": Count("pk", filter=Q(status=Status.OPEN))}
    for kind in Kind.values:
        for status in Status.values:
            numbers[f"{kind}_{status}"] = Count(
                "pk", filter=Q(kind=kind, status=status) & (recent | Q(status=Status.OPEN))
            )
    counted: dict[str, int] = ReconciliationItem.objects.aggregate(**numbers)
    for kind in Kind.values:
        counted[kind] = sum(counted[f"{kind}_{status}"] for status in Status.values)
    return counted


@panel(HOME, "portal/reconciliation.html", "side")
def unclaimed(request: HttpRequest, _home: None) -> Context | None:
    """Count what no change claims, by kind; the inbox is one click away."""
    person = signed_in(request)
    if "reviews.view_reconciliationitem" not in verbs_of(person):
        return None
    rows = ReconciliationItem.objects.unsettled().order_by().values("kind")
    numbers = dict(rows.annotate(number=Count("pk")).values_list("kind", "number"))
    kinds = [(numbers[kind], words[numbers[kind] > 1]) for kind, words in COUNTED.items()
             if kind in numbers]  # fmt: skip
    return {"kinds": kinds, "total": sum(numbers.values()), "settles": SETTLES in verbs_of(person)}
