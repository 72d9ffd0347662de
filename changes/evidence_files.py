"""Hands out what was attached: as a download that no browser runs, or shown where that is safe."""

from typing import Any, Final

from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

from changes.evidence_types import IMAGES, PDF, SHOWN, TEXT
from changes.models import EmergencyChange, Evidence, EvidenceRead
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.lifecycle import Act

SEALED_OFF: Final = "default-src 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
TEXT_SHOWN: Final = 256 * 1024
"""Bytes of a text that are shown; the whole is the download."""


def find(change: EmergencyChange, evidence_id: int) -> Evidence:
    """Return this piece of the change's evidence. The caller checked who may see the change."""
    whole = change.evidence.select_related("attached_by", "supersedes", "superseded_by")
    try:
        return whole.get(pk=evidence_id)
    except Evidence.DoesNotExist:
        raise Http404("No evidence is at this address.") from None


def download(evidence: Evidence, reader: User) -> HttpResponseBase:
    """Return the file or pasted log as an attachment, and log who read it when."""
    if evidence.text:
        response: HttpResponseBase = HttpResponse(
            evidence.text, content_type="text/plain; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="evidence-{evidence.pk}.txt"'
    elif evidence.file:
        opened, name = _open(evidence), evidence.file_name or f"evidence-{evidence.pk}"
        response = FileResponse(opened, as_attachment=True, filename=name)
        response["Content-Type"] = "application/octet-stream"
    else:
        raise Http404("This evidence is a link.")
    log_read(evidence, reader, "Downloaded")
    return _sealed_off(response)


def show(evidence: Evidence, reader: User) -> HttpResponseBase:
    """Return an image or PDF under the type of its content, for the portal's own page; log it."""
    if evidence.content_type not in IMAGES | {PDF}:
        raise Http404("This evidence is not shown, only downloaded.")
    response = FileResponse(_open(evidence), content_type=evidence.content_type)
    response["Content-Disposition"] = "inline"
    log_read(evidence, reader, "Looked at")
    return _sealed_off(response)


def preview(evidence: Evidence, reader: User) -> HttpResponseBase:
    """Return a small image for the page of its change; the first such look of a day is logged.

    The page asks for it anew each time it is loaded: a line each would hide who really read it.
    """
    if not evidence.has_preview:
        raise Http404("This evidence has no preview.")
    response = FileResponse(_open(evidence), content_type=evidence.content_type)
    response["Content-Disposition"] = "inline"
    midnight = timezone.localtime(clock.now()).replace(hour=0, minute=0, second=0, microsecond=0)
    if not evidence.reads.filter(reader=reader, read_at__gte=midnight).exists():
        log_read(evidence, reader, "Saw the preview")
    return _sealed_off(response)


def about(evidence: Evidence, reader: User) -> dict[str, Any]:
    """Return what the page of the evidence shows; text is shown on it, and that is a read."""
    text, cut = "", False
    if evidence.text or evidence.content_type == TEXT:
        text, cut = _beginning(evidence)
        log_read(evidence, reader, "Looked at")
    kind = evidence.content_type
    return {
        "evidence": evidence,
        "shown_as": "" if kind not in SHOWN else "text" if kind == TEXT else kind.split("/")[0],
        "is_pdf": kind == PDF,
        "text": text,
        "text_is_cut": cut,
    }


def log_read(evidence: Evidence, reader: User, how: str) -> None:
    now = clock.now()
    read = EvidenceRead(evidence=evidence, reader=reader, read_at=now)
    Act("read", reader, f"{how} on {evidence.change.number}.", now, now).save(read)


def _beginning(evidence: Evidence) -> tuple[str, bool]:
    """Return the beginning of the text, and whether there is more."""
    if evidence.text:
        return evidence.text[:TEXT_SHOWN], len(evidence.text) > TEXT_SHOWN
    with _open(evidence) as file:
        head = file.read(TEXT_SHOWN + 1)
    return head[:TEXT_SHOWN].decode(errors="replace"), len(head) > TEXT_SHOWN


def _open(evidence: Evidence) -> Any:
    try:
        return evidence.file.open("rb")
    except OSError:
        raise Http404("The stored file is missing. Tell whoever runs the portal.") from None


def _sealed_off(response: HttpResponseBase) -> HttpResponseBase:
    response["Content-Security-Policy"] = SEALED_OFF
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response
