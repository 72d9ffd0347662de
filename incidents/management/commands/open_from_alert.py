"""Record an incident from an alert of PagerDuty or Alertmanager, once however often it comes."""

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import IntegrityError, transaction
from django.urls import reverse

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.lifecycle import TransitionRefused
from incidents.intake import SIZE_LIMIT, Alert, Unreadable, decode, read
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident, System

MALFORMED: Final = 2


class Command(BaseCommand):
    help = "Record an incident from a payload of PagerDuty or Alertmanager, kept in a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the JSON payload, as it was received")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            with Path(file).open("rb") as opened:
                raw = opened.read(SIZE_LIMIT + 1)
            incident, known = opened_from(read(decode(raw), clock.now()))
        except (OSError, Unreadable, TransitionRefused) as error:
            why = (error.strerror or "") if isinstance(error, OSError) else str(error)
            name = "".join(letter for letter in file if letter.isprintable())[:200]
            raise CommandError(f"{name}: {why}", returncode=MALFORMED) from None
        self._say(f"{incident}{' (recorded already)' if known else ''}")
        self._say(reverse("admin:incidents_incident_change", args=[incident.pk]))

    def _say(self, line: str) -> None:
        # A terminal that lacks a letter of the title is no reason to fail after the recording.
        letters = getattr(self.stdout, "encoding", None) or "utf-8"
        self.stdout.write(line.encode(letters, "replace").decode(letters))


def opened_from(alert: Alert) -> tuple[Incident, bool]:
    """Return the incident of the alert, and whether it was recorded before."""
    same = Incident.objects.filter(source=alert.source, source_key=alert.source_key)
    incident = same.first()
    if incident is not None:
        return incident, True
    try:
        return _record(alert), False
    except IntegrityError:  # somebody else recorded the same alert meanwhile
        return same.get(), True


def _record(alert: Alert) -> Incident:
    known = {
        system.name.casefold(): system
        for system in System.objects.filter(status=System.Status.ACTIVE)
    }
    values = asdict(alert)
    names = values.pop("system_names")
    strange = [name for name in names if name.casefold() not in known]
    if strange:
        values["description"] += (
            f"\nNamed by the alert, but no system of the portal: {', '.join(strange)}"
        )
        values["description"] = values["description"].strip()
    with transaction.atomic():
        return INCIDENTS.perform(
            Incident(**values),
            "record",
            by=User.objects.system(),
            reason=f"{Incident.Source(alert.source).label} alert {alert.source_key}.",
            systems=[known[name.casefold()] for name in names if name.casefold() in known],
        )
