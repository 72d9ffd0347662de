"""Load the demo, or bring the passwords of its accounts up to date."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from changes.models import EmergencyChange
from incidents.models import Incident
from reviews import demo
from reviews.demo.company import follow_password, password


class Command(BaseCommand):
    help = "Fill an empty database with public outages of the last years, moved to these weeks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help="where there are incidents already, only let the accounts follow DEMO_PASSWORD",
        )

    def handle(self, *args: Any, once: bool, verbosity: int = 1, **options: Any) -> None:
        if settings.IN_PRODUCTION:
            raise CommandError("The demo's invented records do not belong into production.")
        secret = password()
        with transaction.atomic():
            if not Incident.objects.exists():
                demo.load(secret)
                incidents, changes = Incident.objects.count(), EmergencyChange.objects.count()
                said = f"Loaded {incidents} incidents and {changes} emergency changes."
            elif once:
                said = f"The demo is loaded; {follow_password(secret)} passwords were changed."
            else:
                raise CommandError(
                    "This database has incidents already. The demo needs an empty one."
                )
        if verbosity:
            self.stdout.write(said)
