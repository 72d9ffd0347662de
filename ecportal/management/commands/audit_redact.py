"""`manage.py audit_redact`: erases content of a record and of its past, by order."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, IntegrityError, transaction

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import context, redaction
from ecportal.audit.verification import names
from ecportal.lifecycle import Act

VERB = "erase"


class Command(BaseCommand):
    help = (
        "Erases fields of a record and of its history, as the law may demand; the log still "
        "verifies. Without --apply it says what would be erased. Copies in other records, such as "
        "what an approver was shown, and in sent messages are records of their own."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("record", help="EC-2026-0001, or kind:key such as changes.evidence:7")
        parser.add_argument("--fields", required=True, help="separated by commas")
        parser.add_argument("--by", required=True, metavar="USERNAME", help="who ordered it")
        parser.add_argument("--why", required=True, help="on what grounds; without personal data")
        parser.add_argument("--reference", required=True, help="the order, such as a ticket")
        parser.add_argument("--apply", action="store_true", help="erase it")

    def handle(self, *args: Any, **options: Any) -> None:
        columns = [name.strip() for name in options["fields"].split(",") if name.strip()]
        why, reference = options["why"].strip(), options["reference"].strip()
        if not (why and reference):
            raise CommandError("--why and --reference must say something: they are the order.")
        try:
            person = _person(options["by"])
            with transaction.atomic():
                plan = redaction.plan(options["record"], columns)
                if options["apply"]:
                    _erase(plan, person, why, reference)
        except redaction.NotRedacted as error:
            raise CommandError(f"Nothing was erased. {error}") from None
        except ValidationError as error:
            raise CommandError(f"Nothing was erased. {' '.join(error.messages)}") from None
        except IntegrityError as error:
            raise CommandError(
                "Nothing was erased. A rule of the database needs this field: "
                f"{str(error).strip().splitlines()[0]}"
            ) from None
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            raise CommandError(f"Nothing was erased. The database said: {reason}") from None
        except OSError as error:
            raise CommandError(
                f"The rows are erased, but a stored file is not: {error}. Delete it by hand."
            ) from None
        self._say(plan, applied=options["apply"])

    def _say(self, plan: redaction.Plan, *, applied: bool) -> None:
        fields = ", ".join(names.field(plan.model, name) for name in plan.marks)
        rows = ", ".join(map(str, plan.rows)) or "none"
        verb = "Erased" if applied else "Would erase"
        self.stdout.write(f"{verb}: {names.record(plan.model, plan.pk)}: {fields}")
        self.stdout.write(f"Rows of history: {rows}")
        for name in plan.files:
            self.stdout.write(f"Stored file: {name}")
        if not applied:
            self.stdout.write("Nothing was changed. Run it again with --apply.")


def _person(username: str) -> User:
    person: User | None = User.objects.filter(username=username, is_active=True).first()
    if person is None:
        raise CommandError(f"There is nobody active with the username {username}.")
    return person


def _erase(plan: redaction.Plan, person: User, why: str, reference: str) -> None:
    """Change the record by an act that its history tells of; then erase the past."""
    record = plan.model._base_manager.filter(pk=plan.pk).first()
    reason = f"{why} ({reference})"
    origin = context.named(person.pk, person.username)
    with context.coming_from(origin):
        if record is not None and plan.live:
            for name, mark in plan.live.items():
                setattr(record, name, mark)
            now = clock.now()
            Act(VERB, person, reason, now, now).save(record)
        redaction.redact(plan, origin=origin, why=why, reference=reference)
