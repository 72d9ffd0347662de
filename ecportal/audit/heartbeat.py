"""The daily report of the sealer: an event that shows that the controls operated."""

import json

from django.conf import settings
from django.db import transaction

from ecportal import clock
from ecportal.audit import attestation, bodies, drift, protection
from ecportal.audit.counts import unsealed_count
from ecportal.audit.kinds import SEAL
from ecportal.audit.models import AuditEvent


def heartbeat_is_due() -> bool:
    """Whether there was none yet on this day (UTC)."""
    newest = AuditEvent.objects.filter(kind=SEAL).order_by("-pk").first()
    if newest is None or newest.body is None:
        return True
    day = str(json.loads(newest.body)["at"])[:10]
    return day != clock.real().date().isoformat()


def heartbeat() -> None:
    """Write the event that shows that the controls operated: at start and once a day."""
    with transaction.atomic():
        attestation.record(
            SEAL,
            time=bodies.plain(clock.real()),
            triggers=len(protection.findings()),
            drift=sum(1 for model in drift.tracked_models() for _ in drift.drifts(model)),
            unsealed=unsealed_count(),
            version=settings.VERSION,
        )
