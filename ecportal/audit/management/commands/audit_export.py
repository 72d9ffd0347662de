"""`manage.py audit_export`: writes an evidence pack, which verifies offline."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction

from ecportal.audit import pack
from ecportal.audit.verification import CannotVerify
from ecportal.whole_file import draft_of


class Command(BaseCommand):
    help = "Writes an evidence pack; that it was written is an event of the trail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the zip file")
        parser.add_argument(
            "--record", help="only this record and what refers to it: EC-2026-0001, or kind:key"
        )
        parser.add_argument("--force", action="store_true", help="replace a file that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists() and not options["force"]:
            raise CommandError(f"{out} is there already. Name another file, or use --force.")
        try:
            manifest = _export(out, options["record"])
        except (CannotVerify, pack.NotExported) as error:
            raise CommandError(f"Nothing was exported. {error}") from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from None
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"Nothing was exported. The database said: {reason}") from None
        kind = "all" if manifest.full else f"{manifest.events} of"
        self.stdout.write(
            f"{out}: {kind} {manifest.leaves} events, {manifest.attachments} attachments, "
            f"{manifest.size} bytes, SHA-256 {manifest.sha256}"
        )
        if manifest.unsealed:
            self.stderr.write(
                f"{manifest.unsealed} events are not sealed yet and not in it; "
                "`manage.py audit_seal` seals them."
            )
        for digest in manifest.missing:
            self.stderr.write(
                f"The attachment {digest} is missing or altered, so the pack will not verify."
            )


def _export(out: Path, record: str | None) -> pack.Manifest:
    """Write the pack beside `out` first: whatever is under that name is whole, and in the trail."""
    with draft_of(out) as draft:
        manifest = pack.write_pack(draft.file, record=record)
        with transaction.atomic():
            pack.note_export(manifest, record)
            draft.keep()
    return manifest
