"""What happens to the trail by itself: checkpoints leave each day, and each hour it is verified."""

import json
import logging
from hashlib import sha256

from celery import shared_task
from django.conf import settings
from django.db import transaction

from ecportal.audit import attestation, publishing, timestamps, verification
from ecportal.audit.kinds import COULD_NOT_RUN, VERIFY
from ecportal.audit.models import AuditEvent
from ecportal.outbox.publishing import publish

logger = logging.getLogger(__name__)


@shared_task
def send_checkpoint() -> None:
    """Mail the newest checkpoint to the people who keep them."""
    checkpoint = publishing.newest()
    if checkpoint is not None:
        _tell(publishing.about(checkpoint))


@shared_task
def time_stamp() -> None:
    """Have the newest checkpoint stamped, where an authority is set; a failure waits a day."""
    checkpoint = publishing.newest()
    if checkpoint is None or not settings.AUDIT_TSA_URL:
        return
    try:
        timestamps.time_stamp(checkpoint)
    except timestamps.NoTimeStamp as error:
        logger.warning("%s It is asked again tomorrow.", error)


@shared_task
def verify() -> None:
    """Compare everything, write down that it was done, and tell of findings that are new."""
    try:
        report = verification.verify()
    except verification.CannotVerify as error:
        logger.error("The audit trail could not be verified: %s", error)
        _note(0, [COULD_NOT_RUN], str(error), publishing.about_failure(str(error)))
    else:
        note(report)


def note(report: verification.Report) -> None:
    """Write down that the whole trail was verified, and tell of findings that are new."""
    # Sentences may tell the time; what was found does not change with it.
    found = sorted(f"{f.code} {f.record} {f.field} {f.event_id}" for f in report.findings)
    mail = publishing.about_findings(report) if found else None
    _note(report.totals["leaves"], [f.code for f in report.findings], "\n".join(found), mail)


def _note(size: int, codes: list[str], found: str, mail: publishing.Mail | None) -> None:
    digest = sha256(found.encode()).hexdigest()
    before = AuditEvent.objects.filter(kind=VERIFY).order_by("-pk").first()
    known = json.loads(before.body)["fields"] if before is not None and before.body else {}
    with transaction.atomic():
        attestation.record(
            VERIFY,
            size=size,
            findings=len(codes),
            codes=" ".join(sorted(set(codes))),
            found=digest,
        )
        if mail is not None and known.get("found") != digest:
            _tell(mail)


def _tell(mail: publishing.Mail) -> None:
    with transaction.atomic():
        for address in settings.AUDIT_CHECKPOINT_RECIPIENTS:
            publish(address, *mail)
