"""`manage.py audit_verify`: compares history, trail, signatures, records and files."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ecportal.audit import notes, tasks, verification
from ecportal.audit.verification import receipts


class Command(BaseCommand):
    help = "Verifies that nothing was rewritten. Exit code 0: clean, 1: findings, 2: could not run."
    # The checks look at the database, and a database that is away is to be said in a sentence.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--checkpoint",
            type=Path,
            nargs="+",
            default=[],
            metavar="FILE",
            help="checkpoints that were kept elsewhere, such as a mail saved as text",
        )
        parser.add_argument(
            "--receipt",
            nargs="+",
            default=[],
            metavar="EVENT:LEAFHASH",
            help="receipts from the mails that the portal sent",
        )
        parser.add_argument("--json", action="store_true", help="write the result as JSON")
        parser.add_argument(
            "--record", help="only this record and what refers to it: EC-2026-0001, or kind:key"
        )
        parser.add_argument(
            "--no-files", action="store_true", help="do not compare the stored files"
        )
        parser.add_argument(
            "--note",
            action="store_true",
            help="write the result into the trail and mail new findings, as each hour",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["note"] and (options["record"] or options["no_files"]):
            raise CommandError("--note is for a verification of everything.", returncode=2)
        try:
            kept = [note for path in options["checkpoint"] for note in _read(path)]
            report = verification.verify(
                checkpoints=kept,
                receipts=[receipts.parse(text) for text in options["receipt"]],
                record=options["record"],
                files=not options["no_files"],
            )
        except verification.CannotVerify as error:
            raise CommandError(f"Could not verify. {error}", returncode=2) from None
        if options["note"]:
            tasks.note(report)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_json()))
        else:
            self.stdout.write(report.line())
            for finding in report.findings:
                self.stdout.write(f"{finding.code}: {finding.sentence}")
            if report.is_clean:
                self.stdout.write("Nothing was rewritten, removed or added past the portal.")
        if not report.is_clean:
            sys.exit(1)


def _read(path: Path) -> list[str]:
    try:
        found = notes.split_notes(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise verification.CannotVerify(f"{path} cannot be read: {reason}.") from None
    if not found:
        raise verification.CannotVerify(f"There is no checkpoint in {path}.")
    return found
