"""What the commands that write evidence packs have in common."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction

from ecportal.audit import pack
from ecportal.whole_file import draft_of


class PackCommand(BaseCommand):
    """Writes a pack to --out, notes that in the trail, and says what is in it and what lacks."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (pack.NotExported,)
    nothing = "Nothing was written."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the zip file")
        parser.add_argument("--force", action="store_true", help="replace a file that is there")

    def write(self, file: BinaryIO, options: dict[str, Any]) -> tuple[pack.Manifest, str | None]:
        """Write the pack; return what it holds, and which records it is of: None means all."""
        raise NotImplementedError

    def contents(self, manifest: pack.Manifest, about: str | None) -> str:
        """Return what the pack holds, in words."""
        raise NotImplementedError

    def handle(self, *args: Any, **options: Any) -> None:
        out: Path = options["out"]
        if out.exists() and not options["force"]:
            raise CommandError(f"{out} is there already. Name another file, or use --force.")
        try:
            manifest, about = self._write_beside(out, options)
        except self.refusals as error:
            raise CommandError(f"{self.nothing} {error}") from None
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from None
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"{self.nothing} The database said: {reason}") from None
        self.stdout.write(
            f"{out}: {self.contents(manifest, about)}, {manifest.attachments} attachments, "
            f"{manifest.size} bytes, SHA-256 {manifest.sha256}"
        )
        self._warn(manifest)

    def _write_beside(self, out: Path, options: dict[str, Any]) -> tuple[pack.Manifest, str | None]:
        """Write the pack beside `out` first: whatever has that name is whole, and in the trail."""
        with draft_of(out) as draft:
            manifest, about = self.write(draft.file, options)
            with transaction.atomic():
                pack.note_export(manifest, about)
                draft.keep()
        return manifest, about

    def _warn(self, manifest: pack.Manifest) -> None:
        if manifest.unsealed:
            self.stderr.write(
                f"{manifest.unsealed} events are not sealed yet and not in it; "
                "`manage.py audit_seal` seals them."
            )
        for digest in manifest.missing:
            self.stderr.write(
                f"The attachment {digest} is missing or altered, so the pack will not verify."
            )
