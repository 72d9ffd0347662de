"""`manage.py loaddata`: a copy brings its events along, and none are added by loading it."""

from typing import Any

from django.core.management.commands import loaddata

from ecportal.audit import membership


class Command(loaddata.Command):
    def handle(self, *labels: Any, **options: Any) -> None:
        with membership.loading():
            super().handle(*labels, **options)
