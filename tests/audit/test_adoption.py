"""A database that is older than the trail: what it holds is attested once, as found."""

from datetime import timedelta

import pytest
from django.db import connection

from ecportal import clock
from ecportal.audit import adoption, heartbeat, notes, protection, sealer
from ecportal.audit.models import AuditEvent
from ecportal.audit.verification import verify
from tests.scenario import Company, a_change

pytestmark = pytest.mark.django_db


@pytest.fixture
def older(company: Company, log_key: notes.Signer) -> None:
    """A database with records and memberships, and no word of them in the trail."""
    with clock.at(clock.now() - timedelta(days=30)):
        a_change(company, "approved")
    with protection.lifted([AuditEvent]), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent")


def test_records_older_than_the_trail_are_no_finding_once_adopted(older: None) -> None:
    adoption.adopt()
    sealer.seal(full=True)
    heartbeat.heartbeat()
    sealer.seal()
    report = verify()
    assert [finding.sentence for finding in report.findings] == []
    assert report.totals["adopted"] == report.totals["rows"] > 20
    assert "older than the trail" in report.line()


def test_unadopted_they_would_be_findings(older: None) -> None:
    heartbeat.heartbeat()
    sealer.seal(full=True)
    assert {finding.code for finding in verify().findings} == {"UNATTESTED", "DRIFT"}


def test_adoption_happens_once(older: None) -> None:
    adoption.adopt()
    events = AuditEvent.objects.count()
    adoption.adopt()
    assert AuditEvent.objects.count() == events


def test_trail_that_was_emptied_after_sealing_is_not_adopted(older: None) -> None:
    adoption.adopt()
    sealer.seal(full=True)
    with protection.lifted([AuditEvent]), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_auditevent")
    adoption.adopt()
    assert not AuditEvent.objects.exists()
    assert {"EVENT_GONE", "UNATTESTED"} <= {finding.code for finding in verify().findings}
