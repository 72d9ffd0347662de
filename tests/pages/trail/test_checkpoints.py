"""The state of the trail, its checkpoints, and their notes to take away."""

import re
import subprocess
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.audit import attestation, heartbeat, protection, sealer, tasks
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.state import STALE
from ecportal.outbox.models import Message
from tests.audit.rows import sql
from tests.pages.conftest import SignIn
from tests.pages.trail.reading import CHECKPOINTS, EVENTS, clock_of, markup, shown, verified
from tests.pages.world import page
from tests.scenario import Company

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("log_key")]


def test_empty_trail_says_what_comes(company: Company, auditor: Client) -> None:
    text = shown(auditor, CHECKPOINTS)
    assert "Nothing is sealed yet" in text
    assert "A verification runs every hour; there was none yet." in text
    assert "None yet. The sealer writes one when it starts, and one a day." in text


def test_state_of_the_trail_tells_verification_report_and_triggers(
    company: Company, auditor: Client
) -> None:
    heartbeat.heartbeat()
    sealer.seal()
    at = clock_of(verified(size=9))
    text = shown(auditor, CHECKPOINTS)
    assert "Sealed and unbroken: 9 events, none missing, none altered" in text
    assert f"Verified {at}, and again every hour" in text
    assert "All triggers in place" in text
    with protection.lifted([AuditLeaf]):
        text = shown(auditor, CHECKPOINTS)
    assert "Not protected: the database would let the trail be changed" in text
    assert "audit_auditleaf: trigger" in text
    at = clock_of(verified(codes="ROW"))
    for address in (CHECKPOINTS, EVENTS):
        text = shown(auditor, address)
        assert "The seal is broken: a verification found something" in text
        assert f"Found ROW {at}. Run manage.py audit_verify on the server" in text
        assert 'class="card seal seal-bad" role="alert"' in markup(auditor.get(address))


def test_state_of_the_trail_is_for_those_who_see_all_of_it(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    sealer.seal()
    assert "Last sealed event" not in shown(signed_in(company.roleadmin), EVENTS)
    assert "Last sealed event" in shown(signed_in(company.lead), EVENTS)


def test_check_that_is_old_is_called_so(
    change: EmergencyChange, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer.seal()
    verified()
    later = clock.real() + STALE + timedelta(minutes=1)
    monkeypatch.setattr(clock, "real", lambda: later)
    assert "Sealed, the check is old: " in shown(auditor, CHECKPOINTS)


def test_state_says_what_the_outside_copy_does_not_cover_yet(
    change: EmergencyChange, auditor: Client, settings: Any
) -> None:
    sealer.seal()
    verified()
    assert "Outside copy None No checkpoint is mailed to anybody" in shown(auditor, CHECKPOINTS)
    settings.AUDIT_CHECKPOINT_RECIPIENTS = ("keeper@example.com",)
    assert "Outside copy None has left yet" in shown(auditor, CHECKPOINTS)
    tasks.send_checkpoint()
    assert "Outside copy None has left yet" in shown(auditor, CHECKPOINTS)  # written, not sent
    size = AuditCheckpoint.objects.latest("pk").size
    Message.objects.update(sent_at=clock.now())
    sealer.seal()
    newer = AuditLeaf.objects.count() - size
    assert newer > 0
    said = f"by mail to keeper@example.com covers {size} ; not yet the newest {newer}"
    assert said.replace(" ;", ";") in shown(auditor, CHECKPOINTS)


def test_time_stamp_that_covers_more_is_the_outside_copy(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    size = AuditCheckpoint.objects.latest("pk").size
    attestation.record("timestamp", size=size, token="")
    assert f"by a time stamp of another authority covers {size}: all of them" in shown(
        auditor, CHECKPOINTS
    )


def test_event_that_was_altered_is_red(change: EmergencyChange, auditor: Client) -> None:
    sealer.seal()
    event = AuditEvent.objects.filter(kind="history").order_by("-pk")[0]
    assert "The seal is broken" not in shown(auditor, page(event))
    with protection.lifted():
        sql("UPDATE audit_auditevent SET body = %s WHERE id = %s", "{}", event.pk)
    assert "The seal is broken at this event" in shown(auditor, page(event))


def test_note_is_downloaded_byte_for_byte(change: EmergencyChange, auditor: Client) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    response = auditor.get(page(checkpoint, "note"))
    assert response.content.decode() == checkpoint.note
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    name = f"checkpoint-{checkpoint.size}.txt"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    checkpoint.pk += 1
    assert auditor.get(page(checkpoint, "note")).status_code == 404


def test_note_is_for_auditors_and_leads(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    sealer.seal()
    address = page(AuditCheckpoint.objects.get(), "note")
    codes = {who: signed_in(getattr(company, who)).get(address).status_code
             for who in ("engineer", "roleadmin", "lead", "auditor")}  # fmt: skip
    assert codes == {"engineer": 403, "roleadmin": 403, "lead": 200, "auditor": 200}


def test_commands_of_the_page_verify_the_note_with_openssl_alone(
    change: EmergencyChange, auditor: Client, tmp_path: Path
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    html = markup(auditor.get(page(checkpoint)))
    commands = [
        unescape(text) for text in re.findall(r"<pre class=\"asis\">(.*?)</pre>", html, re.S)
    ]
    (openssl,) = [text for text in commands if "openssl" in text]
    note = tmp_path / f"checkpoint-{checkpoint.size}.txt"

    def verify() -> str:
        done = subprocess.run(["sh", "-c", openssl], cwd=tmp_path, capture_output=True, text=True)
        return done.stdout + done.stderr

    note.write_bytes(auditor.get(page(checkpoint, "note")).content)
    assert "Signature Verified Successfully" in verify()
    note.write_text(checkpoint.note.replace(f"\n{checkpoint.size}\n", "\n1\n"))
    assert "Signature Verification Failure" in verify()


def test_page_of_a_checkpoint_has_note_root_key_and_pack_command(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    html = unescape(markup(auditor.get(page(checkpoint))))
    assert checkpoint.note in html
    assert "Signed by a known key" in html
    vkey = re.search(r"<pre class=\"asis\">(portal\.example\.com\+[^<]+)</pre>", html)
    assert vkey is not None
    pack = f"verify_pack.py PACK.zip --vkey {vkey[1]} --checkpoint checkpoint-{checkpoint.size}.txt"
    assert pack in html.replace("'", "")


def test_note_that_no_known_key_signed_is_called_so(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    forged = checkpoint.note.replace(f"\n{checkpoint.size}\n", "\n1\n")
    odd = [forged, "", "x", "— \n", "a\nb\nc\n\n— a ?\n"]
    for note in odd:
        row = AuditCheckpoint.objects.create(size=1, note=note, created_at=checkpoint.created_at)
        assert "Not to be believed" in shown(auditor, page(row))
    assert auditor.get(CHECKPOINTS).status_code == 200
