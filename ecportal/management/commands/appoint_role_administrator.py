"""Make the first Role Administrator of a new portal; all later ones are made by that person."""

from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_email
from django.db import transaction

from ecportal.accounts.lifecycle import LIFECYCLE
from ecportal.accounts.models import User
from ecportal.accounts.roles import ROLE_ADMINISTRATOR

REASON = "The first Role Administrator of this portal."


class Command(BaseCommand):
    help = "Make an account for the first Role Administrator; asks for its password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("email")

    def handle(self, *args: Any, username: str, email: str, **options: Any) -> None:
        existing = User.objects.in_role(ROLE_ADMINISTRATOR).first()
        if existing is not None:
            raise CommandError(f"{existing} is a Role Administrator already; ask them.")
        person = User(username=username, email=email)
        try:
            validate_email(email)
            person.clean_fields(exclude=["password"])
            person.validate_unique()
            password = self._ask(person)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        system = User.objects.system()
        with transaction.atomic():
            LIFECYCLE.perform(person, "enroll", by=system, reason=REASON, password=password)
            role = Group.objects.get(name=ROLE_ADMINISTRATOR)
            LIFECYCLE.perform(person, "assign_role", by=system, reason=REASON, role=role)
        self.stdout.write(f"{username} can sign in now and give roles to others.")

    def _ask(self, person: User) -> str:
        password = getpass("Password: ")
        if password != getpass("Password (again): "):
            raise CommandError("The two passwords differ. Nothing was made.")
        validate_password(password, person)
        return password
