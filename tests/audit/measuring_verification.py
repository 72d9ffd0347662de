"""How fast a large trail is verified, packed, and verified offline; `tests.bench` prints it."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from django.conf import settings
from django.db import transaction

from changes.models import EmergencyChange
from ecportal.audit import heartbeat, keys, sealer, verify_pack
from ecportal.audit.models import AuditLeaf
from ecportal.audit.pack import write_pack
from ecportal.audit.verification import verify
from tests.scenario import a_draft, found_company

AT_ONCE = 1000


def measure_verification(rows: int = 100_000) -> dict[str, float]:
    """Compare a portal with so many sealed rows of history; on a test database.

    A tenth as many records have ten rows each. Returns rows compared a second, and a second of this
    process's own work, seconds, findings (none are expected), and by how many MiB the peak of
    memory rose.
    """
    _populate(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begin, worked = time.perf_counter(), time.process_time()
    report = verify()
    seconds, work = time.perf_counter() - begin, time.process_time() - worked
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "rows_per_second": report.totals["rows"] / seconds,
        "rows_per_cpu_second": report.totals["rows"] / work,
        "seconds": seconds,
        "findings": len(report.findings),
        "memory_mib": (after - before) / 1024,
    }


def measure_pack(events: int = 10_000) -> dict[str, float]:
    """Pack a log of about so many events and verify the pack offline, in a process of its own.

    Returns the events in it, seconds of writing and of verifying (with the interpreter's start),
    MiB of the pack, and the verifier's exit code (0 is expected).
    """
    _populate(events)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pack.zip"
        begin = time.perf_counter()
        with path.open("wb") as out:
            manifest = write_pack(out)
        written = time.perf_counter()
        vkeys = [part for v in keys.verifiers() for part in ("--vkey", v.vkey)]
        program = verify_pack.__file__
        command = [sys.executable, "-I", program, str(path), *vkeys]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        verified = time.perf_counter()
    return {
        "events": manifest.events,
        "write_seconds": written - begin,
        "verify_seconds": verified - written,
        "mib": manifest.size / 1024 / 1024,
        "exit_code": done.returncode,
    }


def _populate(rows: int) -> None:
    """Add copies of one draft, with ten rows of history each, until the log has so many leaves."""
    if not settings.AUDIT_SIGNING_KEY.exists():
        keys.generate("bench.example.com")
    sealer.seal()
    missing = rows - AuditLeaf.objects.count()
    draft = EmergencyChange._base_manager.order_by("pk").first() or a_draft(found_company())
    values = {f.attname: getattr(draft, f.attname) for f in draft._meta.concrete_fields}
    first = EmergencyChange._base_manager.count()
    numbers = range(first, first + max(0, missing) // 10)
    for begin in range(0, len(numbers), AT_ONCE):
        with transaction.atomic():
            copies = EmergencyChange._base_manager.bulk_create(
                EmergencyChange(**{**values, "id": None, "number": f"EC-B-{n}"})
                for n in numbers[begin : begin + AT_ONCE]
            )
            for again in range(10):
                EmergencyChange.history.bulk_history_create(
                    copies, batch_size=100, update=bool(again)
                )
    heartbeat.heartbeat()
    sealer.seal(full=True)
