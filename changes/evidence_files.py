"""Hands out what was attached, as a download that no browser runs."""

from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase

from changes.models import EmergencyChange, Evidence, EvidenceRead
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.lifecycle import Act


def download(change: EmergencyChange, evidence_id: int, reader: User) -> HttpResponseBase:
    """Return the file or pasted log of this change's evidence, and log who read it when.

    The caller checked that the reader may see the change.
    """
    try:
        evidence = change.evidence.get(pk=evidence_id)
    except Evidence.DoesNotExist:
        raise Http404("No evidence is at this address.") from None
    if evidence.text:
        response: HttpResponseBase = HttpResponse(
            evidence.text, content_type="text/plain; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="evidence-{evidence.pk}.txt"'
    elif evidence.file:
        try:
            opened = evidence.file.open("rb")
        except FileNotFoundError:
            raise Http404("The stored file is missing. Tell whoever runs the portal.") from None
        response = FileResponse(opened, as_attachment=True, filename=evidence.file_name)
        response["Content-Type"] = "application/octet-stream"
    else:
        raise Http404("This evidence is a link.")
    now = clock.now()
    read = EvidenceRead(evidence=evidence, reader=reader, read_at=now)
    Act("read", reader, f"Downloaded from {change.number}.", now, now).save(read)
    response["X-Content-Type-Options"] = "nosniff"
    return response
