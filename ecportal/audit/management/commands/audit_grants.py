"""`manage.py audit_grants`: what the role that runs the portal may do in PostgreSQL."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction

from ecportal.audit import grants


class Command(BaseCommand):
    help = "Prints, or with --apply runs, the grants of a role that cannot rewrite history."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", default=grants.DEFAULT_ROLE, help="who runs the portal")
        parser.add_argument("--apply", action="store_true", help="run the statements")

    def handle(self, *args: Any, role: str, apply: bool, **options: Any) -> None:
        try:
            grants.check(role)
            if apply:
                with transaction.atomic():
                    grants.apply(role)
                self.stdout.write(f"{role} can run the portal and cannot rewrite history.")
                return
            for statement in grants.statements(role):
                self.stdout.write(f"{statement};")
        except grants.CannotGrant as error:
            raise CommandError(str(error)) from None
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"Nothing was granted. The database said: {reason}") from None
