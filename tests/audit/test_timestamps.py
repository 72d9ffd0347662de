"""Time stamps from a real authority: OpenSSL's, behind a small web server."""

import base64
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from ecportal.audit import notes, sealer, tasks, timestamps
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.audit.timestamps import NoTimeStamp, fetch

pytestmark = pytest.mark.once

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="There is no openssl on this machine."
)
CONFIGURATION = """
[tsa]
default_tsa = local
[local]
serial = serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = yes
tsa_name = no
ess_cert_id_chain = no
[stamping]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
"""


def openssl(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        ["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60
    )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `openssl ts -reply` works, with the root certificate ca.pem."""
    folder = tmp_path_factory.mktemp("tsa")
    (folder / "tsa.cnf").write_text(CONFIGURATION)
    (folder / "serial").write_text("01\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    openssl(
        folder, "req", "-x509", *key, "-subj", "/CN=Root", "-keyout", "ca.key", "-out", "ca.pem"
    )
    openssl(folder, "req", *key[:-2], "-subj", "/CN=TSA", "-keyout", "tsa.key", "-out", "tsa.csr")
    extensions = ["-extfile", "tsa.cnf", "-extensions", "stamping", "-days", "2"]
    issued = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "tsa.pem"]
    openssl(folder, "x509", "-req", "-in", "tsa.csr", *issued, *extensions)
    return folder


def stamp(folder: Path, query: bytes) -> bytes:
    (folder / "query.tsq").write_bytes(query)
    signer = ["-signer", "tsa.pem", "-inkey", "tsa.key"]
    openssl(folder, "ts", "-reply", "-config", "tsa.cnf", "-section", "local",
            "-queryfile", "query.tsq", *signer, "-out", "reply.tsr")  # fmt: skip
    return (folder / "reply.tsr").read_bytes()


@contextmanager
def served(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """Yield the URL of a server that answers so; None means status 503."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            reply = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200 if reply is not None else 503)
            self.end_headers()
            self.wfile.write(reply or b"")

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@needs_openssl
def test_openssl_verifies_the_token_over_the_data_and_over_nothing_else(authority: Path) -> None:
    with served(lambda query: stamp(authority, query)) as url:
        token = fetch(url, b"a note\n")
    (authority / "token.der").write_bytes(token)
    (authority / "note.txt").write_bytes(b"a note\n")
    (authority / "other.txt").write_bytes(b"another\n")
    verify = ["ts", "-verify", "-token_in", "-in", "token.der", "-CAfile", "ca.pem", "-data"]
    assert b"Verification: OK" in openssl(authority, *verify, "note.txt").stdout
    with pytest.raises(subprocess.CalledProcessError):
        openssl(authority, *verify, "other.txt")


@needs_openssl
@pytest.mark.django_db
def test_newest_checkpoint_is_stamped_and_the_token_is_sealed_itself(
    authority: Path, log_key: notes.Signer, settings: Any
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    with served(lambda query: stamp(authority, query)) as url:
        settings.AUDIT_TSA_URL = url
        tasks.time_stamp()
    event = AuditEvent.objects.get(kind="timestamp")
    fields = json.loads(str(event.body))["fields"]
    assert fields["size"] == checkpoint.size
    (authority / "kept.der").write_bytes(base64.b64decode(fields["token"]))
    (authority / "kept.txt").write_bytes(checkpoint.note.encode())
    verify = ["ts", "-verify", "-token_in", "-in", "kept.der", "-CAfile", "ca.pem", "-data"]
    assert b"Verification: OK" in openssl(authority, *verify, "kept.txt").stdout
    assert sealer.seal().count == 1


@needs_openssl
def test_stamp_of_something_else_is_refused(authority: Path) -> None:
    kept: list[bytes] = []
    with served(lambda query: kept.append(stamp(authority, query)) or kept[0]) as url:
        fetch(url, b"a note\n")
        for data in (b"another\n", b"a note\n"):  # the second differs in its nonce alone
            with pytest.raises(NoTimeStamp, match="time stamp of something else"):
                fetch(url, data)


@needs_openssl
def test_refusal_of_the_authority_is_told_in_its_words(authority: Path) -> None:
    refused = pytest.raises(NoTimeStamp, match=r"gave no time stamp: [^.]+\.$")
    with served(lambda query: stamp(authority, b"nonsense" + query)) as url, refused:
        fetch(url, b"a note\n")


@pytest.mark.parametrize("answer", [None, b"", b"<html>", b"\x30\x03\x02\x01\x00"])
def test_answer_that_is_no_time_stamp_is_one_sentence(answer: bytes | None) -> None:
    with served(lambda query: answer) as url, pytest.raises(NoTimeStamp) as refused:
        fetch(url, b"a note\n")
    assert str(refused.value).startswith(url)
    assert str(refused.value).count("\n") == 0


@pytest.mark.django_db
def test_authority_that_is_away_costs_one_line_and_no_event(
    log_key: notes.Signer, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    sealer.seal()
    with served(lambda query: None) as url:
        settings.AUDIT_TSA_URL = url
    tasks.time_stamp()  # the server is gone
    assert not AuditEvent.objects.filter(kind="timestamp").exists()
    (line,) = [told.getMessage() for told in caplog.records]
    assert "Connection refused" in line
    assert "asked again tomorrow" in line


def test_authority_that_never_answers_is_left_after_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(timestamps, "PATIENCE", 0.2)
    gate = threading.Event()
    with served(lambda query: (gate.wait(10), None)[1]) as url:
        with pytest.raises(NoTimeStamp, match="timed out"):
            fetch(url, b"a note\n")
        gate.set()


@pytest.mark.django_db
def test_without_an_authority_nothing_is_asked(log_key: notes.Signer, settings: Any) -> None:
    sealer.seal()
    settings.AUDIT_TSA_URL = ""
    tasks.time_stamp()
    assert not AuditEvent.objects.filter(kind="timestamp").exists()
