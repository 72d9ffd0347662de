"""A zip that was made to deceive or to choke the verifier is refused."""

import io
import zipfile
from collections.abc import Callable

import pytest

from ecportal.audit import verify_pack
from tests.audit.packs import (
    put_together,
)
from tests.audit.verdicts import DATA, SOUND, refusal

pytestmark = pytest.mark.once


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
