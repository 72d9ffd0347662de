"""Makes a token with which a program comes to the API."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ecportal.accounts.roles import SCOPES
from ecportal.accounts.tokens import DAYS, CannotIssue, issue


class Command(BaseCommand):
    """Prints the token, once; it is stored nowhere."""

    help = (
        "Issues a token to the service account NAME, which is made where there is none. The token "
        "goes to the standard output, once. To renew it, issue a second one and revoke the first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="such as github-checkout")
        parser.add_argument(
            "--scope", action="append", default=[], choices=list(SCOPES), dest="scopes",
            help="what it may do; can be repeated",
        )  # fmt: skip
        parser.add_argument("--days", type=int, default=90, help=f"1 to {DAYS}, 90 if not given")
        parser.add_argument("--why", default="Issued on the command line.", help="for the history")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = issue(options["name"], options["scopes"], options["days"], options["why"])
        except CannotIssue as error:
            raise CommandError(str(error)) from error
        self.stderr.write(
            f"{options['name']} can use this token for {options['days']} days. Keep it where "
            "secrets are kept; it is not shown again."
        )
        self.stdout.write(token)
