"""The one style sheet that the pages load: `ecportal/styles/*.css`, joined when it is asked for."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

from ecportal.whole_file import draft_of

SHEETS: Final = Path(__file__).parent / "styles"
NAME: Final = "portal/portal.css"
COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)


class SheetFinder(BaseFinder):
    """Finds the joined sheet where Django looks for static files; it is kept below VAR_DIR."""

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        if path != NAME:
            return []
        found = str(_written(settings.VAR_DIR / "sheets"))
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        folder = settings.VAR_DIR / "sheets"
        _written(folder)
        yield NAME, FileSystemStorage(location=folder)


def _written(folder: Path) -> Path:
    """Bring the joined sheet below this folder up to date, and return where it is."""
    path, joined = folder / NAME, joined_from(SHEETS)
    if not path.exists() or path.read_text(encoding="utf-8") != joined:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            draft.file.write(joined.encode())
            draft.keep()
    return path


def joined_from(folder: Path) -> str:
    """Return the sheets as one, in the order of their names and without their comments."""
    sheets = (sheet.read_text(encoding="utf-8") for sheet in sorted(folder.glob("*.css")))
    lines = (line.strip() for sheet in sheets for line in COMMENT.sub("", sheet).splitlines())
    return "".join(f"{line}\n" for line in lines if line)
