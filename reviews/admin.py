"""How reviews, follow-up actions, deadlines, exceptions and ladders are shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from changes.models import EmergencyChange
from ecportal import marks
from ecportal.admin import LifecycleAdmin, ReadOnlyAdmin
from ecportal.forms import ActForm
from ecportal.lists import StatusTabs, Tabs
from ecportal.site import signed_in
from reviews import (  # noqa: F401 - panels and pages register themselves
    administrators_home,
    auditors_home,
    change_list,
    forms,
    home,
    panels,
    population_admin,
    reconciliation_admin,
    reports,
    sample_admin,
    working_paper_panels,
)
from reviews.confidential import ConcernsChanges
from reviews.lifecycle import EXCEPTIONS, FOLLOW_UPS, HOLIDAYS, REVIEWS, RUNGS
from reviews.models import (
    CompanyHoliday,
    ControlException,
    Deadline,
    EscalationRung,
    FollowUpAction,
    Notice,
    RetrospectiveReview,
)
from reviews.packs import pages  # noqa: F401 - the pages of packs register themselves


@admin.register(RetrospectiveReview)
class ReviewAdmin(ConcernsChanges, LifecycleAdmin):
    lifecycle = REVIEWS
    is_work = True
    act_forms: dict[str, type[ActForm]] = {"complete": forms.ReviewForm}
    act_template = "admin/reviews/retrospectivereview/act.html"
    list_display = ("change", "status_pill", "reviewer", "held_at", "is_genuine", "was_followed")
    list_filter = (StatusTabs, "genuine", "procedure_followed")
    search_help_text = "Number or title of the change"
    list_select_related = ("change", "reviewer", "requester", "implementer")
    search_fields = ("change__number", "change__title")
    empty_list = "No change was implemented yet."
    sections = (
        ("The review", ("change", "reviewer", "held_at", "recorded_at", "genuine",
                        "procedure_followed", "appropriateness", "lessons",
                        "no_follow_up_reason")),
    )  # fmt: skip

    @admin.display(description="Genuine", ordering="genuine", boolean=True)
    def is_genuine(self, review: RetrospectiveReview) -> bool | None:
        return review.genuine

    @admin.display(description="Followed", ordering="procedure_followed", boolean=True)
    def was_followed(self, review: RetrospectiveReview) -> bool | None:
        return review.procedure_followed

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.by_change_view)
        name = "reviews_retrospectivereview_by_change"
        return [path("of/<int:change_id>/", view, name=name), *super().get_urls()]

    def by_change_view(self, request: HttpRequest, change_id: int) -> HttpResponse:
        """Lead from a mail about a change to where its review is held."""
        change = EmergencyChange.objects.filter(pk=change_id)
        review = get_object_or_404(self.get_queryset(request), change__in=change)
        if self.lifecycle.permitted(review, "complete", signed_in(request)):
            return redirect(self.act_address(review, "complete"))
        return redirect(self.address(review))

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return self.get_queryset(request).filter(status=RetrospectiveReview.Status.SCHEDULED)

    def after_act(self, record: Any, verb: str) -> str:
        return reverse("admin:changes_emergencychange_change", args=[record.change_id])


@admin.register(FollowUpAction)
class FollowUpAdmin(ConcernsChanges, LifecycleAdmin):
    lifecycle = FOLLOW_UPS
    is_work = True
    creation = "assign"
    act_forms: dict[str, type[ActForm]] = {
        "assign": forms.FollowUpForm,
        "complete": forms.DoneForm,
        "reassign": forms.ReassignForm,
        "drop": forms.DropForm,
    }
    list_display = ("number", "title", "owner", "due_on", "status_pill", "change")
    list_filter = (StatusTabs, ("owner", admin.RelatedOnlyFieldListFilter))
    search_help_text = "Number, title or change"
    list_select_related = ("owner", "change")
    search_fields = ("number", "title", "change__number")
    empty_list = "No follow-up action yet. Reviews assign them."
    sections = (
        ("The action", ("change", "title", "owner", "due_on", "assigned_by", "finished_at",
                        "result")),
    )  # fmt: skip

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return self.get_queryset(request).filter(status=FollowUpAction.Status.OPEN)


@admin.register(ControlException)
class ExceptionAdmin(ConcernsChanges, LifecycleAdmin):
    lifecycle = EXCEPTIONS
    is_work = True
    act_forms: dict[str, type[ActForm]] = {"answer": forms.AnswerForm}
    list_display = ("kind", "change", "status_pill", "recorded_at", "answered_by")
    list_filter = (StatusTabs, "kind")
    search_help_text = "Change, detail or response"
    list_select_related = ("change", "answered_by")
    search_fields = ("change__number", "change__title", "detail", "response")
    date_hierarchy = "recorded_at"
    empty_list = "No exception. The process was followed throughout."
    sections = (
        ("The exception", ("change", "kind", "detail", "happened_at", "recorded_at", "response",
                           "answered_by", "answered_at")),
    )  # fmt: skip

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return self.get_queryset(request).filter(status=ControlException.Status.OPEN)


@admin.register(Deadline)
class DeadlineAdmin(ConcernsChanges, ReadOnlyAdmin):
    list_display = ("kind", "change", "owner", "started_at", "state")
    list_filter = (Tabs, "kind")
    search_help_text = "Number of the change"
    list_select_related = ("change", "owner")
    search_fields = ("change__number",)
    date_hierarchy = "due_at"
    empty_list = "No deadline ever ran."
    sections = (
        ("The deadline", ("kind", "change", "owner", "started_at", "due_at", "rule", "met_at",
                          "voided_at")),
    )  # fmt: skip

    @admin.display(description="Deadline", ordering="due_at")
    def state(self, deadline: Deadline) -> SafeString:
        """Say what is left or how it was met; a void one has nothing left to say."""
        if deadline.voided_at is not None:
            return marks.pill("Void", "mute", "circle-slash")
        return marks.due(deadline.due_at, deadline.met_at)


@admin.register(Notice)
class NoticeAdmin(ConcernsChanges, ReadOnlyAdmin):
    """The ledger: who was told of what, when, and with what result."""

    change_path = "escalation__deadline__change"
    list_display = ("recipient", "deadline", "rung", "told_at", "channel", "result")
    list_filter = (("undelivered_at", admin.EmptyFieldListFilter),)
    list_select_related = ("person", "message", "escalation__deadline__change")
    search_fields = ("address", "escalation__deadline__change__number")
    empty_list = "Nobody had to be reminded yet."
    sections = (
        ("The notice", ("recipient", "address", "deadline", "rung", "told_at", "channel", "result",
                        "answer", "undelivered_at")),
    )  # fmt: skip

    @admin.display(description="Told")
    def recipient(self, notice: Notice) -> str:
        return notice.recipient

    @admin.display(description="Channel")
    def channel(self, notice: Notice) -> str:
        return notice.CHANNEL

    @admin.display(description="The server’s answer")
    def answer(self, notice: Notice) -> str:
        return notice.answer

    @admin.display(description="Of")
    def deadline(self, notice: Notice) -> str:
        return str(notice.escalation.deadline)

    @admin.display(description="Rung")
    def rung(self, notice: Notice) -> str:
        return notice.escalation.rung_in_words

    @admin.display(description="When", ordering="escalation__reached_at")
    def told_at(self, notice: Notice) -> Any:
        return notice.escalation.reached_at

    @admin.display(description="Result")
    def result(self, notice: Notice) -> str:
        return notice.result


@admin.register(EscalationRung)
class RungAdmin(LifecycleAdmin):
    lifecycle = RUNGS
    shows_changes = True
    creation = "define"
    act_forms: dict[str, type[ActForm]] = {
        "define": forms.RungForm,
        "revise": forms.ReviseRungForm,
    }
    list_display = ("kind", "offset", "unit", "audience", "respects_quiet_hours", "status_pill")
    list_display_links = ("kind", "offset")
    list_filter = (StatusTabs, "kind", "audience")
    sections = (
        ("The rung", ("kind", "offset", "unit", "audience", "addresses", "respects_quiet_hours")),
    )


@admin.register(CompanyHoliday)
class HolidayAdmin(LifecycleAdmin):
    lifecycle = HOLIDAYS
    creation = "declare"
    act_forms: dict[str, type[ActForm]] = {"declare": forms.HolidayForm}
    list_display = ("day", "name", "status_pill")
    list_filter = (StatusTabs,)
    empty_list = "No company holiday: only the country’s public holidays count."
    sections = (("The day", ("day", "name")),)
