"""What the tests of the sealer have in common: events, leaves, and a hand in the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from ecportal.audit import attestation, keys, protection
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf


def happen(times: int = 1) -> list[AuditEvent]:
    return [attestation.record("denied", what=f"act {n}", why="a rule") for n in range(times)]


def copied(event: AuditEvent, pk: int) -> AuditEvent:
    """Write an event under an id of our choice, as a transaction that took long would."""
    return AuditEvent.objects.create(pk=pk, kind=event.kind, body=event.body, mac=event.mac)


def leaves() -> list[bytes]:
    found = AuditLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True)
    return [bytes.fromhex(digest) for digest in found]


@contextmanager
def by_a_hand_in_the_database() -> Iterator[None]:
    with protection.lifted([AuditEvent, AuditLeaf, AuditCheckpoint]):
        yield


def lose_the_state() -> None:
    keys.beside(".state").unlink()
