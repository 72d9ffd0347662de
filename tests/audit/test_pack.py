"""What is in an evidence pack, and `audit_export`."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from changes.models import EmergencyChange
from ecportal.audit import attestation, notes, sealer, tree, verify_pack
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.notes import Signer
from ecportal.audit.pack import Manifest, NotExported, write_pack
from ecportal.audit.verification import CannotVerify, verify
from tests.audit.evidence import attach
from tests.scenario import Company, a_change, a_draft

pytestmark = [pytest.mark.once, pytest.mark.django_db]

LOG = b"2026-11-23 09:40 deployment 88213 finished\n" * 50_000
PROGRAM = Path(verify_pack.__file__)


@pytest.fixture
def sealed(company: Company, log_key: Signer) -> EmergencyChange:
    """A change with a stored file, and another change, sealed in two batches."""
    change = a_draft(company)
    attach(company, change, LOG)
    sealer.seal()
    a_change(company, "approved")
    sealer.seal()
    return change


def packed(record: str | None = None) -> tuple[bytes, Manifest]:
    out = BytesIO()
    manifest = write_pack(out, record=record)
    return out.getvalue(), manifest


def offline(pack: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as an auditor does, in a process that knows no Django."""
    command = [sys.executable, "-I", str(PROGRAM), str(pack), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_full_pack_holds_the_whole_log_and_verifies_without_the_portal(
    sealed: EmergencyChange, log_key: Signer, tmp_path: Path
) -> None:
    data, manifest = packed()
    path, note = tmp_path / "pack.zip", tmp_path / "mail.txt"
    path.write_bytes(data)
    note.write_text(AuditCheckpoint.objects.order_by("pk")[0].note)
    done = offline(path, "--vkey", log_key.vkey, "--checkpoint", str(note))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert done.stdout.startswith("VERIFIED. Full pack: all ")
    count = AuditLeaf.objects.count()
    assert f"all {count} events" in done.stdout
    assert (manifest.leaves, manifest.events, manifest.full) == (count, count, True)
    assert (manifest.attachments, manifest.missing, manifest.unsealed) == (1, (), 0)
    assert manifest.sha256 == hashlib.sha256(data).hexdigest()
    assert manifest.size == len(data)


def test_any_zip_program_opens_it(sealed: EmergencyChange) -> None:
    data, _manifest = packed()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        digest = hashlib.sha256(LOG).hexdigest()
        assert archive.namelist() == sorted([*verify_pack.NAMES, f"attachments/{digest}"])
        assert archive.read(f"attachments/{digest}") == LOG
        assert archive.read("verify_pack.py") == PROGRAM.read_bytes()
        assert b"Full pack" in archive.read("README.txt")
        leaves = [bytes.fromhex(line.decode()) for line in archive.read("leaves.txt").split()]
        events = [json.loads(line) for line in archive.read("events.jsonl").splitlines()]
        said = archive.read("checkpoints.txt").decode()
    assert [event["idx"] for event in events] == list(range(len(leaves)))
    hashed = [attestation.leaf_hash(event["body"]) for event in events]
    assert [leaf.hex() for leaf in leaves] == hashed
    (*_before, newest) = notes.split_notes(said)
    assert newest == AuditCheckpoint.objects.get(size=len(leaves)).note
    assert tree.root_of(leaves) == verify_pack.read_checkpoint(newest).root


def test_same_database_gives_the_same_bytes(sealed: EmergencyChange) -> None:
    assert packed() == packed()
    assert packed(sealed.number) == packed(sealed.number)


def test_pack_of_one_record_says_that_it_is_partial(
    sealed: EmergencyChange, log_key: Signer, tmp_path: Path
) -> None:
    data, manifest = packed(sealed.number)
    path = tmp_path / "pack.zip"
    path.write_bytes(data)
    done = offline(path, "--vkey", log_key.vkey)
    assert done.returncode == 0, done.stdout
    assert "Partial pack: " in done.stdout
    assert not manifest.full
    assert manifest.attachments == 1
    with zipfile.ZipFile(path) as archive:
        bodies = [
            json.loads(json.loads(line)["body"])
            for line in archive.read("events.jsonl").splitlines()
        ]
        assert len(archive.read("leaves.txt").split()) == manifest.leaves
        assert b"Partial pack" in archive.read("README.txt")
    for body in bodies:
        fields = body["fields"]
        own = body["source"] == "changes.historicalemergencychange" and fields["id"] == sealed.pk
        assert own or fields["change_id"] == sealed.pk
    sources = {body["source"] for body in bodies}
    assert {"changes.historicalevidence", "changes.historicalchangesystem"} < sources


def test_record_that_is_unknown_gives_no_pack(sealed: EmergencyChange) -> None:
    with pytest.raises(CannotVerify):
        packed("EC-1999-0001")


def test_unsealed_events_are_not_in_it_and_are_counted(sealed: EmergencyChange) -> None:
    before, _manifest = packed()
    with transaction.atomic():
        attestation.record("export", record="", leaves=0, events=0, sha256="")
    after, manifest = packed()
    assert after == before
    assert manifest.unsealed == 1


def test_stored_file_that_is_gone_or_altered_is_missing_from_it(
    sealed: EmergencyChange, log_key: Signer, tmp_path: Path
) -> None:
    stored = Path(sealed.evidence.get().file.path)
    stored.chmod(0o600)
    stored.write_bytes(LOG + b"!")
    data, manifest = packed()
    assert manifest.missing == (hashlib.sha256(LOG).hexdigest(),)
    path = tmp_path / "pack.zip"
    path.write_bytes(data)
    done = offline(path, "--vkey", log_key.vkey)
    assert done.returncode == 1
    assert "FILE: The attachment with the SHA-256" in done.stdout
    stored.unlink()
    assert packed()[1].missing == manifest.missing


def test_large_members_use_the_wide_form_that_other_programs_read(
    sealed: EmergencyChange, log_key: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four gigabytes are not written here: the limit is brought down instead."""
    usual, _manifest = packed()
    for threshold, many in ((50_000, 0xFFFF), (0xFFFFFFFF, 3)):
        monkeypatch.setattr(verify_pack, "LARGE", threshold)
        monkeypatch.setattr(verify_pack, "MANY", many)
        data, _manifest = packed()
        assert data != usual
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
        key = verify_pack.parse_vkey(log_key.vkey)
        reading = verify_pack.verify(io.BytesIO(data), [key])
        assert isinstance(reading, verify_pack.Verification)
        assert reading.findings == []


def export(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_export", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_export_writes_a_pack_and_an_event_of_it(
    sealed: EmergencyChange, log_key: Signer, tmp_path: Path
) -> None:
    out = tmp_path / "pack.zip"
    said = export("--out", str(out), "--record", sealed.number)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    assert digest in said
    event = AuditEvent.objects.get(kind="export")
    fields = json.loads(str(event.body))["fields"]
    assert (fields["record"], fields["sha256"]) == (sealed.number, digest)
    assert offline(out, "--vkey", log_key.vkey).returncode == 0
    sealer.seal()
    assert verify().is_clean


def test_export_replaces_nothing_unasked(sealed: EmergencyChange, tmp_path: Path) -> None:
    out = tmp_path / "pack.zip"
    out.write_bytes(b"precious")
    with pytest.raises(CommandError, match="there already"):
        export("--out", str(out))
    assert out.read_bytes() == b"precious"
    assert "SHA-256" in export("--out", str(out), "--force")
    assert zipfile.is_zipfile(out)


def test_failed_export_leaves_nothing_behind(sealed: EmergencyChange, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"Nothing was exported\. There is no record"):
        export("--out", str(tmp_path / "pack.zip"), "--record", "EC-1999-0001")
    with pytest.raises(CommandError, match="cannot be written"):
        export("--out", str(tmp_path / "nowhere" / "pack.zip"))
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(CommandError, match="cannot be written"):
        export("--out", str(folder), "--force")
    assert not [
        path.name for path in tmp_path.iterdir() if "pack" in path.name or ".folder" in path.name
    ]
    assert not AuditEvent.objects.filter(kind="export").exists()


def test_file_that_changes_meanwhile_stops_the_export(
    sealed: EmergencyChange, tmp_path: Path
) -> None:
    stored = Path(sealed.evidence.get().file.path)

    class Slow(BytesIO):
        def write(self, data: object) -> int:
            stored.chmod(0o600)
            stored.write_bytes(b"x" * len(LOG))
            return 1

    with pytest.raises(NotExported, match="changed while"):
        write_pack(Slow())
