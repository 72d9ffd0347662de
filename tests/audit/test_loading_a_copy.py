"""A copy of the data keeps every event byte for byte, and is never loaded over another."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError

from ecportal.audit import heartbeat, keys, protection, sealer
from ecportal.audit.models import AuditEvent
from ecportal.audit.verification import verify
from tests.audit.folders import files_in
from tests.audit.rows import look
from tests.scenario import a_change, found_company


@pytest.fixture
def sealed(transactional_db: None, tmp_path: Path) -> Iterator[Path]:
    """A database with some work in it, sealed."""
    with files_in(tmp_path):
        keys.generate("portal.example.test")
        with files_in(tmp_path):
            a_change(found_company(), "closed")
            heartbeat.heartbeat()
            sealer.seal()
            yield tmp_path


def everything() -> list[object]:
    events = look("SELECT id, kind, source, source_pk, body, mac FROM audit_auditevent ORDER BY id")
    return [*events, *look("SELECT * FROM audit_auditleaf ORDER BY idx")]


@pytest.mark.parametrize(
    ("form", "lost"),
    [
        ("json", "ROW"),  # Django cuts times off after the milliseconds
        ("xml", "CHECKPOINT_SIG"),  # Django strips each text, and so the last newline of a note
    ],
)
def test_a_copy_keeps_every_event_and_what_its_format_lost_is_found(
    sealed: Path, form: str, lost: str
) -> None:
    """`dumpdata` is no backup: only the database's own tools copy every value as it stands."""
    assert verify().findings == []
    before = everything()
    copy = sealed / f"copy.{form}"
    call_command("dumpdata", format=form, output=str(copy), verbosity=0)
    call_command("flush", interactive=False, inhibit_post_migrate=True, verbosity=0)
    assert AuditEvent.objects.count() == 0
    call_command("loaddata", str(copy), verbosity=0)
    assert everything() == before
    assert protection.findings() == []
    assert {finding.code for finding in verify().findings} == {lost}


def test_a_copy_is_not_loaded_over_what_is_there(sealed: Path) -> None:
    copy = sealed / "copy.json"
    call_command("dumpdata", output=str(copy), verbosity=0)
    with pytest.raises(IntegrityError, match="append-only"):
        call_command("loaddata", str(copy), verbosity=0)
    assert verify().findings == []
