"""What the trail's pages say, and what they say it of."""

import re
from datetime import UTC, datetime
from html import unescape
from typing import Any

from django.conf import settings
from django.test import Client
from django.utils import timezone

from ecportal.audit import attestation
from ecportal.audit.models import AuditEvent, AuditLeaf

EVENTS, CHECKPOINTS = "/admin/audit/auditevent/", "/admin/audit/auditcheckpoint/"
SECRET = "Zeppelin"


def shown(client: Client, address: str) -> str:
    """Return what a page says, on one line."""
    response = client.get(address)
    assert response.status_code == 200, address
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", markup(response)))).strip()


def markup(response: Any) -> str:
    text: str = response.content.decode()
    return text[text.index('<div id="content"') :]


def verified(size: int | None = None, codes: str = "") -> AuditEvent:
    """Write what the hourly verification writes."""
    leaves = AuditLeaf.objects.count() if size is None else size
    return attestation.record("verify", size=leaves, findings=len(codes.split()), codes=codes)


def clock_of(event: AuditEvent, zone: str = settings.TIME_ZONE) -> str:
    at = re.search(r'"at":"([^"]+)Z"', event.body or "")
    assert at is not None
    moment = datetime.fromisoformat(at[1]).replace(tzinfo=UTC)
    with timezone.override(zone):
        return f"{timezone.localtime(moment):%H:%M}"
