"""Checkpoints for elsewhere: what is written beside the database, and what a mail says.

A checkpoint that lies where the portal's keepers cannot change it shows every later rewriting, even
by somebody who holds the database and all keys.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string

from ecportal.audit.models import AuditCheckpoint

if TYPE_CHECKING:
    from ecportal.audit.verification import Report

logger = logging.getLogger(__name__)

CHECKPOINT_MAIL = "Audit trail: checkpoint of "
SHOWN = 50
"""Findings in one mail; `audit_verify` prints all."""


class Mail(NamedTuple):
    subject: str
    text: str
    html: str


def append(note: str) -> None:
    """Add the note to AUDIT_CHECKPOINT_FILE; a full disk is told and does not stop the sealing."""
    path = Path(settings.AUDIT_CHECKPOINT_FILE)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, f"{note}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        logger.error("The checkpoint was not added to %s: %s.", path, error.strerror)


def newest() -> AuditCheckpoint | None:
    return AuditCheckpoint.objects.order_by("-pk").first()


def about(checkpoint: AuditCheckpoint) -> Mail:
    """Return the daily mail: the note, what it is good for, and how to keep it."""
    return _mail(
        "checkpoint",
        f"{CHECKPOINT_MAIL}{checkpoint.size:,} events",
        size=checkpoint.size,
        note=checkpoint.note,
        signed_at=checkpoint.created_at,
    )


def size_told(subject: str) -> int:
    """Return how many events the mail of a checkpoint says that it covers; 0 of another mail."""
    told = subject.removeprefix(CHECKPOINT_MAIL).partition(" ")[0].replace(",", "")
    return int(told) if told.isdecimal() and len(told) < 19 else 0


def about_findings(report: "Report") -> Mail:
    """Return the mail that tells of findings of a verification."""
    count = len(report.findings)
    return _mail(
        "findings",
        f"Audit trail: {count} {'finding' if count == 1 else 'findings'}",
        findings=report.findings[:SHOWN],
        more=max(0, count - SHOWN),
        line=report.line(),
    )


def about_failure(sentence: str) -> Mail:
    """Return the mail that tells that the trail could not be verified."""
    return _mail("findings", "Audit trail: it could not be verified", failure=sentence)


def _mail(template: str, subject: str, **context: object) -> Mail:
    context["portal"] = settings.PORTAL_URL
    return Mail(
        subject,
        render_to_string(f"mail/{template}.txt", context),
        render_to_string(f"mail/{template}.html", context),
    )
