"""Evidence with a stored file, as the form attaches it."""

import hashlib

from django.core.files.base import ContentFile

from changes.models import EmergencyChange, Evidence
from tests.scenario import Company, Journey


def attach(company: Company, change: EmergencyChange, data: bytes, **values: str) -> Evidence:
    """Attach the bytes as a file to the change and return the evidence."""
    digest = hashlib.sha256(data).hexdigest()
    told = {"kind": "execution", "description": "Deployment log", "file_name": "deploy.log"}
    Journey(company, change).do(
        "attach_evidence",
        company.engineer,
        **{**told, **values},
        file=ContentFile(data, name=f"{digest[:2]}/{digest}"),
        size=len(data),
        sha256=digest,
    )
    return Evidence.objects.get(sha256=digest, change=change)
