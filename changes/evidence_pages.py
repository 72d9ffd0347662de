"""The pages of evidence: attaching several pieces, looking at one, taking it away."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern

from changes import evidence_files, forms
from ecportal.accounts.models import User
from ecportal.admin import LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.site import signed_in


class EvidencePages(LifecycleAdmin):
    """Adds the pages of evidence to the admin of changes."""

    def get_urls(self) -> list[URLPattern]:
        evidence = "<path:object_id>/evidence/<int:evidence_id>"
        return [
            self.own(self.evidence_view, f"{evidence}/", "evidence"),
            self.own(self.evidence_page_view, f"{evidence}/about/", "evidence_page"),
            self.own(self.evidence_shown_view, f"{evidence}/shown/", "evidence_shown"),
            self.own(self.evidence_preview_view, f"{evidence}/preview/", "evidence_preview"),
            *super().get_urls(),
        ]

    def perform(self, record: Any, verb: str, by: User, form: ActForm) -> Any:
        """Attach each piece in an act of its own, all or none."""
        if not isinstance(form, forms.EvidenceForm):
            return super().perform(record, verb, by, form)
        reason, when = form.reason_given(), form.cleaned_data["happened_at"]
        pieces = list(form.pieces())  # read to their end, before anything is locked
        with transaction.atomic():
            for piece in pieces:
                self.lifecycle.perform(
                    record, verb, by=by, reason=reason, happened_at=when, **piece
                )
        return record

    def evidence_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponseBase:
        found = evidence_files.find(self.visible(request, object_id), evidence_id)
        return evidence_files.download(found, signed_in(request))

    def evidence_shown_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponseBase:
        found = evidence_files.find(self.visible(request, object_id), evidence_id)
        return evidence_files.show(found, signed_in(request))

    def evidence_preview_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponseBase:
        found = evidence_files.find(self.visible(request, object_id), evidence_id)
        return evidence_files.preview(found, signed_in(request))

    def evidence_page_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponse:
        """Show one piece of evidence with all that is known of it, and its content where safe."""
        change, user = self.visible(request, object_id), signed_in(request)
        found = evidence_files.find(change, evidence_id)
        context = {**self.page(request, change, str(found)), **evidence_files.about(found, user)}
        context["may_replace"] = not found.is_superseded and (
            self.lifecycle.permitted(change, "supersede_evidence", user)
            and self.lifecycle.refusal(change, "supersede_evidence", user) is None
        )
        return TemplateResponse(request, "admin/changes/emergencychange/evidence.html", context)
