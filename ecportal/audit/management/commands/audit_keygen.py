"""`manage.py audit_keygen`: the key that signs the trail's checkpoints, its first and its next."""

from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ecportal.audit import agreement, keys, succession
from ecportal.audit.notes import Signer


class Command(BaseCommand):
    help = "Makes the key that signs the audit trail, and prints its public half for AUDIT_VKEYS."
    # The key is there before the database is.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", help="the log's name for ever (default: the portal's host)")
        choice = parser.add_mutually_exclusive_group()
        choice.add_argument("--once", action="store_true", help="do nothing where there is a key")
        choice.add_argument(
            "--rotate", action="store_true", help="let a new key follow the current one"
        )

    def handle(
        self,
        *args: Any,
        name: str | None,
        once: bool,
        rotate: bool,
        verbosity: int = 1,
        **options: Any,
    ) -> None:
        if rotate and name:
            raise CommandError("A log keeps its name when its key changes: leave out --name.")
        there = keys.beside("").exists()
        if once and there:
            return
        if there and not rotate:
            raise CommandError(
                f"There is a key at {keys.beside('')} already; it is never overwritten. "
                "To let a new one follow it, use --rotate."
            )
        try:
            said = self._rotate() if rotate else self._make(name or _host())
        except (keys.KeyMissing, agreement.WillNotSign, ValueError) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"The key cannot be written: {error}.") from None
        if verbosity:
            self.stdout.write(said)

    def _make(self, name: str) -> str:
        return (
            f"{keys.generate(name).vkey}\n\nThis is the public key: set AUDIT_VKEYS to it, and "
            f"give it to the auditors. The private one is {keys.beside('')}; back it up offline."
        )

    def _rotate(self) -> str:
        new, old = succession.rotate()
        return (
            f"{new.vkey}\n{old.vkey}\n\nThe first is the public key from now on; the log names it, "
            f"and both keys signed that. Set AUDIT_VKEYS to both, separated by a comma, and give "
            f"the auditors the new one. The old private key is {_kept(old)}; destroy it once the "
            "new one is backed up."
        )


def _kept(old: Signer) -> str:
    return str(keys.beside(f".{old.key_id.hex()}"))


def _host() -> str:
    return urlsplit(settings.PORTAL_URL).hostname or ""
