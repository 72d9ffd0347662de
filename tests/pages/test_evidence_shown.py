"""What is shown of evidence and how; every look is logged; a new version supersedes an old one."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from changes.evidence_types import content_type
from changes.models import EmergencyChange, Evidence, EvidenceRead
from tests.pages.walk import Person, sentences
from tests.pages.world import act, counts, page
from tests.scenario import Company, a_change, a_draft

KIND = {"kind": "execution", "description": "The deployment log"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 30
PDF = b"%PDF-1.7\n1 0 obj << /OpenAction << /S /JavaScript /JS (app.alert(1)) >> >>\n"
SVG = b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
HTML = b"  <!DOCTYPE html><script>alert(1)</script>"
LOG = b"10:31 rolled out <b>& done</b>\n"
TYPES = [
    (PNG, "image/png"), (b"\xff\xd8\xff\xe0" + b"\0" * 9, "image/jpeg"),
    (b"GIF89a\1\0", "image/gif"),
    (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"), (PDF, "application/pdf"), (SVG, "image/svg+xml"),
    (HTML, "text/html"), (b"\xef\xbb\xbf<root/>", "text/plain"), (b"\n <root/>", "application/xml"),
    (b"ok <SCRIPT src=x>", "text/html"), (b"2026 ok\r\n\x1b[32mgreen", "text/plain"),
    ("Ж".encode() * 3000, "text/plain"), (b"a" + "Ж".encode() * 3000, "text/plain"),
    (b"caf\xe9", "application/octet-stream"), (b"a\0b", "application/octet-stream"),
    (b"PK\x03\x04rest", "application/zip"), (b" %PDF-1.7", "text/plain"), (b"", "text/plain"),
    (b"MZ\x90\0", "application/octet-stream"), (b"\xd0", "application/octet-stream"),
]  # fmt: skip


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


@pytest.fixture
def auditor(company: Company) -> Person:
    return Person(company.auditor)


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "implementing")


def attach(engineer: Person, change: EmergencyChange, content: bytes, name: str = "x") -> Evidence:
    file = SimpleUploadedFile(name, content, "image/png")
    engineer.do(change, "attach_evidence", file=file, **KIND)
    return change.evidence.latest("pk")


def at(evidence: Evidence, kind: str = "evidence_page") -> str:
    return page(evidence.change, kind, evidence.pk)


@pytest.mark.parametrize(("content", "kind"), TYPES)
def test_type_is_told_by_the_content(content: bytes, kind: str) -> None:
    assert content_type(content[:4096]) == kind


def test_image_is_shown_sealed_off_under_its_own_type(
    engineer: Person, auditor: Person, change: EmergencyChange
) -> None:
    evidence = attach(engineer, change, PNG, "a.html")
    assert evidence.content_type == "image/png"
    assert f'src="{at(evidence, "evidence_shown")}"' in auditor.open(at(evidence)).content.decode()
    assert not EvidenceRead.objects.exists()
    shown: Any = auditor.open(at(evidence, "evidence_shown"))
    assert b"".join(shown.streaming_content) == PNG
    assert shown["Content-Type"] == "image/png"
    assert shown["X-Content-Type-Options"] == "nosniff"
    policy = shown["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox"} <= set(policy)
    read = EvidenceRead.objects.get()
    assert (read.reader, read.evidence) == (auditor.user, evidence)
    assert read.history.get().history_change_reason == f"Looked at on {change.number}."


def test_pdf_opens_in_a_page_that_may_load_nothing(
    engineer: Person, auditor: Person, change: EmergencyChange
) -> None:
    evidence = attach(engineer, change, PDF)
    shown = auditor.open(at(evidence, "evidence_shown"))
    assert shown["Content-Type"] == "application/pdf"
    policy = shown["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "form-action 'none'", "sandbox"} <= set(policy)
    assert shown["X-Content-Type-Options"] == "nosniff"


def test_text_is_shown_escaped_and_logged(
    engineer: Person, auditor: Person, change: EmergencyChange
) -> None:
    content = LOG.replace(b"<b>", b"<i>")
    evidence = attach(engineer, change, content)
    html = auditor.open(at(evidence)).content.decode()
    assert "rolled out &lt;i&gt;&amp; done" in html
    assert EvidenceRead.objects.count() == 1
    auditor.open(at(evidence, "evidence_shown"), 404)


def test_long_text_is_shown_in_part_and_says_so(engineer: Person, change: EmergencyChange) -> None:
    evidence = attach(engineer, change, b"line\n" * 100_000)
    text = sentences(engineer.open(at(evidence)))
    assert "This is the beginning." in text
    assert text.count("line") < 60_000


@pytest.mark.parametrize("content", [SVG, HTML, b"PK\x03\x04", b"\0", b"<a href='x'>"])
def test_what_could_carry_a_program_is_never_inline(
    engineer: Person, change: EmergencyChange, content: bytes
) -> None:
    evidence = attach(engineer, change, content, "harmless.png")
    html = engineer.open(at(evidence)).content.decode()
    assert "not shown here" in html
    assert "The name says otherwise".lower() in html
    assert "<img" not in html
    engineer.open(at(evidence, "evidence_shown"), 404)
    response = engineer.open(at(evidence, "evidence"))
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    assert response["Content-Security-Policy"].endswith("sandbox")


def test_same_bytes_twice_are_stored_once(
    engineer: Person, change: EmergencyChange, tmp_path: Path
) -> None:
    one, two = attach(engineer, change, PNG, "one.png"), attach(engineer, change, PNG, "two.png")
    stored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.name for path in stored] == [hashlib.sha256(PNG).hexdigest()]
    assert one.file.name == two.file.name == one.sha256
    assert stored[0].stat().st_mode & 0o222 == 0
    assert (one.file_name, two.file_name) == ("one.png", "two.png")


def test_altered_store_is_noticed_when_the_same_file_comes_again(
    engineer: Person, change: EmergencyChange, tmp_path: Path
) -> None:
    attach(engineer, change, PNG)
    stored = next(path for path in tmp_path.rglob("*") if path.is_file())
    stored.chmod(0o600)
    stored.write_bytes(b"cut off")
    file = SimpleUploadedFile("x", PNG)
    engineer.refused(change, "attach_evidence", "is not intact any more", file=file, **KIND)
    assert stored.read_bytes() == b"cut off"


def test_store_that_cannot_be_written_is_a_sentence(
    engineer: Person, change: EmergencyChange, tmp_path: Path
) -> None:
    (tmp_path / "evidence").write_text("a file where the folder should be")
    file = SimpleUploadedFile("x", PNG)
    engineer.refused(change, "attach_evidence", "could not be stored", file=file, **KIND)


# --- a new version ------------------------------------------------------------------------------
def test_new_version_supersedes_and_the_old_one_stays(
    engineer: Person, auditor: Person, change: EmergencyChange
) -> None:
    old = attach(engineer, change, LOG, "old.log")
    form = engineer.open(act(change, "supersede_evidence"), supersedes=old.pk).content.decode()
    assert 'value="The deployment log"' in form
    file = SimpleUploadedFile("new.log", LOG + b"more")
    engineer.do(
        change, "supersede_evidence", "It was cut off.", file=file, supersedes=old.pk, **KIND
    )
    new = change.evidence.latest("pk")
    assert (new.supersedes, new.content_type) == (old, "text/plain")
    html = auditor.open(page(change)).content.decode()
    assert "superseded" in html
    assert f'href="#evidence-{new.pk}"' in html
    download: Any = auditor.open(at(old, "evidence"))
    assert b"".join(download.streaming_content) == LOG
    assert "Replaced by" in sentences(auditor.open(at(old)))
    assert "Replaces" in sentences(auditor.open(at(new)))
    row = new.history.get()
    assert (row.history_verb, row.history_change_reason) == (
        "supersede_evidence",
        "It was cut off.",
    )


def test_each_version_is_superseded_once_and_by_its_own_change(
    company: Company, engineer: Person, change: EmergencyChange
) -> None:
    old = attach(engineer, change, LOG)
    link = {"link": "https://a.example.test/", **KIND}
    engineer.do(change, "supersede_evidence", supersedes=old.pk, **link)
    other = attach(engineer, a_draft(company), PNG)
    before = counts()
    for key in (old.pk, other.pk, 10**30, "x", ""):
        answer = engineer.send(
            act(change, "supersede_evidence"), reason="Newer.", supersedes=key, **link
        )
        assert answer.status_code == 422, key
    assert counts() == before


def test_auditor_is_offered_no_replacement(
    engineer: Person, auditor: Person, change: EmergencyChange
) -> None:
    evidence = attach(engineer, change, LOG)
    assert "Replace it…" in sentences(engineer.open(at(evidence)))
    assert "Replace it…" not in sentences(auditor.open(at(evidence)))


@pytest.mark.parametrize(
    "kind", ["evidence", "evidence_page", "evidence_shown", "evidence_preview"]
)
def test_evidence_of_a_confidential_change_is_found_by_nobody_it_was_not_shared_with(
    company: Company, engineer: Person, auditor: Person, kind: str
) -> None:
    evidence = attach(engineer, a_draft(company, confidential=True), PNG)
    Person(company.engineer2).open(at(evidence, kind), 404)
    auditor.open(at(evidence, kind))
