"""`manage.py build_evidence_pack`: writes the pack of some changes, as the page gives it."""

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction

from ecportal.audit import pack
from ecportal.whole_file import draft_of
from reviews.packs.building import CannotBuild, Choice, build
from reviews.packs.choosing import of_numbers, of_period
from reviews.packs.printing import NotPrinted


class Command(BaseCommand):
    help = "Writes the evidence pack of changes, or of all that were opened in a period."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="*", metavar="EC-2026-0001", help="changes by number")
        parser.add_argument("--from", dest="begins_on", type=_day, help="first day: 2026-07-01")
        parser.add_argument("--to", dest="ends_on", type=_day, help="last day, included")
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the zip file")
        parser.add_argument("--force", action="store_true", help="replace a file that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists() and not options["force"]:
            raise CommandError(f"{out} is there already. Name another file, or use --force.")
        try:
            choice = _chosen(options)
            manifest = _write(out, choice)
        except (CannotBuild, NotPrinted, pack.NotExported) as error:
            raise CommandError(f"Nothing was written. {error}") from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from None
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"Nothing was written. The database said: {reason}") from None
        self.stdout.write(
            f"{out}: {len(choice.numbers)} changes, {manifest.events} events, "
            f"{manifest.attachments} attachments, {manifest.size} bytes, SHA-256 {manifest.sha256}"
        )
        for digest in manifest.missing:
            self.stderr.write(
                f"The attachment {digest} is missing or altered, so the pack will not verify."
            )


def _chosen(options: dict[str, Any]) -> Choice:
    first, last = options["begins_on"], options["ends_on"]
    if options["numbers"] and (first or last):
        raise CannotBuild("Name changes or a period, not both.")
    if first and last:
        return of_period(first, last)
    if first or last:
        raise CannotBuild("A period needs both --from and --to.")
    return of_numbers(options["numbers"])


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _write(out: Path, choice: Choice) -> pack.Manifest:
    """Write the pack beside `out` first: whatever is under that name is whole, and in the trail."""
    with draft_of(out) as draft:
        manifest = build(choice, draft.file)
        with transaction.atomic():
            pack.note_export(manifest, " ".join(choice.numbers))
            draft.keep()
    return manifest
