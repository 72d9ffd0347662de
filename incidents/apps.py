"""Incidents, the systems they concern, and whether they are emergencies."""

from django.apps import AppConfig


class IncidentsConfig(AppConfig):
    name = "incidents"
    verbose_name = "Respond"

    def ready(self) -> None:
        import incidents.hearing
        import incidents.lifecycle  # noqa: F401 - the tables register themselves
