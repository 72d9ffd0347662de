"""A population that was listed for a period: the query, its result and its proof."""

import json
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.history import TrackedManager, tracked


class Population(models.Model):
    """One run of the query for a period, kept with its rows: downloads give the same bytes forever.

    `from` and `to` are days in `time_zone`, both included. What was recorded later belongs into
    the next run; the page says what would differ.
    """

    class Status(models.TextChoices):
        GENERATED = "generated", "Generated"

    class By(models.TextChoices):
        OPENED = "opened", "Opened"
        IMPLEMENTED = "implemented", "Implemented"
        CLOSED = "closed", "Closed"

    number = models.CharField(max_length=20, unique=True, editable=False)
    status = models.CharField(
        max_length=10, choices=Status, default=Status.GENERATED, editable=False
    )
    first_day = models.DateField("from")
    last_day = models.DateField("to", help_text="Included.")
    by = models.CharField("by the date it was", max_length=20, choices=By)
    time_zone = models.CharField(max_length=60)
    query = models.TextField()
    count = models.PositiveIntegerField("emergency changes")
    cancelled = models.PositiveIntegerField("of these cancelled")
    first_number = models.CharField(max_length=20, blank=True)
    last_number = models.CharField(max_length=20, blank=True)
    missing_numbers = models.TextField(blank=True, help_text="Separated by commas.")
    of_other_periods = models.PositiveIntegerField(
        "numbers in between that belong to other periods"
    )
    period_over = models.BooleanField("the period was over")
    columns = models.TextField(help_text="Key and heading of each column, as JSON.")
    sha256_csv = models.CharField("SHA-256 of the CSV file", max_length=64)
    sha256_json = models.CharField("SHA-256 of the JSON file", max_length=64)
    sha256_xlsx = models.CharField("SHA-256 of the XLSX file", max_length=64)
    generated_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    generated_at = models.DateTimeField()
    portal_version = models.CharField(max_length=40)
    objects: ClassVar = TrackedManager()
    history = tracked()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="period_ends_after_it_begins"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.by} {self.first_day} to {self.last_day}"

    def headings(self) -> dict[str, str]:
        """Return the columns as they were when it was generated: key and heading."""
        found: dict[str, str] = json.loads(self.columns)
        return found

    def gaps(self) -> list[str]:
        return [number for number in self.missing_numbers.split(", ") if number]

    def sha256(self, form: str) -> str:
        return str(getattr(self, f"sha256_{form}"))


class PopulationRow(models.Model):
    """One change as it was listed. The fingerprints of its population cover every row."""

    population = models.ForeignKey(Population, models.PROTECT, related_name="rows")
    change = models.ForeignKey(EmergencyChange, models.PROTECT, related_name="listed")
    number = models.CharField(max_length=20)
    cells = models.TextField(help_text="The values in the order of the population’s columns.")

    objects: ClassVar = models.Manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["population", "change"], name="each_change_listed_once")
        ]

    def __str__(self) -> str:
        return self.number

    def values(self) -> list[str]:
        found: list[str] = json.loads(self.cells)
        return found
