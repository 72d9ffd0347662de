"""What is verified stands still meanwhile, and nobody waits for it."""

import sqlite3
import threading

import pytest
from django.db import DatabaseError, connection, transaction

from ecportal.audit import attestation, sealer
from ecportal.audit.models import AuditEvent, AuditLeaf
from ecportal.audit.notes import Signer
from ecportal.audit.verification import verify
from ecportal.audit.verification.snapshot import snapshot
from tests.audit.verifying import codes

pytestmark = pytest.mark.django_db


@pytest.mark.django_db(transaction=True)
def test_writers_go_on_while_the_snapshot_is_open_and_it_does_not_see_them() -> None:
    before = AuditEvent.objects.count()
    with snapshot():
        assert AuditEvent.objects.count() == before
        writer = threading.Thread(target=_write_one)
        writer.start()
        writer.join(timeout=10)
        assert not writer.is_alive()
        assert AuditEvent.objects.count() == before
    assert AuditEvent.objects.count() == before + 1


def _write_one() -> None:
    try:
        with transaction.atomic():
            attestation.record("export", record="", leaves=0, events=0, sha256="")
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_nothing_can_be_written_inside_the_snapshot() -> None:
    with pytest.raises(DatabaseError, match=r"read.?only"), snapshot():
        AuditLeaf.objects.create(idx=0, event_id=1, leaf_hash="x")
    assert AuditLeaf.objects.count() == 0
    AuditLeaf.objects.create(idx=0, event_id=1, leaf_hash="x")


@pytest.mark.django_db(transaction=True)
def test_sealing_after_a_verification_is_as_before(log_key: Signer) -> None:
    """The connection gets its usual way of beginning transactions back."""
    sealer.seal()
    assert codes(verify()) <= {"DRIFT"}
    with transaction.atomic():
        attestation.record("export", record="", leaves=0, events=0, sha256="")
    assert sealer.seal().count >= 1
    if connection.vendor == "sqlite":
        assert connection.transaction_mode == "IMMEDIATE"
        other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0, uri=True)
        with transaction.atomic(), pytest.raises(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
        other.close()
