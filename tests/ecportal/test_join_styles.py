"""The one style sheet: joined in order, and found stale when it is."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from ecportal.management.commands.join_styles import JOINED, SHEETS, text_of

pytestmark = pytest.mark.once


def test_sheets_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "20-b.css").write_text("/* Why\n   red. */\nb { color: red; }\n")
    (tmp_path / "10-a.css").write_text("a { color: blue; }\n")
    assert text_of(tmp_path).splitlines()[1:] == ["a { color: blue; }", "b { color: red; }"]


def test_stale_sheet_is_found_and_joined_again(tmp_path: Path, settings: Any) -> None:
    settings.BASE_DIR = tmp_path
    for folder in (SHEETS, JOINED.parent):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / SHEETS / "10-a.css").write_text("a { color: blue; }\n")
    (tmp_path / JOINED).write_text("")
    with pytest.raises(CommandError, match="stale"):
        call_command("join_styles", check=True)
    call_command("join_styles", check=False)
    assert "color: blue" in (tmp_path / JOINED).read_text()
    call_command("join_styles", check=True)
