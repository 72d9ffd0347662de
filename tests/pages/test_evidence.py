"""What may be attached, how it is kept under its digest, and how it comes back as a download."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from changes.models import EmergencyChange
from tests.pages.walk import Person, sentences
from tests.pages.world import act, counts, page
from tests.scenario import Company, a_change

pytestmark = pytest.mark.once

KIND = {"kind": "execution", "description": "The deployment log"}


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "implementing")


def upload(content: bytes = b"\x89PNG 1", name: str = "screen.png", kind: str = "image/png") -> Any:
    return SimpleUploadedFile(name, content, kind)


def download(person: Person, change: EmergencyChange, status: int = 200) -> Any:
    evidence = change.evidence.latest("pk")
    return person.open(page(change, "evidence", evidence.pk), status)


@pytest.mark.parametrize(
    ("name", "content"),
    [("page.html", b"<script>alert(1)</script>"), ("a.svg", b"<svg onload='x'/>"), ("b", b"\0")],
)
def test_file_is_kept_under_its_digest_and_comes_back_as_a_download(
    engineer: Person, change: EmergencyChange, name: str, content: bytes, tmp_path: Path
) -> None:
    engineer.do(change, "attach_evidence", file=upload(content, name, "text/html"), **KIND)
    evidence = change.evidence.get()
    digest = hashlib.sha256(content).hexdigest()
    assert (evidence.sha256, evidence.size) == (digest, len(content))
    assert evidence.file_name == name
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in stored] == [content]
    assert stored[0].name.startswith(digest)
    response = download(engineer, change)
    assert b"".join(response.streaming_content) == content
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert f"{digest[:6]}…{digest[-2:]}" in sentences(engineer.open(page(change)))


def test_pasted_log_is_digested_and_comes_back_as_text(
    engineer: Person, change: EmergencyChange
) -> None:
    log = "10:31 <b>done</b> ✓"
    engineer.do(change, "attach_evidence", text=log, **KIND)
    evidence = change.evidence.get()
    assert evidence.sha256 == hashlib.sha256(log.encode()).hexdigest()
    response = download(engineer, change)
    assert response.content.decode() == log
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment; filename=")
    assert response["X-Content-Type-Options"] == "nosniff"


def test_lines_of_a_pasted_log_keep_their_digest_however_the_browser_ends_them(
    engineer: Person, change: EmergencyChange
) -> None:
    engineer.do(change, "attach_evidence", text="one\r\ntwo\r\n", **KIND)
    content = download(engineer, change).content
    assert hashlib.sha256(content).hexdigest() == change.evidence.get().sha256


def test_link_is_shown_and_is_no_download(engineer: Person, change: EmergencyChange) -> None:
    address = "https://ci.example.test/run/1?a=1&b=2"
    engineer.do(change, "attach_evidence", link=address, **KIND)
    assert address.replace("&", "&amp;") in engineer.open(page(change)).content.decode()
    download(engineer, change, 404)


@pytest.mark.parametrize("address", ["javascript:alert(1)", "file:///etc/passwd", "data:x", "//"])
def test_link_must_lead_to_the_web(engineer: Person, change: EmergencyChange, address: str) -> None:
    engineer.refused(change, "attach_evidence", "Enter a valid URL", link=address, **KIND)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Attach exactly one thing at a time"),
        ({"text": "a", "link": "https://a.example.test"}, "Attach exactly one thing at a time"),
        ({"file": upload(), "text": "a"}, "Attach exactly one thing at a time"),
        ({"file": upload(b"")}, "The submitted file is empty."),
        ({"file": upload(), "description": "d" * 10_000}, "at most 300 characters"),
        ({"file": upload(), "description": " "}, "Fill this in."),
        ({"text": "t" * 1_000_001}, "at most 1000000 characters"),
        ({"text": "a", "kind": "invented"}, "Select a valid choice"),
        ({"link": "https://a.example.test/" + "a" * 2000}, "at most 2000 characters"),
        ({"text": "a", "happened_at": "2099-01-01T10:00"}, "This time is in the future."),
    ],
)
def test_wrong_evidence_is_refused_with_a_sentence(
    engineer: Person, change: EmergencyChange, given: dict[str, Any], said: str
) -> None:
    if "file" in given:
        given["file"].seek(0)
    before = counts()
    engineer.refused(change, "attach_evidence", said, **{**KIND, **given})
    assert counts() == before


def test_file_beyond_the_limit_is_refused(
    engineer: Person, change: EmergencyChange, settings: Any, tmp_path: Path
) -> None:
    settings.EVIDENCE_MAX_BYTES = 10
    said = "This file is too large. Attach at most 10"
    engineer.refused(change, "attach_evidence", said, file=upload(b"x" * 11), **KIND)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    engineer.do(change, "attach_evidence", file=upload(b"x" * 10), **KIND)


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd", "..\\..\\boot.ini", "/absolute", "a\0b.txt", "\u202etxt.exe", "🔥.log",
        "ملف.txt", 'quote".txt', "line\nbreak.txt", "semi;colon=.txt", "a" * 200 + ".txt", "..",
        "CON", " ", "%00", "nul%0d%0aSet-Cookie: a=b",
    ],
)  # fmt: skip
def test_odd_file_names_do_no_harm(
    engineer: Person, change: EmergencyChange, name: str, tmp_path: Path
) -> None:
    file = upload()
    file._name = name  # as a browser of somebody hostile would send it
    response = engineer.send(act(change, "attach_evidence"), file=file, **KIND)
    assert response.status_code in (302, 422)
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(tmp_path / "evidence") for path in stored)
    assert len(stored) == change.evidence.count()
    if response.status_code == 302:
        evidence = change.evidence.get()
        assert not set(evidence.file_name) & set("/\\\0\n\u202e")
        answer = download(engineer, change)
        assert answer["Content-Disposition"].startswith("attachment")
        assert "Set-Cookie" not in answer.headers
        engineer.open(page(change))


def test_name_longer_than_the_limit_is_refused(engineer: Person, change: EmergencyChange) -> None:
    response = engineer.send(
        act(change, "attach_evidence"), file=upload(name="a" * 300 + ".txt"), **KIND
    )
    assert response.status_code in (302, 422)
    assert all(len(evidence.file_name) <= 255 for evidence in change.evidence.all())


def test_refused_evidence_leaves_no_file_behind(
    engineer: Person, change: EmergencyChange, tmp_path: Path
) -> None:
    """The rule layer refuses after the form: the future is no time to capture anything."""
    said = "This time is in the future."
    times = {"happened_at": "2099-01-01T10:00"}
    engineer.refused(change, "attach_evidence", said, file=upload(), **times, **KIND)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_download_whose_file_is_gone_says_so(
    engineer: Person, change: EmergencyChange, tmp_path: Path
) -> None:
    engineer.do(change, "attach_evidence", file=upload(), **KIND)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.unlink()
    download(engineer, change, 404)


def test_evidence_of_another_change_is_not_found(
    company: Company, engineer: Person, change: EmergencyChange
) -> None:
    engineer.do(change, "attach_evidence", text="a", **KIND)
    other = a_change(company, "draft")
    engineer.open(page(other, "evidence", change.evidence.get().pk), 404)
    engineer.open(page(other, "evidence", 10**30), 404)
