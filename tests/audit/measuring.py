"""How fast the trail is; `tests.bench` prints it."""

import time

from django.conf import settings

from ecportal import clock
from ecportal.audit import attestation, bodies, context, keys, sealer
from ecportal.audit.models import AuditEvent


def measure_sealing(events: int = 100_000) -> dict[str, float]:
    """Seal this many events that were waiting, and look at all again; on an empty test database.

    Returns rows a second sealed, seconds of a full look that finds nothing, and of a usual one.
    """
    if not settings.AUDIT_SIGNING_KEY.exists():
        keys.generate("bench.example.com")
    sealer.seal()
    _write(events)
    begin = time.perf_counter()
    count = sealer.seal().count
    sealed = time.perf_counter()
    sealer.seal(full=True)
    looked = time.perf_counter()
    sealer.something_waits()
    glanced = time.perf_counter()
    return {
        "sealed_per_second": count / (sealed - begin),
        "full_look_seconds": looked - sealed,
        "usual_look_seconds": glanced - looked,
    }


def _write(events: int) -> None:
    """Write events as long as those of a usual history row, without the rows."""
    facts: dict[str, bodies.Plain] = {f"column_{n}": f"value {n}" for n in range(20)}
    rows = []
    for number in range(events):
        body = bodies.body(
            attestation.HISTORY,
            facts,
            at=clock.real(),
            context=context.current().as_fields(),
            source="bench.row",
            source_pk=number,
        )
        rows.append(
            AuditEvent(
                kind=attestation.HISTORY,
                source="bench.row",
                source_pk=number,
                body=body,
                mac=attestation.mac(body),
            )
        )
    AuditEvent.objects.bulk_create(rows, batch_size=5_000)
