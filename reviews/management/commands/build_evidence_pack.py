"""`manage.py build_evidence_pack`: writes the pack of some changes, as the page gives it."""

from argparse import ArgumentParser
from datetime import date
from typing import Any, BinaryIO

from ecportal.audit import pack
from ecportal.audit.management.packing import PackCommand
from reviews.packs.building import CannotBuild, Choice, build
from reviews.packs.choosing import of_numbers, of_period
from reviews.packs.printing import NotPrinted


class Command(PackCommand):
    help = "Writes the evidence pack of changes, or of all that were opened in a period."
    refusals = (CannotBuild, NotPrinted, pack.NotExported)

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("numbers", nargs="*", metavar="EC-2026-0001", help="changes by number")
        parser.add_argument("--from", dest="begins_on", type=_day, help="first day: 2026-07-01")
        parser.add_argument("--to", dest="ends_on", type=_day, help="last day, included")

    def write(self, file: BinaryIO, options: dict[str, Any]) -> tuple[pack.Manifest, str]:
        choice = _chosen(options)
        return build(choice, file), " ".join(choice.numbers)

    def contents(self, manifest: pack.Manifest, about: str | None) -> str:
        return f"{len((about or '').split())} changes, {manifest.events} events"


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
