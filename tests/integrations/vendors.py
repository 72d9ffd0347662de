"""The systems' own samples and vectors, where they lie beside the checkout."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "integrations"
ABSENT = pytest.param("", marks=pytest.mark.skip(reason=f"{FOLDER} is absent"))


def vendor(path: str) -> Any:
    """Return a file's JSON; skips the test, with the reason, where it is absent."""
    file = FOLDER / path
    if not file.exists():
        pytest.skip(f"{FOLDER} is absent: no vendor samples here")
    return json.loads(file.read_bytes())


def samples_by_folder() -> list[Any]:
    """Return a parameter for each vendor's samples, or one that skips where there are none."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in _names():
        found[Path(name).parts[0]].append(name)
    return [pytest.param(names, id=folder) for folder, names in found.items()] or [ABSENT]


def samples() -> list[Any]:
    """Return a parameter for each sample, or one that skips where there are none."""
    return [*_names()] or [ABSENT]


def _names() -> list[str]:
    found = (file.relative_to(FOLDER) for file in FOLDER.glob("**/*.json"))
    return sorted(str(path) for path in found if path.parts[0] != "specs")
