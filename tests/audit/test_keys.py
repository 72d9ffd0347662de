"""The signing key: made once, kept to its owner, followed by another with both signatures."""

import json
import os
import runpy
import stat
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from ecportal.audit import heartbeat, keys, notes, sealer, succession
from ecportal.audit.counts import unsealed_count
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.audit.tree import Frontier

pytestmark = pytest.mark.once

VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


@pytest.fixture
def place(tmp_path: Path, settings: Any) -> Path:
    settings.AUDIT_SIGNING_KEY = tmp_path / "new" / "signing.key"
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.txt"
    settings.AUDIT_VKEYS = ()
    return tmp_path / "new"


def keygen(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_keygen", *arguments, stdout=out)
    return out.getvalue()


def test_key_is_raw_kept_to_its_owner_and_its_public_half_is_printed(
    place: Path, settings: Any
) -> None:
    settings.PORTAL_URL = "https://portal.example.com:8443"
    vkey = keygen().splitlines()[0]
    key = place / "signing.key"
    assert len(key.read_bytes()) == 32
    assert stat.S_IMODE(key.stat().st_mode) == 0o400
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert vkey.startswith("portal.example.com+")
    assert keys.signer().vkey == vkey
    assert [verifier.vkey for verifier in keys.verifiers()] == [vkey]


def test_key_is_never_overwritten(place: Path) -> None:
    keygen("--name", "portal.example.com/trail")
    before = (place / "signing.key").read_bytes()
    with pytest.raises(CommandError, match=r"never overwritten.*--rotate"):
        keygen()
    assert keygen("--once") == ""
    assert (place / "signing.key").read_bytes() == before
    assert keys.signer().name == "portal.example.com/trail"


@pytest.mark.parametrize("name", ["a b", "a+b"])
def test_unfit_name_makes_no_key(place: Path, name: str) -> None:
    with pytest.raises(CommandError, match="cannot name a log"):
        keygen("--name", name)
    assert not place.exists()


def test_folder_in_which_nothing_can_be_written_is_told(place: Path) -> None:
    place.write_text("a file in its way")
    with pytest.raises(CommandError, match="The key cannot be written"):
        keygen()


def test_missing_key_is_told_with_what_makes_one(place: Path) -> None:
    with pytest.raises(keys.KeyMissing, match=r"no signing key at .*`manage\.py audit_keygen`"):
        keys.signer()
    with pytest.raises(keys.KeyMissing, match="Set AUDIT_VKEYS"):
        keys.verifiers()
    with pytest.raises(keys.KeyMissing, match="no signing key"), keys.held():
        pass


def test_key_that_others_may_read_is_not_used(log_key: notes.Signer) -> None:
    keys.beside("").chmod(0o440)
    with pytest.raises(keys.KeyMissing, match="chmod 0400"):
        keys.signer()


def test_file_that_is_no_key_is_not_used(log_key: notes.Signer) -> None:
    keys.beside("").unlink()
    keys.beside("").touch(mode=0o400)
    with pytest.raises(keys.KeyMissing, match="0 bytes instead of 32"):
        keys.signer()


def test_public_key_of_another_is_not_used_to_sign(log_key: notes.Signer) -> None:
    keys.beside("").unlink()
    keys.beside(".vkey").rename(keys.beside(".other"))
    keys.generate("portal.example.com")
    keys.beside(".other").replace(keys.beside(".vkey"))
    with pytest.raises(keys.KeyMissing, match="does not name the public half"):
        keys.signer()


def test_keys_that_are_set_are_the_only_ones_that_count(
    log_key: notes.Signer, settings: Any
) -> None:
    settings.AUDIT_VKEYS = (VKEY,)
    assert [verifier.vkey for verifier in keys.verifiers()] == [VKEY]


@pytest.mark.parametrize(
    "text",
    [
        "portal.example.com",
        VKEY.replace("530d903a", "530d903b"),
        VKEY.replace("foo", "bar"),
        VKEY[:-1],
        VKEY.replace("+Aeky", "+é"),
        f"{VKEY} {VKEY}",
        VKEY.split("+", 1)[1],
    ],
)
def test_malformed_key_in_the_environment_stops_the_start_by_name(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^AUDIT_VKEYS is malformed: .*audit_keygen"):
        _installation(tmp_path, AUDIT_VKEYS=text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("AUDIT_CHECKPOINT_RECIPIENTS", "auditor@example.com, nobody"),
        ("AUDIT_TSA_URL", "tsa.example.com"),
        ("AUDIT_TSA_URL", "ftp://tsa.example.com"),
    ],
)
def test_malformed_destination_stops_the_start_by_name(
    tmp_path: Path, name: str, text: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{name} is malformed: "):
        _installation(tmp_path, **{name: text})


def test_environment_names_keys_destinations_and_authority(tmp_path: Path) -> None:
    loaded = _installation(
        tmp_path,
        AUDIT_VKEYS=f" {VKEY},{VKEY} ",
        AUDIT_CHECKPOINT_RECIPIENTS="auditor@example.com, security@example.com",
        AUDIT_TSA_URL="https://tsa.example.com/tsr",
    )
    assert loaded["AUDIT_VKEYS"] == (VKEY, VKEY)
    assert loaded["AUDIT_CHECKPOINT_RECIPIENTS"] == ("auditor@example.com", "security@example.com")
    assert loaded["AUDIT_TSA_URL"] == "https://tsa.example.com/tsr"
    plain = _installation(tmp_path)
    assert (plain["AUDIT_VKEYS"], plain["AUDIT_CHECKPOINT_RECIPIENTS"]) == ((), ())
    assert plain["AUDIT_TSA_URL"] == ""
    assert plain["AUDIT_SIGNING_KEY"] == tmp_path / "audit" / "signing.key"
    assert plain["AUDIT_CHECKPOINT_FILE"] == tmp_path / "audit" / "checkpoints.txt"


def _installation(home: Path, **values: str) -> dict[str, Any]:
    """Return the settings of a demo whose environment has these variables."""
    environment = {"ECPORTAL_ENV": "demo", "ECPORTAL_VAR": str(home), **values}
    with patch.dict(os.environ, environment, clear=True):
        return runpy.run_path(str(settings.BASE_DIR / "ecportal" / "settings.py"))


def test_production_takes_no_public_key_from_beside_the_private_one(
    log_key: notes.Signer, settings: Any
) -> None:
    settings.IN_PRODUCTION = True
    with pytest.raises(keys.KeyMissing, match="Set AUDIT_VKEYS"):
        keys.verifiers()


def test_state_comes_back_as_it_was_written(log_key: notes.Signer) -> None:
    assert keys.read_state() is None
    frontier = Frontier()
    for number in range(11):
        frontier.push(bytes([number] * 32))
        keys.write_state(keys.State("portal.example.com", frontier))
    state = keys.read_state()
    assert state is not None
    assert (state.origin, state.frontier.size) == ("portal.example.com", 11)
    assert state.frontier.root() == frontier.root()
    assert stat.S_IMODE(keys.beside(".state").stat().st_mode) == 0o600


@pytest.mark.parametrize("damage", ["", "{}", "[]", '{"origin": "a", "size": 3, "hashes": ["00"]}'])
def test_damaged_state_is_told_and_not_taken_for_a_missing_one(
    log_key: notes.Signer, damage: str
) -> None:
    keys.beside(".state").write_text(damage)
    with pytest.raises(keys.KeyMissing, match=r"is damaged.*--recover"):
        keys.read_state()


@pytest.mark.django_db
def test_rotation_is_named_in_the_log_and_signed_by_both_keys(log_key: notes.Signer) -> None:
    sealer.seal()
    new_vkey, old_vkey = keygen("--rotate").splitlines()[:2]
    new = keys.signer()
    assert (new.vkey, log_key.vkey) == (new_vkey, old_vkey)
    event = AuditEvent.objects.get(kind="key")
    fields = json.loads(str(event.body))["fields"]
    assert fields == {"vkey": new_vkey, "previous": old_vkey}
    last_of_the_old = AuditCheckpoint.objects.latest("pk")
    for known in ([log_key], [new], keys.verifiers()):
        assert notes.open_checkpoint(last_of_the_old.note, known).size == last_of_the_old.size
    assert unsealed_count() == 0
    assert keys.beside(f".{log_key.key_id.hex()}").stat().st_mode & 0o777 == 0o400


@pytest.mark.django_db
def test_after_a_rotation_only_the_new_key_signs_and_old_notes_stay_good(
    log_key: notes.Signer,
) -> None:
    before = sealer.seal().note
    succession.rotate()
    heartbeat.heartbeat()
    after = sealer.seal().note
    assert before is not None
    assert after is not None
    with pytest.raises(notes.NoteRejected, match="No key that is known"):
        notes.open_checkpoint(after, [log_key])
    sizes = [notes.open_checkpoint(note, keys.verifiers()).size for note in (before, after)]
    assert sizes[0] + 2 == sizes[1]  # the key and the heartbeat


@pytest.mark.django_db
def test_rotation_that_broke_off_goes_on_with_the_same_key(
    log_key: notes.Signer,
) -> None:
    left = keys.successor(log_key)
    new, old = succession.rotate()
    assert (new.vkey, old.vkey) == (left.vkey, log_key.vkey)
    assert not keys.beside(".next").exists()


@pytest.mark.django_db
def test_rotation_without_a_log_or_with_another_name_is_refused(place: Path) -> None:
    with pytest.raises(CommandError, match="no signing key"):
        keygen("--rotate")
    keygen("--name", "portal.example.com")
    with pytest.raises(CommandError, match="keeps its name"):
        keygen("--rotate", "--name", "other.example.com")
