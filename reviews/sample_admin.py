"""How samples are drawn and shown, and how what is asked about their items is answered."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from ecportal.admin import LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.lifecycle import Lifecycle
from ecportal.lists import StatusTabs
from ecportal.panels import Button
from ecportal.site import signed_in
from reviews.confidential import ConcernsChanges
from reviews.models import Sample, SampleItem
from reviews.population import hidden_from
from reviews.working_paper_forms import DrawForm, ReplyForm, RequestForm
from reviews.working_paper_rows import shown_rows
from reviews.working_papers import SAMPLE_ITEMS, SAMPLES


@admin.register(Sample)
class SampleAdmin(LifecycleAdmin):
    lifecycle: Lifecycle[Any] = SAMPLES
    creation = "draw"
    act_forms: dict[str, type[ActForm]] = {"draw": DrawForm}
    record_template = "admin/reviews/sample/record.html"
    list_display = ("number", "population", "method", "size", "seed", "drawn_at", "drawn_by")
    list_filter = ("method",)
    list_select_related = ("population", "drawn_by")
    search_fields = ("number", "population__number", "seed")
    search_help_text = "Number or seed"
    empty_list = "No sample yet. An Auditor draws one from a population."

    def form_of(self, request: HttpRequest, record: Any, verb: str) -> ActForm:
        """Return the form; numbers ticked on a population's page are filled in."""
        form = super().form_of(request, record, verb)
        ticked = request.GET.getlist("numbers")
        if ticked:
            form.initial["numbers"] = ", ".join(ticked)
        return form

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Return the items as they were listed, each with its requests and answers."""
        user = signed_in(request)
        hidden = hidden_from(user)
        items = list(record.items.select_related("change", "requested_by", "answered_by"))
        listed = record.population.rows.filter(change__in=[item.change_id for item in items])
        rows = {row.number: row for row in shown_rows(record.population, list(listed), hidden)}
        verb = "request" if SAMPLE_ITEMS.permitted(SampleItem(), "request", user) else "answer"
        may = SAMPLE_ITEMS.permitted(SampleItem(), verb, user)
        shown = [rows[item.change.number] for item in items]
        return {
            **super().ways(request, record),
            "asked": sum(item.status != SampleItem.Status.DRAWN for item in items),
            "unanswered": sum(item.status == SampleItem.Status.REQUESTED for item in items),
            "exceptions": [row.number for row in shown if row.change and row.has_exceptions],
            "items": [
                (item, rows[item.change.number], self._button(item, verb, hidden) if may else None)
                for item in items
            ],
            "sees_population": user.has_perm("reviews.view_population"),
        }

    @staticmethod
    def _button(item: SampleItem, verb: str, hidden: frozenset[int]) -> Button | None:
        if item.change_id in hidden or (verb == "answer" and item.status != "requested"):
            return None
        words = SAMPLE_ITEMS.current(item, verb).words
        return Button(words, reverse("admin:reviews_sampleitem_act", args=[item.pk, verb]))


@admin.register(SampleItem)
class SampleItemAdmin(ConcernsChanges, LifecycleAdmin):
    lifecycle: Lifecycle[Any] = SAMPLE_ITEMS
    is_work = True
    act_forms: dict[str, type[ActForm]] = {"request": RequestForm, "answer": ReplyForm}
    act_template = "admin/reviews/sampleitem/act.html"
    list_display = ("change", "sample", "status_pill", "request", "requested_at", "answered_at")
    list_filter = (StatusTabs,)
    search_help_text = "Change, sample or words"
    list_select_related = ("sample", "change", "requested_by", "answered_by")
    search_fields = ("change__number", "sample__number", "request", "answer")
    empty_list = "No change is in a sample yet."
    sections = (
        ("The item", ("change", "sample", "place", "request", "requested_by", "requested_at",
                      "answer", "answered_by", "answered_at")),
    )  # fmt: skip

    def after_act(self, record: Any, verb: str) -> str:
        return reverse("admin:reviews_sample_change", args=[record.sample_id])
