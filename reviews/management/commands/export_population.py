"""Write the population of a period to a file, with its proof beside it."""

import json
import os
import re
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from ecportal.audit import reads
from ecportal.whole_file import draft_of
from reviews.listing import export
from reviews.period import FIELDS, Period
from reviews.proof import of_export
from reviews.renderings import FORMATS


def day(text: str) -> date:
    """Return the day that YYYY-MM-DD names; CommandError with a sentence otherwise."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{text!r} is no day. Write it like 2026-07-01.") from None


class Command(BaseCommand):
    help = (
        "Write the emergency changes of a period, confidential ones included, to a file: the same "
        "bytes as the page of a population gives. The proof is written beside it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="first", metavar="DAY", required=True)
        parser.add_argument("--to", dest="last", metavar="DAY", required=True, help="included")
        parser.add_argument("--by", default="opened", help=f"the date: {', '.join(FIELDS)}")
        parser.add_argument("--format", dest="form", required=True, help=", ".join(FORMATS))
        parser.add_argument("--out", metavar="FILE", required=True)
        parser.add_argument("--force", action="store_true", help="replace files that are there")

    def handle(
        self, *args: Any, first: str, last: str, by: str, form: str, out: str, force: bool,
        **options: Any,
    ) -> None:  # fmt: skip
        if form not in FORMATS:
            raise CommandError(f"{form!r} is no format. Use one of {', '.join(FORMATS)}.")
        try:
            period = Period(day(first), day(last), by)
        except ValidationError as error:
            raise CommandError(error.messages[0]) from None
        target = Path(out)
        proof = target.with_name(f"{target.name}.proof.json")
        for path in (target, proof):
            if path.exists() and not force:
                raise CommandError(f"{path} is there already. Choose another name, or add --force.")
        try:
            self._write(period, form, target, proof)
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None

    def _write(self, period: Period, form: str, target: Path, proof: Path) -> None:
        """Write both files whole or not at all; the population first."""
        with draft_of(target) as draft:
            done = export(period, form, draft.file, frozenset())
            draft.keep()
        text = json.dumps(
            of_export(done, target.name, f"the command line, account {os.getuid()}"),
            ensure_ascii=False, indent=2,
        )  # fmt: skip
        proof.write_text(text + "\n", encoding="utf-8")
        reads.exported(target.name, done.sha256)
        self.stdout.write(
            f"Wrote {done.listing.count} emergency changes to {target}.\nSHA-256 {done.sha256}\n"
            f"The proof is {proof}."
        )
