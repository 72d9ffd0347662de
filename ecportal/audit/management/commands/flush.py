"""`manage.py flush`: only a test database is ever emptied."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import connections

from ecportal.audit import protection


class Command(flush.Command):
    help = "Empties a test database. The history of any other database cannot be deleted."

    def handle(self, **options: Any) -> None:
        name = str(connections[options["database"]].settings_dict["NAME"])
        if settings.ENVIRONMENT != "test" or "test" not in name:
            raise CommandError(
                "History is never deleted, so this database cannot be emptied. "
                "For a fresh demo: stop it, and `make clean`."
            )
        with protection.lifted():
            super().handle(**options)
