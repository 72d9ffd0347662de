"""The pages of evidence packs: ask for one, see how far it is, take it away."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.safestring import SafeString

from changes.models import EmergencyChange
from ecportal import drafts
from ecportal.admin import ReadOnlyAdmin
from ecportal.audit import attestation, reads
from ecportal.celery import wake
from ecportal.marks import pill
from ecportal.panels import Button, buttons
from ecportal.refusals import NoSuchPage
from ecportal.site import signed_in
from reviews.models import EvidencePack
from reviews.models.pack import kept_packs
from reviews.packs import queue
from reviews.packs.choosing import label_of
from reviews.packs.forms import PackForm
from reviews.tasks import build_packs

MAY_ASK = "reviews.request_evidencepack"


@admin.register(EvidencePack)
class EvidencePackAdmin(ReadOnlyAdmin):
    list_display = ("label", "state_pill", "requested_by", "requested_at", "megabytes")
    list_select_related = ("requested_by",)
    sortable_by = ()
    empty_list = "Nobody has asked for a pack yet."
    record_template = "admin/reviews/evidencepack/record.html"
    change_list_template = "admin/reviews/evidencepack/change_list.html"

    @admin.display(description="State")
    def state_pill(self, pack: EvidencePack) -> SafeString:
        return pill(*pack.state)

    @admin.display(description="Size")
    def megabytes(self, pack: EvidencePack) -> str:
        return f"{pack.size / 1_000_000:.1f} MB" if pack.size else "–"

    def get_urls(self) -> list[URLPattern]:
        return [
            self.own(self.request_view, "request/", "request"),
            self.own(self.download_view, "<path:object_id>/download/", "download"),
            self.own(self.progress_view, "<path:object_id>/progress/", "progress"),
            self.own(self.retry_view, "<path:object_id>/retry/", "retry"),
            *super().get_urls(),
        ]

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        raise NoSuchPage("A pack has no versions; that it was taken away is in the audit trail.")

    # --- pages ----------------------------------------------------------------------------------
    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        return {
            "pack": record,
            "progress": _progress(record) if record.is_waiting else None,
            "keep_days": settings.PACK_DAYS,
            "may_take": _sees_all(request, record),
            "may_ask": signed_in(request).has_perm(MAY_ASK),
        }

    def request_view(self, request: HttpRequest) -> HttpResponse:
        """Ask which changes, and put the pack into the queue."""
        if not signed_in(request).has_perm(MAY_ASK):
            raise PermissionDenied("Your role does not include evidence packs.")
        said = {"numbers": request.GET.get("numbers", "")[:1000]}
        posted = request.POST if request.method == "POST" else None
        form = drafts.filled_in(request, PackForm(posted, initial=said))
        if form.is_valid() and (choice := form.chosen(request)) is not None:
            pack = queue.ask(choice, label_of(choice), signed_in(request))
            wake(build_packs)
            return drafts.sent(request, self.address(pack))
        context = self.page(request, EvidencePack(), "Ask for an evidence pack")
        context.update(form=form, words="Build the pack", **drafts.of(request))
        status = 422 if form.errors else 200
        return TemplateResponse(
            request, "admin/reviews/evidencepack/request.html", context, status=status
        )

    def progress_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Say how far it is: 202 while it is on its way, 200 when there is something to read."""
        pack = self.visible(request, object_id)
        return JsonResponse(_progress(pack), status=202 if pack.is_waiting else 200)

    def retry_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put a failed pack back into the queue."""
        pack = self.visible(request, object_id)
        if not signed_in(request).has_perm(MAY_ASK):
            raise PermissionDenied("Your role does not include evidence packs.")
        if request.method == "POST" and queue.ask_again(pack):
            wake(build_packs)
            messages.success(request, "It is built again.")
        return redirect(self.address(pack))

    def download_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Send the file, and write down who took it away."""
        pack = self.visible(request, object_id)
        if not _sees_all(request, pack):
            raise PermissionDenied("A change in this pack is confidential and not shared with you.")
        try:
            opened = kept_packs().open(pack.file) if pack.is_ready else None
        except FileNotFoundError:
            opened = None
        if opened is None:
            raise NoSuchPage("There is no file of this pack. Ask for it again.")
        attestation.record(reads.EXPORT, record=pack.numbers, sha256=pack.sha256, size=pack.size)
        response = FileResponse(opened, as_attachment=True, filename=pack.file_name)
        response["Content-Type"] = "application/zip"
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "no-store"
        return response


def _progress(pack: EvidencePack) -> dict[str, Any]:
    """Return how far it is, as numbers and as what its page says of them."""
    words = f"{pack.done} of {pack.total} change{'' if pack.total == 1 else 's'}"
    if pack.stage:
        words += f". {pack.stage}"
    if pack.attempts > 1:
        again = "once" if pack.attempts == 2 else f"{pack.attempts - 1} times"
        words += f". Begun anew {again}, because a worker stopped"
    heading = "It is being built" if pack.taken_at else "It waits for the worker"
    return {"heading": heading, "words": f"{words}.", "done": pack.done, "total": pack.total}


def _sees_all(request: HttpRequest, pack: EvidencePack) -> bool:
    """Whether the person may see each change of the pack, as things are now."""
    visible = EmergencyChange.objects.visible_to(signed_in(request))
    return visible.filter(number__in=pack.changes).count() == len(pack.changes)


@buttons(EmergencyChange)
def pack_button(request: HttpRequest, change: EmergencyChange) -> list[Button]:
    """Offer whoever may take a pack away the way to one of this change."""
    if not signed_in(request).has_perm(MAY_ASK):
        return []
    url = f"{reverse('admin:reviews_evidencepack_request')}?numbers={change.number}"
    return [Button("Evidence pack", url, is_step=False, tool="archive")]
