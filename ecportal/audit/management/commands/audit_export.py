"""`manage.py audit_export`: writes an evidence pack, which verifies offline."""

from argparse import ArgumentParser
from typing import Any, BinaryIO

from ecportal.audit import pack
from ecportal.audit.management.packing import PackCommand
from ecportal.audit.verification import CannotVerify


class Command(PackCommand):
    help = "Writes an evidence pack; that it was written is an event of the trail."
    refusals = (CannotVerify, pack.NotExported)
    nothing = "Nothing was exported."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--record", help="only this record and what refers to it: EC-2026-0001, or kind:key"
        )

    def write(self, file: BinaryIO, options: dict[str, Any]) -> tuple[pack.Manifest, str | None]:
        record: str | None = options["record"]
        return pack.write_pack(file, record=record), record

    def contents(self, manifest: pack.Manifest, about: str | None) -> str:
        kind = "all" if manifest.full else f"{manifest.events} of"
        return f"{kind} {manifest.leaves} events"
