"""The one style sheet: joined in order, found where static files are, and never stale."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

from ecportal import sheets

pytestmark = pytest.mark.once


@pytest.fixture
def styles(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    folder = tmp_path / "styles"
    folder.mkdir()
    monkeypatch.setattr(sheets, "SHEETS", folder)
    (folder / "20-b.css").write_text("/* Why\n   red. */\nb { color: red; }\n")
    (folder / "10-a.css").write_text("a {\n  color: blue;\n}\n")
    return folder


def test_sheets_are_joined_in_the_order_of_their_names_without_comments(styles: Path) -> None:
    joined = Path(str(finders.find("portal/portal.css"))).read_text()
    assert joined == "a {\ncolor: blue;\n}\nb { color: red; }\n"


def test_sheet_that_changed_is_found_as_it_is_now(styles: Path) -> None:
    finders.find("portal/portal.css")
    (styles / "10-a.css").write_text("a { color: teal; }\n")
    assert "teal" in Path(str(finders.find("portal/portal.css"))).read_text()
    assert len(finders.find("portal/portal.css", find_all=True)) == 1


def test_sheet_is_collected_with_the_other_static_files(
    styles: Path, settings: Any, tmp_path: Path
) -> None:
    settings.STATIC_ROOT = tmp_path / "static"
    call_command("collectstatic", interactive=False, verbosity=0)
    assert "blue" in (tmp_path / "static" / "portal" / "portal.css").read_text()
    assert (tmp_path / "static" / "portal" / "icons.svg").exists()
