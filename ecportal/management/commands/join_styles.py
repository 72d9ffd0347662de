"""Join the style sheets into the one that the pages load."""

import re
from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

SHEETS: Final = Path("ecportal/styles")
JOINED: Final = Path("ecportal/static/portal/portal.css")
COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
HEAD: Final = "/* Joined from ecportal/styles by `manage.py join_styles`: change it there. */\n"


class Command(BaseCommand):
    help = "Join ecportal/styles/*.css, in the order of their names, into the portal's one sheet."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail when the sheet is stale"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        path = settings.BASE_DIR / JOINED
        joined = text_of(settings.BASE_DIR / SHEETS)
        if path.read_text(encoding="utf-8") == joined:
            return
        if check:
            raise CommandError("The style sheet is stale. Run `manage.py join_styles`.")
        path.write_text(joined, encoding="utf-8")


def text_of(folder: Path) -> str:
    """Return the sheets as one, without their comments: readers of the sheets find them there."""
    sheets = (sheet.read_text(encoding="utf-8") for sheet in sorted(folder.glob("*.css")))
    lines = (COMMENT.sub("", text).splitlines() for text in sheets)
    return HEAD + "".join(
        f"{line.strip()}\n" for several in lines for line in several if line.strip()
    )
