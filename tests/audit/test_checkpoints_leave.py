"""Checkpoints leave the host: a file beside the database, a mail a day, and word of findings."""

import json
from pathlib import Path
from typing import Any

import pytest
from celery.schedules import crontab
from django.conf import settings as configured

from ecportal.audit import attestation, keys, notes, protection, sealer, tasks
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.celery import app
from ecportal.outbox.models import Message
from tests.audit.rows import sql

pytestmark = [pytest.mark.once, pytest.mark.django_db]
KEEPERS = ("auditor@example.com", "security@example.com")


@pytest.fixture
def keepers(settings: Any) -> None:
    settings.AUDIT_CHECKPOINT_RECIPIENTS = KEEPERS


def verdicts() -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(kind="verify").order_by("pk")
    return [json.loads(str(event.body))["fields"] for event in events]


def test_every_note_is_added_to_the_file_and_none_is_taken_away(log_key: notes.Signer) -> None:
    for _ in range(3):
        attestation.record("denied", what="an act", why="a rule")
        sealer.seal()
    text = Path(configured.AUDIT_CHECKPOINT_FILE).read_text()
    made = list(AuditCheckpoint.objects.order_by("pk").values_list("note", flat=True))
    assert notes.split_notes(text) == made
    assert len(made) == 3


def test_file_that_cannot_be_written_is_told_and_the_sealing_goes_on(
    log_key: notes.Signer, settings: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path
    assert sealer.seal().count > 0
    assert f"was not added to {tmp_path}: Is a directory." in caplog.text


def test_each_keeper_is_mailed_the_newest_note_that_opens_as_it_came(
    log_key: notes.Signer, keepers: None
) -> None:
    sealer.seal()
    attestation.record("denied", what="an act", why="a rule")
    newest = str(sealer.seal().note)
    tasks.send_checkpoint()
    messages = list(Message.objects.order_by("address"))
    assert [message.address for message in messages] == sorted(KEEPERS)
    for message in messages:
        assert notes.split_notes(message.text) == [newest]
        opened = notes.open_checkpoint(notes.split_notes(message.text)[0], keys.verifiers())
        assert f"checkpoint of {opened.size} events" in message.subject
        assert f"had {opened.size} events" in message.text
        assert "keep it where the people who run the portal cannot change it" in message.text
        assert newest.splitlines()[2].replace("+", "&#x2B;") in message.html.replace("+", "&#x2B;")
        assert f"had <strong>{opened.size} events</strong>" in message.html


def test_without_keepers_or_checkpoints_no_mail_is_written(
    log_key: notes.Signer, settings: Any
) -> None:
    settings.AUDIT_CHECKPOINT_RECIPIENTS = KEEPERS
    tasks.send_checkpoint()
    sealer.seal()
    settings.AUDIT_CHECKPOINT_RECIPIENTS = ()
    tasks.send_checkpoint()
    assert not Message.objects.exists()


def test_clean_verification_is_an_event_and_no_mail(log_key: notes.Signer, keepers: None) -> None:
    size = sealer.seal().size
    tasks.verify()
    (verdict,) = verdicts()
    assert (verdict["size"], verdict["findings"], verdict["codes"]) == (size, 0, "")
    assert not Message.objects.exists()


def test_findings_are_mailed_once_until_they_change(log_key: notes.Signer, keepers: None) -> None:
    for _ in range(3):
        attestation.record("denied", what="an act", why="a rule")
    sealer.seal()
    for forged, mails in ((1, 2), (1, 2), (2, 4), (2, 4)):
        newest = AuditEvent.objects.filter(kind="denied").order_by("-pk")[:forged]
        with protection.lifted([AuditEvent]):
            for event in newest:
                mac = f"k1:{event.pk:064x}"
                sql("UPDATE audit_auditevent SET mac = %s WHERE id = %s", mac, event.pk)
        tasks.verify()
        sealer.seal()
        assert Message.objects.count() == mails
    assert [verdict["findings"] for verdict in verdicts()] == [1, 1, 2, 2]
    assert {verdict["codes"] for verdict in verdicts()} == {"MAC"}
    first = Message.objects.order_by("pk")[0]
    assert first.subject == "Audit trail: 1 finding"
    for part in (first.text, first.html):
        assert "MAC" in part
        assert "manage.py audit_verify" in part


def test_verification_that_could_not_run_is_told_once(
    log_key: notes.Signer, keepers: None, caplog: pytest.LogCaptureFixture
) -> None:
    keys.beside(".vkey").unlink()
    for _ in range(2):
        tasks.verify()
    assert [v["codes"] for v in verdicts()] == ["COULD_NOT_RUN"] * 2
    assert caplog.text.count("could not be verified: No public key") == 2
    assert Message.objects.count() == len(KEEPERS)
    message = Message.objects.first()
    assert message is not None
    assert "Set AUDIT_VKEYS" in message.text


def test_beat_knows_the_tasks_and_runs_them_hourly_and_daily() -> None:
    app.loader.import_default_modules()
    when = {
        entry["task"]: entry["schedule"]
        for entry in configured.CELERY_BEAT_SCHEDULE.values()
        if entry["task"].startswith("ecportal.audit.tasks.")
    }
    assert set(when) <= set(app.tasks)
    assert when.pop("ecportal.audit.tasks.verify") == 3600
    assert set(when) == {
        "ecportal.audit.tasks.send_checkpoint",
        "ecportal.audit.tasks.time_stamp",
    }
    for schedule in when.values():
        assert isinstance(schedule, crontab)
        assert (len(schedule.hour), len(schedule.minute)) == (1, 1)
