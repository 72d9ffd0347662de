"""Sweep the deadlines by hand and print what was done, as JSON."""

import json
from argparse import ArgumentParser
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from ecportal import clock
from reviews.sweep import sweep


class Command(BaseCommand):
    help = "Write and send every reminder and escalation that is due; prints JSON."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--now",
            metavar="TIME",
            help="act as if it were this time, such as 2026-11-23T09:00Z (demo and test only)",
        )

    def handle(self, *args: Any, now: str | None, **options: Any) -> None:
        with nullcontext() if now is None else clock.at(self._moment(now)):
            report = sweep()
        self.stdout.write(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))

    def _moment(self, text: str) -> Any:
        if settings.IN_PRODUCTION:
            raise CommandError("--now is for demo and test databases; this is production.")
        try:
            moment = parse_datetime(text)
        except ValueError:
            moment = None
        if moment is None or not 2000 <= moment.year <= 2999:
            raise CommandError(f"{text!r} is no time to sweep at. Write it like 2026-11-23T09:00Z.")
        return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
