"""The stand-alone verifier: a pack that was touched anywhere does not verify."""

import ast
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecportal.audit import verify_pack
from ecportal.audit.notes import sign_text
from ecportal.audit.verify_pack import Key, Refused, Verification
from tests.audit.packs import (
    DIGEST,
    FILE,
    Evidence,
    body,
    evidence,
    leaf,
    log,
    put_together,
    signer,
    spare_bits,
)

pytestmark = pytest.mark.once

KEY = verify_pack.parse_vkey(signer().vkey)
SOUND = evidence()
DATA = SOUND.data()
PROGRAM = Path(verify_pack.__file__)


def codes(data: bytes, *notes: str, keys: list[Key] | None = None) -> set[str]:
    """Return the codes of the findings; a pack that cannot be read has the one of PACK."""
    found = verify_pack.verify(io.BytesIO(data), [KEY] if keys is None else keys, notes)
    return {"PACK"} if isinstance(found, Refused) else {code for code, _said in found.findings}


def refusal(data: bytes) -> str:
    found = verify_pack.verify(io.BytesIO(data), [KEY])
    assert isinstance(found, Refused)
    return str(found)


def test_sound_pack_verifies() -> None:
    reading = verify_pack.verify(io.BytesIO(DATA), [KEY], [SOUND.note(2)])
    assert isinstance(reading, Verification)
    assert reading.findings == []
    assert reading.facts.full
    assert json.loads(reading.facts.manifest())["events by kind"] == {"history": 7}


# --- bytes -----------------------------------------------------------------------------------


def test_every_single_byte_counts() -> None:
    """Each byte, of the program's own copy each tenth, once with another value."""
    begin = DATA.index(PROGRAM.read_bytes())
    program = range(begin, begin + len(PROGRAM.read_bytes()))
    file = bytearray(DATA)
    for at in range(len(DATA)):
        if at in program and at % 10:
            continue
        file[at] ^= 1 << at % 8
        assert codes(bytes(file)), f"byte {at} was changed"
        file[at] ^= 1 << at % 8


PLACES = st.one_of(
    st.integers(0, len(DATA) - 1),
    st.sampled_from(
        [DATA.index(mark) for mark in (b"PK\1\2", b"PK\5\6", b'{"body"', b"\xe2\x80\x94")]
    ),
)


@given(at=PLACES, value=st.binary(min_size=1, max_size=40))
@settings(max_examples=400, deadline=None)
def test_overwritten_bytes_never_verify(at: int, value: bytes) -> None:
    mutated = DATA[:at] + value + DATA[at + len(value) :]
    if mutated != DATA:
        assert codes(mutated)


@given(at=PLACES, value=st.binary(min_size=1, max_size=40))
@settings(max_examples=400, deadline=None)
def test_inserted_bytes_never_verify(at: int, value: bytes) -> None:
    assert codes(DATA[:at] + value + DATA[at:])


@given(at=PLACES, length=st.integers(1, 2000))
@settings(max_examples=400, deadline=None)
def test_deleted_bytes_never_verify(at: int, length: int) -> None:
    assert codes(DATA[:at] + DATA[at + length :])


@given(first=PLACES, second=PLACES, length=st.integers(1, 500))
@settings(max_examples=200, deadline=None)
def test_bytes_from_elsewhere_in_the_pack_never_verify(
    first: int, second: int, length: int
) -> None:
    mutated = DATA[:first] + DATA[second : second + length] + DATA[first + length :]
    if mutated != DATA:
        assert codes(mutated)


@given(st.binary(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    assert refusal(noise)
    assert codes(noise + DATA[-22:])


@given(
    name=st.sampled_from(sorted(SOUND.parts())),
    change=st.binary(min_size=1, max_size=30),
    at=st.integers(0, 30_000),
)
@settings(max_examples=300, deadline=None)
def test_altered_members_with_a_zip_made_anew_never_verify(
    name: str, change: bytes, at: int
) -> None:
    """Checksums and directory are right here: only the content is not."""
    part = SOUND.parts()[name]
    at %= len(part)
    altered = part[:at] + change + part[at + len(change) :]
    if altered != part:
        assert codes(SOUND.but(members={name: altered}).data())


# --- members ---------------------------------------------------------------------------------


def with_body(index: int, text: str | None) -> Evidence:
    bodies = list(SOUND.bodies)
    bodies[index] = text
    return SOUND.but(bodies=bodies)


def test_edited_event_is_found() -> None:
    assert codes(with_body(3, body(3, id=4)).data()) >= {"LEAF"}


def test_edited_leaf_is_found() -> None:
    altered = [*SOUND.leaves]
    altered[2] = leaf("forged")
    assert "ROOT" in codes(SOUND.but(leaves=altered, notes=SOUND.all_notes()).data())


def test_edited_event_with_its_leaf_is_found() -> None:
    pack = with_body(2, body(2, id=9))
    leaves = [leaf(str(text)) for text in pack.bodies]
    assert codes(pack.but(leaves=leaves, notes=SOUND.all_notes()).data()) == {"ROOT"}


def test_dropped_last_leaf_is_found() -> None:
    short = SOUND.but(leaves=SOUND.leaves[:-1], events=SOUND.events[:-1])
    assert codes(short.but(notes=SOUND.all_notes()).data()) == {"TRUNCATED"}
    # Without the newest checkpoint the rest is not signed …
    assert codes(short.but(notes=SOUND.all_notes()[:-1]).data()) == {"UNSIGNED"}
    # … and cut back to an older one, only a note from elsewhere tells.
    old = SOUND.but(leaves=SOUND.leaves[:4], events=SOUND.events[:4], signed=[1, 4], files={})
    assert codes(old.data()) == set()
    assert codes(old.data(), SOUND.note(7)) == {"TRUNCATED"}


def test_log_signed_by_another_key_is_found() -> None:
    for other in (signer(2), signer(2, "portal.example.org")):
        found = codes(evidence(other).data())
        assert found == {"CHECKPOINT_SIG", "UNSIGNED", "PACK"}


def test_log_rebuilt_with_the_stolen_key_is_found_by_an_older_note() -> None:
    bodies = [*SOUND.bodies]
    bodies[1] = body(1, id=77)
    forged = SOUND.but(bodies=bodies, leaves=[leaf(str(text)) for text in bodies])
    assert codes(forged.data()) == set()
    assert codes(forged.data(), SOUND.note(4)) == {"ROOT"}
    assert codes(forged.data(), SOUND.note(1)) == set()


def test_note_of_a_stranger_given_by_the_reader_is_not_accepted() -> None:
    assert codes(DATA, evidence(signer(2)).note(4)) == {"CHECKPOINT_SIG"}
    other = signer(1, "other.example.com")
    keys = [KEY, verify_pack.parse_vkey(other.vkey)]
    assert codes(DATA, evidence(other).note(4), keys=keys) == {"CHECKPOINT_SIG"}


def test_log_that_is_signed_by_the_key_of_another_is_not_accepted() -> None:
    text = SOUND.note(7).partition("\n\n")[0].replace("example.com", "example.org")
    notes = [sign_text(f"{text}\n", signer())]
    found = codes(SOUND.but(notes=notes, signed=[7]).data())
    assert found == {"CHECKPOINT_SIG", "UNSIGNED", "PACK"}


def test_signature_written_in_an_unusual_way_is_found() -> None:
    note = SOUND.note(7)
    encoded = note.rsplit(" ", 1)[1].rstrip("\n")
    notes = [*SOUND.all_notes()[:-1], note.replace(encoded, spare_bits(encoded))]
    assert "CHECKPOINT_SIG" in codes(SOUND.but(notes=notes).data())


def test_signature_of_a_key_that_was_not_given_is_not_passed_over_in_a_pack() -> None:
    """Else bytes of it could be changed unseen. With both keys given, a rotation verifies."""
    both = evidence(signer(), signer(2))
    assert "CHECKPOINT_SIG" in codes(both.data())
    assert codes(both.data(), keys=[KEY, verify_pack.parse_vkey(signer(2).vkey)]) == set()
    # A note that the reader kept may have more signatures than the reader has keys.
    assert codes(DATA, both.note(4)) == set()


def test_event_that_stands_twice_is_found() -> None:
    bodies = [*log(), log()[2]]
    leaves = [leaf(str(text)) for text in bodies]
    twice = SOUND.but(bodies=bodies, leaves=leaves, signed=[8], events=list(range(8)))
    assert codes(twice.data()) == {"DUP"}


def test_erased_event_needs_an_order_in_the_pack() -> None:
    assert codes(with_body(3, None).data()) == {"REDACTED_WITHOUT_ORDER"}
    order = body(7, kind="redaction", leaves="3", events="4")
    bodies = [*log(), order]
    leaves = [leaf(str(text)) for text in bodies]
    bodies[3] = None
    ordered = SOUND.but(bodies=bodies, leaves=leaves, signed=[4, 8], events=list(range(8)))
    assert codes(ordered.data(), SOUND.note(4)) == set()
    reading = verify_pack.verify(io.BytesIO(ordered.data()), [KEY])
    assert isinstance(reading, Verification)
    assert reading.facts.redacted == 1


def test_partial_pack_says_so_and_nothing_can_pretend_otherwise() -> None:
    part = SOUND.but(events=[1, 5])
    assert codes(part.data()) == set()
    assert "Partial pack: 2 of the 7 events" in part.facts().extent()
    whole = {name: SOUND.parts()[name] for name in ("manifest.json", "README.txt")}
    assert codes(part.but(members=whole).data()) == {"PACK"}


def test_events_out_of_order_or_twice_are_refused() -> None:
    for events in ([1, 0], [1, 1], [-1]):
        pack = SOUND.but(events=events, files={})
        assert "events.jsonl" in refusal(pack.data())


def test_attachments_are_those_that_the_events_name() -> None:
    assert codes(SOUND.but(files={DIGEST: FILE + b"!"}).data()) == {"FILE"}
    assert codes(SOUND.but(files={}).data()) == {"FILE"}
    more = {DIGEST: FILE, hashlib.sha256(b"x").hexdigest(): b"x"}
    assert codes(SOUND.but(files=more).data()) == {"FILE"}


def test_another_program_in_the_pack_is_found() -> None:
    evil = {"verify_pack.py": PROGRAM.read_bytes() + b"print('VERIFIED')\n"}
    assert codes(SOUND.but(members=evil).data()) == {"PACK"}


# --- hostile zips ----------------------------------------------------------------------------


def rezipped(change: Callable[[zipfile.ZipFile], None], **options: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        for name, data in sorted(SOUND.parts().items()):
            archive.writestr(name, data)
        change(archive)
    return out.getvalue()


def test_compressed_bomb_is_refused_unread() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(SOUND.parts().items()):
            archive.writestr(name, b"0" * 200_000_000 if name == "leaves.txt" else data)
    assert "directory was altered" in refusal(out.getvalue())


def test_zips_of_other_programs_are_refused() -> None:
    assert "directory was altered" in refusal(rezipped(lambda archive: None))
    commented = rezipped(lambda archive: setattr(archive, "comment", b"Hello."))
    assert "does not end as one" in refusal(commented)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/passwd", "belongs to no pack"),
        ("/etc/passwd", "belongs to no pack"),
        ("attachments/../x", "belongs to no pack"),
        ("attachments/" + "A" * 64, "belongs to no pack"),
        ("extra.txt", "belongs to no pack"),
        ("", "belongs to no pack"),
    ],
)
def test_foreign_names_are_refused(name: str, why: str) -> None:
    parts = sorted([*SOUND.parts().items(), (name, b"x")])
    assert why in refusal(put_together(parts))


def test_members_twice_out_of_order_or_missing_are_refused() -> None:
    parts = sorted(SOUND.parts().items())
    assert "twice, or not in order" in refusal(put_together([*parts, parts[-1]]))
    assert "twice, or not in order" in refusal(put_together(parts[::-1]))
    for name in verify_pack.NAMES:
        rest = [part for part in parts if part[0] != name]
        assert refusal(put_together(rest)) == f"The pack lacks {name}."


def test_checksum_that_lies_in_both_places_is_refused() -> None:
    out, members = b"", []
    for name, data in sorted(SOUND.parts().items()):
        members.append(verify_pack.Member(name, len(data), 0))
        out += verify_pack.local_header(members[-1]) + data
    assert "its checksum is wrong" in refusal(out + verify_pack.central_directory(members))


def test_what_is_put_around_the_zip_is_refused() -> None:
    for data in (DATA + b"\0", b"\0" + DATA, b"#!/bin/sh\n" + DATA, DATA + DATA, DATA[:-1], b""):
        assert refusal(data)


def test_sizes_that_lie_are_refused() -> None:
    members = [verify_pack.Member(n, 1 << 60, 0) for n in sorted(verify_pack.NAMES)]
    assert refusal(verify_pack.central_directory(members))
    assert refusal(b"\0" * 500 + verify_pack.central_directory(members))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("events.jsonl", b"[" * 1_000_000 + b"\n", "is not as ecportal writes it"),
        ("events.jsonl", b'{"body":null,"idx":1e400}\n', "is not as ecportal writes it"),
        ("events.jsonl", b'{"body":null,"idx":true}\n', "is not as ecportal writes it"),
        ("events.jsonl", b'{"body":"\\ud800","idx":0}\n', "is not as ecportal writes it"),
        ("events.jsonl", b'{"body":null,"idx":' + b"9" * 6000 + b"}\n", "is not as"),
        ("events.jsonl", b"\xff\n", "is not as ecportal writes it"),
        ("events.jsonl", b"{}", "does not end with a whole line"),
        ("leaves.txt", b"x" * 64 + b"\n", "line 1 is no leaf hash"),
        ("leaves.txt", b"A" * 64 + b"\n", "line 1 is no leaf hash"),
        ("leaves.txt", b"0" * 40_000_000, "too long for this program"),
        ("checkpoints.txt", b"", "no list of signed notes"),
        ("checkpoints.txt", b"\xff\n", "is no text"),
        ("manifest.json", b"0" * 20_000_000, "too long"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_hostile_content_is_refused(name: str, content: bytes, why: str) -> None:
    assert why in refusal(SOUND.but(members={name: content}).data())


# --- the program -----------------------------------------------------------------------------


def run(*arguments: str, program: str | None = None) -> subprocess.CompletedProcess[str]:
    first = ["-c", program] if program else [str(PROGRAM)]
    command = [sys.executable, "-I", *first, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def test_exit_codes(tmp_path: Path) -> None:
    pack, note, bad = tmp_path / "pack.zip", tmp_path / "note", tmp_path / "bad.zip"
    pack.write_bytes(DATA)
    bad.write_bytes(DATA[:-5])
    note.write_text(f"Keep this:\r\n\r\n{SOUND.note(4)}\r\n".replace("\n", "\r\n"))
    vkey = signer().vkey
    good = run(str(pack), "--vkey", vkey, "--checkpoint", str(note), "--json")
    assert (good.returncode, json.loads(good.stdout)["verified"]) == (0, True)
    failed = run(str(bad), "--vkey", vkey)
    assert (failed.returncode, failed.stdout[:12]) == (1, "NOT VERIFIED")
    told = json.loads(run(str(bad), "--vkey", vkey, "--json").stdout)
    assert (told["verified"], told["findings"][0][0]) == (False, "PACK")
    for arguments in (
        (str(tmp_path / "missing.zip"), "--vkey", vkey),
        (str(tmp_path), "--vkey", vkey),
        (str(pack),),
        (str(pack), "--vkey", "nonsense"),
        (str(pack), "--vkey", vkey[:-4] + "AAAA"),
        (str(pack), "--vkey", vkey, "--checkpoint", str(tmp_path / "none")),
        (str(pack), "--vkey", vkey, "--checkpoint", str(pack)),
    ):
        done = run(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr


def test_missing_library_is_said_in_a_sentence(tmp_path: Path) -> None:
    pack = tmp_path / "pack.zip"
    pack.write_bytes(DATA)
    without = (
        "import runpy, sys; sys.modules['cryptography'] = None;"
        f"sys.argv[0] = 'verify_pack.py'; runpy.run_path({str(PROGRAM)!r}, run_name='__main__')"
    )
    done = run(str(pack), "--vkey", signer().vkey, program=without)
    assert done.returncode == 2
    assert done.stderr == "The package 'cryptography' is missing: pip install cryptography.\n"


def test_program_is_one_file_for_python_3_9() -> None:
    source = ast.parse(PROGRAM.read_text(), feature_version=(3, 9))
    named = {
        str(node.module if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(source)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert named - set(sys.stdlib_module_names) == {"cryptography"}
