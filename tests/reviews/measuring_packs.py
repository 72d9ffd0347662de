"""How fast a pack of many changes is built, and with how much memory."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from django.conf import settings

from changes.models import EmergencyChange
from ecportal.audit import heartbeat, keys, sealer, verify_pack
from reviews.packs.building import Choice, build
from tests.reviews.packs.packing import an_eventful_change
from tests.scenario import found_company


def measure_packs(count: int = 100) -> dict[str, float]:
    """Build one pack of so many closed changes, and verify it offline; on a test database.

    Each change has mails, a file, a deviation, a correction and a follow-up. Returns the changes,
    events and MiB of the pack, seconds of building and of verifying (with the interpreter's start),
    by how many MiB memory rose from the tenth part of the changes to the last, and the verifier's
    exit code (0 is expected).
    """
    _populate(count)
    numbers = tuple(EmergencyChange.objects.order_by("number").values_list("number", flat=True))
    sealer.seal(full=True)
    resident: list[float] = []

    def tell(_stage: str, done: int) -> None:
        if done >= count // 10:
            resident.append(_resident())

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pack.zip"
        begin = time.perf_counter()
        with path.open("w+b") as out:
            manifest = build(Choice(numbers[:count]), out, tell=tell, unsealed=sealer.seal)
        built = time.perf_counter()
        resident.append(_resident())
        vkeys = [part for v in keys.verifiers() for part in ("--vkey", v.vkey)]
        command = [sys.executable, "-I", verify_pack.__file__, str(path), *vkeys]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        verified = time.perf_counter()
    return {
        "changes": count,
        "events": manifest.events,
        "mib": manifest.size / 1024 / 1024,
        "build_seconds": built - begin,
        "verify_seconds": verified - built,
        "memory_mib": max(resident) - resident[0],
        "exit_code": done.returncode,
    }


def _resident() -> float:
    """Return this process's memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def _populate(count: int) -> None:
    if not settings.AUDIT_SIGNING_KEY.exists():
        keys.generate("bench.example.com")
    company = found_company()
    for n in range(count):
        an_eventful_change(company, f"Text {n} of an eventful change. " * 5)
    heartbeat.heartbeat()
