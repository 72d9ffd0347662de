"""Record an incident from an alert of PagerDuty or Alertmanager, once however often it comes."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.urls import reverse

from ecportal.integrations.facts import IncidentHeard
from ecportal.integrations.readers import facts_of_an_alert
from ecportal.integrations.reading import Holder, Malformed, Unreadable, decode
from ecportal.lifecycle import TransitionRefused
from incidents.hearing import hear
from incidents.models import Incident

MALFORMED: Final = 2
OPENING: Final = ("opened", "changed", "reopened")
SIZE_LIMIT: Final = 5 * 1024 * 1024


class Command(BaseCommand):
    help = "Record an incident from a payload of PagerDuty or Alertmanager, kept in a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the JSON payload, as it was received")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            incident, known = opened_from(alert_in(file))
        except (OSError, Malformed, Unreadable, TransitionRefused) as error:
            why = (error.strerror or "") if isinstance(error, OSError) else str(error)
            name = "".join(letter for letter in file if letter.isprintable())[:200]
            raise CommandError(f"{name}: {why}", returncode=MALFORMED) from None
        self._say(f"{incident}{' (recorded already)' if known else ''}")
        self._say(reverse("admin:incidents_incident_change", args=[incident.pk]))

    def _say(self, line: str) -> None:
        # A terminal that lacks a letter of the title is no reason to fail after the recording.
        letters = getattr(self.stdout, "encoding", None) or "utf-8"
        self.stdout.write(line.encode(letters, "replace").decode(letters))


def alert_in(file: str) -> IncidentHeard:
    """Return what the file tells of an open incident; raises Malformed, Unreadable or OSError."""
    with Path(file).open("rb") as opened:
        raw = opened.read(SIZE_LIMIT + 1)
    if len(raw) > SIZE_LIMIT:
        raise Malformed(f"It is larger than {SIZE_LIMIT // 1024 // 1024} MiB.")
    return open_alert(decode(raw))


def open_alert(payload: Holder) -> IncidentHeard:
    """Return what a payload of either system tells of an open incident, or raise Unreadable."""
    for fact in facts_of_an_alert(payload):
        if isinstance(fact, IncidentHeard) and fact.title and fact.opens and fact.event in OPENING:
            return fact
    raise Unreadable("It does not tell of an open incident; nothing is recorded for it.")


@transaction.atomic
def opened_from(alert: IncidentHeard) -> tuple[Incident, bool]:
    """Return the incident of the alert, and whether it was recorded before."""
    newest = Incident.objects.values_list("pk", flat=True).order_by("-pk").first() or 0
    incident = hear(alert).incident
    return incident, incident.pk <= newest
