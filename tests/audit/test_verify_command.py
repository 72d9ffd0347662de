"""`audit_verify` tells totals and findings, and what it lacks, in sentences and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from pytest_django import Settings

from changes.models import EmergencyChange
from ecportal.audit.models import AuditCheckpoint
from ecportal.audit.notes import Signer
from ecportal.audit.verification import CannotVerify, verify
from tests.audit.rows import sql
from tests.audit.verifying import run

pytestmark = pytest.mark.django_db


BASE = Path(django_settings.BASE_DIR)


@pytest.mark.parametrize(
    "record",
    ["EC-1999-0001", "changes.emergencychange:99", "changes.nothing:1", "x:y", "auth.group:1"],
)
def test_unknown_record_cannot_be_verified(closed: EmergencyChange, record: str) -> None:
    with pytest.raises(CannotVerify):
        verify(record=record)
    code, said = run("--record", record)
    assert code == 2
    assert said.startswith("Could not verify. ")


def test_command_tells_totals_and_findings_by_its_exit_code(
    closed: EmergencyChange, tmp_path: Path
) -> None:
    note = AuditCheckpoint.objects.get().note
    kept = tmp_path / "mail.txt"
    kept.write_text(f"Dear auditor,\r\n\r\n{note}\r\nYours\r\n".replace("\n", "\r\n"))
    code, said = run("--checkpoint", str(kept))
    assert code == 0, said
    assert "checkpoints 1 + 1 external" in said
    code, said = run("--json")
    assert (code, json.loads(said)["clean"]) == (0, True)
    sql("UPDATE changes_emergencychange SET title = 'x' WHERE id = %s", closed.pk)
    code, said = run()
    assert code == 1
    assert f"DRIFT: Emergency change {closed.number}, field Title, was changed" in said
    code, said = run("--json")
    (finding,) = json.loads(said)["findings"]
    assert (code, finding["code"], finding["field"]) == (1, "DRIFT", "Title")


def test_command_cannot_run_without_what_it_needs(
    closed: EmergencyChange, tmp_path: Path, settings: Settings
) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("Nothing here.")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for arguments in (
        ("--checkpoint", str(tmp_path / "missing")),
        ("--checkpoint", str(empty)),
        ("--checkpoint", str(binary)),
        ("--receipt", "12:34"),
    ):
        code, said = run(*arguments)
        assert code == 2, said
        assert said.startswith("Could not verify. ")
    settings.AUDIT_SIGNING_KEY = tmp_path / "nowhere" / "signing.key"
    code, said = run()
    assert code == 2
    assert "AUDIT_VKEYS" in said


def test_missing_table_is_said_in_a_sentence(closed: EmergencyChange) -> None:
    sql("DROP TABLE audit_auditcheckpoint")
    with pytest.raises(CannotVerify, match="no table audit_auditcheckpoint"):
        verify()


def test_database_that_is_away_is_said_in_a_sentence(log_key: Signer, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ECPORTAL_ENV": "test",
        "ECPORTAL_VAR": str(tmp_path),
        "DATABASE_URL": "postgres://portal@/%2Fnowhere/portal",
        "AUDIT_VKEYS": log_key.vkey,
    }
    for command, code in ((["audit_verify"], 2), (["audit_export", "--out", "x"], 1),
                          (["audit_grants"], 1)):  # fmt: skip
        done = subprocess.run(
            [sys.executable, BASE / "manage.py", *command],
            env=environment, capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == code, done
        assert "Traceback" not in done.stderr
        assert "CommandError: " in done.stderr
        assert not (tmp_path / "x").exists()
