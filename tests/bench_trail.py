"""`python -m tests.bench_trail [PART]`: what the trail and the auditor's files cost.

Each part runs in a process and on a SQLite database of its own, beside its own baseline.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = tempfile.TemporaryDirectory(prefix="ecportal-bench-")
os.environ.update(
    ECPORTAL_ENV="test",
    ECPORTAL_VAR=FOLDER.name,
    DATABASE_URL=f"sqlite:///{Path(FOLDER.name) / 'bench.sqlite3'}",
    DJANGO_SETTINGS_MODULE="ecportal.settings",
)

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402

from tests.audit.measuring import measure_sealing  # noqa: E402
from tests.audit.measuring_saves import measure_saves  # noqa: E402
from tests.audit.measuring_verification import measure_pack, measure_verification  # noqa: E402
from tests.reviews.measuring_packs import measure_packs  # noqa: E402
from tests.reviews.measuring_population import measure_population  # noqa: E402
from tests.scenario import found_company  # noqa: E402

Row = tuple[str, str, str]


def sealing() -> list[Row]:
    found = measure_sealing()
    rate = f"{found['sealed_per_second']:,.0f}/s"
    return [("events sealed", rate, "100,000 waiting; target 15,000/s")]


def verification() -> list[Row]:
    found = measure_verification()
    return [
        ("rows verified", f"{found['rows_per_second']:,.0f}/s", "100,000 rows; target 10,000/s"),
        ("memory for them", f"{found['memory_mib']:.0f} MiB", f"{found['findings']} findings"),
    ]


def pack() -> list[Row]:
    found = measure_pack()
    return [
        ("trail verified offline", f"{found['verify_seconds']:.2f} s",
         f"{found['events']} events, exit {found['exit_code']}; target 2 s"),
    ]  # fmt: skip


def population() -> list[Row]:
    found = measure_population(found_company())
    return [
        (f"population as {form}", f"{found[f'{form}, times the bare dump']:.2f} x",
         "10,000 changes beside a bare dump of their rows; target 3 x")
        for form in ("csv", "json", "xlsx")
    ]  # fmt: skip


def packs() -> list[Row]:
    found = measure_packs()
    return [
        ("evidence pack built", f"{found['build_seconds']:.1f} s",
         f"{found['changes']} changes, {found['mib']:.0f} MiB; target 60 s"),
        ("and verified offline", f"{found['verify_seconds']:.1f} s", f"exit {found['exit_code']}"),
        ("memory while building", f"{found['memory_mib']:.0f} MiB", "more at its end"),
    ]  # fmt: skip


PARTS = {
    "saves": measure_saves, "sealing": sealing, "verification": verification, "pack": pack,
    "population": population, "packs": packs,
}  # fmt: skip


def main(part: str | None) -> None:
    if part is None:
        for name in PARTS:
            subprocess.run([sys.executable, "-m", "tests.bench_trail", name], check=True)
        return
    settings.AUDIT_STRICT = False  # as in production
    call_command("migrate", verbosity=0)
    for name, value, remark in PARTS[part]():
        print(f"{name:<30} {value:>10}   {remark}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
