"""Changes with everything that a pack can hold, packs of them, and the program that verifies."""

import subprocess
import sys
import zipfile
import zlib
from datetime import timedelta
from pathlib import Path

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.audit import sealer, verify_pack
from ecportal.audit.pack import Manifest
from reviews.packs.building import Choice, build
from reviews.sweep import sweep
from tests.audit.evidence import attach
from tests.scenario import Company, Journey, a_draft

PROGRAM = Path(verify_pack.__file__)
LOG = b"2026-11-23 09:40 deployment 88213 finished\n"


def an_eventful_change(company: Company, text: str = "", **values: str) -> EmergencyChange:
    """Return a closed change with mails, a file, a deviation, a correction and an exception.

    `text` stands in every field that takes one.
    """
    early = clock.now() - timedelta(days=5)
    said = text or "It had to be."
    with clock.at(early):
        draft = a_draft(company, scope=text or "Roll back.", rollback_plan=said, **values)
        journey = Journey(company, draft).submit().claim().start()
        journey.do(
            "record_deviation", company.engineer, said, skipped=said, why=said,
            catch_up_on=(early + timedelta(days=1)).date(),
        )  # fmt: skip
        journey.do("correct", company.engineer, said, part="scope", text=said)
        journey.finish(no_deviations=False)
    sweep()
    attach(company, journey.change, LOG + said.encode(), description=said[:200])
    journey.verify(early + timedelta(hours=1)).document(clock.now())
    due = clock.now().date() + timedelta(days=9)
    row = {"title": said[:200], "owner": company.engineer, "due_on": due}
    journey.review(follow_ups=[row], lessons=said)
    return EmergencyChange.objects.get(pk=journey.change.pk)


def packed(path: Path, *changes: EmergencyChange) -> Manifest:
    """Write the sealed pack of these changes to the path."""
    numbers = tuple(sorted(change.number for change in changes))
    with path.open("w+b") as out:
        return build(Choice(numbers), out, unsealed=sealer.seal)


def offline(pack: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program as an auditor does, in a process that knows no Django."""
    command = [sys.executable, "-I", str(PROGRAM), str(pack), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def members(pack: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(pack) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(path: Path, parts: dict[str, bytes]) -> Path:
    """Write a zip of these members exactly as the format has it, as a skilled forger would."""
    out, listed = b"", []
    for name, data in sorted(parts.items()):
        listed.append(verify_pack.Member(name, len(data), zlib.crc32(data)))
        out += verify_pack.local_header(listed[-1]) + data
    path.write_bytes(out + verify_pack.central_directory(listed))
    return path
