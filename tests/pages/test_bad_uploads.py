"""Uploads that nobody means well with: refused with a sentence, or stored where they do no harm."""

import gc
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from changes.models import EmergencyChange
from tests.pages.walk import Person, sentences
from tests.pages.world import act, counts, page
from tests.scenario import Company, a_change

pytestmark = pytest.mark.once

TYPED = {"kind": "execution", "description": "What I typed at three", "reason": "Seen."}
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
BOUNDARY = "a-line-between-parts"


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../zeros", b"\0" * 20_000_000)
    return packed.getvalue()


def body(name: str, content: bytes) -> bytes:
    """Return a form with a file as it goes over the wire, with this very name in its header."""
    lines = []
    for field, value in TYPED.items():
        lines.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}'
        )
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"'
    head += "\r\nContent-Type: image/png\r\n\r\n"
    parts = "\r\n".join(lines).encode() + b"\r\n" + head.encode() + content
    return parts + f"\r\n--{BOUNDARY}--\r\n".encode()


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "implementing")


def post(engineer: Person, change: EmergencyChange, sent: bytes, **headers: Any) -> Any:
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    address = act(change, "attach_evidence")
    return engineer.client.post(address, sent, content_type=kind, **headers)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("screen.png", b"not a picture \xff"),
        ("bomb.zip", bomb()),
        ("both.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("both.png", b"\x89PNG\r\n\x1a\n<html><script>alert(1)</script>"),
        ("both.gif", b"GIF89a/*<svg onload=alert(1)>*/=1;alert(1)"),
        ("both.pdf", b"%PDF-1.4\n<html><script>alert(1)</script>/JS (app.alert(1))"),
        ("late.pdf", b"<html><!--\n%PDF-1.4\n/OpenAction /JavaScript"),
        ("eicar.com", EICAR),
        ("x.html", b"+ADw-script+AD4-alert(1)"),
    ],
)
def test_bad_content_is_kept_as_it_came_and_comes_back_as_a_download(
    engineer: Person, change: EmergencyChange, name: str, content: bytes, tmp_path: Path
) -> None:
    assert post(engineer, change, body(name, content)).status_code == 302
    evidence = change.evidence.get()
    assert [path.read_bytes() for path in files(tmp_path)] == [content]
    answer: Any = engineer.open(page(change, "evidence", evidence.pk))
    assert b"".join(answer.streaming_content) == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer["Content-Security-Policy"].endswith("; sandbox")
    assert answer["X-Content-Type-Options"] == "nosniff"
    html = engineer.open(page(change, "evidence_page", evidence.pk)).content.decode()
    assert "alert(1)</script>" not in html
    shown = engineer.client.get(page(change, "evidence_shown", evidence.pk))
    if shown.status_code == 200:
        assert shown["Content-Type"] in ("image/png", "image/gif", "application/pdf")
        assert shown["Content-Security-Policy"].endswith("; sandbox")
        assert shown["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "..\\\\..\\\\boot.ini", "/etc/passwd", "a\0b.txt", "\u202egnp.exe",
        "🔥.log", "n" * 400 + ".txt", "🔥" * 150, "ملف.txt",
        ".htaccess", "con", "%2e%2e%2fx", "a;b=c.txt", "x\u2028y",
    ],
)  # fmt: skip
def test_bad_name_does_no_harm(
    engineer: Person, change: EmergencyChange, name: str, tmp_path: Path
) -> None:
    answer = post(engineer, change, body(name, b"ok"))
    assert answer.status_code in (302, 422)
    if answer.status_code == 422:
        assert TYPED["description"] in answer.content.decode()
        assert files(tmp_path) == []
        return
    evidence = change.evidence.get()
    assert evidence.file_name
    assert len(evidence.file_name) <= 255
    assert evidence.file_name.isprintable()
    assert not set(evidence.file_name) & set("/\\")
    assert [path.parent for path in files(tmp_path)] == [tmp_path / "evidence"]
    download = engineer.open(page(change, "evidence", evidence.pk))
    assert download["Content-Disposition"].startswith("attachment; filename")
    engineer.open(page(change, "evidence_page", evidence.pk))


def test_name_of_ten_thousand_characters_is_refused_with_the_way_on(
    engineer: Person, change: EmergencyChange, tmp_path: Path
) -> None:
    answer = post(engineer, change, body("n" * 10_000 + ".txt", b"ok"))
    assert answer.status_code == 400
    assert "Give the file a shorter name" in sentences(answer)
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["", ".", "..", "/"])
def test_file_without_a_name_is_no_file(
    engineer: Person, change: EmergencyChange, name: str, tmp_path: Path
) -> None:
    answer = post(engineer, change, body(name, b"ok"))
    assert answer.status_code == 422
    assert "Attach exactly one thing at a time" in sentences(answer)
    assert TYPED["description"] in answer.content.decode()


def test_empty_file_is_refused_and_what_was_typed_is_kept(
    engineer: Person, change: EmergencyChange
) -> None:
    answer = post(engineer, change, body("empty.log", b""))
    assert answer.status_code == 422
    assert "The submitted file is empty." in sentences(answer)
    assert TYPED["description"] in answer.content.decode()


def test_file_far_beyond_the_limit_is_never_stored_and_what_was_typed_is_kept(
    engineer: Person, change: EmergencyChange, settings: Any, tmp_path: Path
) -> None:
    settings.EVIDENCE_MAX_BYTES = 1_000_000
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "on-its-way"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    before = counts()
    answer = post(engineer, change, body("huge.log", b"x" * 9_000_000))
    assert answer.status_code == 422
    assert "This file is too large. Attach at most 976.6" in sentences(answer)
    assert TYPED["description"] in answer.content.decode()
    assert all(path.stat().st_size <= 1_000_000 for path in files(tmp_path))
    del answer
    gc.collect()
    assert files(tmp_path) == []
    assert counts() == before


def test_two_gigabytes_declared_are_refused_without_being_read(
    engineer: Person, change: EmergencyChange
) -> None:
    before = counts()
    answer = post(engineer, change, body("x.log", b"ok"), CONTENT_LENGTH=str(2 * 1024**3))
    assert answer.status_code == 413
    assert "Nothing was saved." in sentences(answer)
    assert "attach a smaller file" in sentences(answer)
    assert counts() == before


def test_text_too_long_to_paste_is_refused_with_the_way_on(
    engineer: Person, change: EmergencyChange
) -> None:
    answer = engineer.send(act(change, "attach_evidence"), text="t" * 3_000_000, **TYPED)
    assert answer.status_code == 413
    assert "what is too long to paste, attach as a file" in sentences(answer)


@pytest.mark.parametrize("cut", [20, 200, 380, 420])
def test_upload_that_breaks_off_is_no_mistake_of_the_portal(
    engineer: Person, change: EmergencyChange, cut: int, tmp_path: Path
) -> None:
    answer = post(engineer, change, body("x.log", b"ok" * 50)[:cut])
    assert answer.status_code in (302, 400, 422)
    assert len(files(tmp_path)) == change.evidence.count()
