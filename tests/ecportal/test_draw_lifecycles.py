"""The README's diagram and tables come from the tables of transitions, and say when they do not."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils.text import capfirst

from ecportal.lifecycle import Lifecycle
from ecportal.management.commands.draw_lifecycles import BEGIN, END, drawing

pytestmark = pytest.mark.once

FRAME = f"# Title\n\nBefore.\n\n{BEGIN}\nstale words\n{END}\n\nAfter.\n"
ARROW = re.compile(r"^    (\[\*\]|[a-z_]+) --> (\[\*\]|[a-z_]+)(?:: ([a-z ,]+))?$")


@pytest.fixture
def readme(tmp_path: Path, settings: Any) -> Path:
    settings.BASE_DIR = tmp_path
    return tmp_path / "README.md"


def draw(*options: str) -> None:
    call_command("draw_lifecycles", *options, verbosity=0)


def mermaid() -> list[str]:
    block = re.search(r"```mermaid\n(.*?)\n```", drawing(), re.DOTALL)
    assert block
    return block[1].splitlines()


def test_drawing_replaces_what_is_between_the_marks_and_nothing_else(readme: Path) -> None:
    readme.write_text(FRAME)
    draw()
    text = readme.read_text()
    assert text.startswith(f"# Title\n\nBefore.\n\n{BEGIN}\n\n```mermaid\nstateDiagram-v2\n")
    assert text.endswith(f"\n\n{END}\n\nAfter.\n")
    assert "stale words" not in text


def test_check_passes_after_drawing_and_changes_nothing(readme: Path) -> None:
    readme.write_text(FRAME)
    draw()
    before = readme.read_bytes()
    draw("--check")
    draw()
    assert readme.read_bytes() == before


def test_check_fails_with_one_line_when_the_drawing_is_stale(readme: Path) -> None:
    readme.write_text(FRAME)
    with pytest.raises(CommandError, match=r"^The lifecycles in README.md are stale\. Run .*$"):
        draw("--check")
    assert readme.read_text() == FRAME


@pytest.mark.parametrize(
    "text", ["", "# Title\n", f"{END}\n{BEGIN}\n", f"{BEGIN}\n", f"{BEGIN}\n{BEGIN}\n{END}\n"]
)
def test_missing_marks_are_named_in_one_line(readme: Path, text: str) -> None:
    readme.write_text(text)
    with pytest.raises(CommandError, match=r"^README.md needs one line <!-- .* -->\.$"):
        draw()
    assert readme.read_text() == text


def test_missing_readme_is_named_in_one_line(readme: Path) -> None:
    for options in ([], ["--check"]):
        with pytest.raises(CommandError, match=r"^README.md cannot be read: .*$"):
            draw(*options)
    assert not readme.exists()


def test_mermaid_is_a_state_diagram_of_plain_arrows() -> None:
    head, *lines = mermaid()
    assert head == "stateDiagram-v2"
    assert all(ARROW.match(line) for line in lines)
    assert len(lines) == len(set(lines))


def test_diagram_leads_from_one_start_over_every_status_to_its_ends() -> None:
    arrows = [ARROW.match(line).groups() for line in mermaid()[1:]]  # type: ignore[union-attr]
    assert ("[*]", "draft", "open") in arrows
    assert ("submitted", "approved", "approve, claim approval") in arrows
    assert {target for _s, target, _v in arrows} - {"[*]"} == {
        "draft", "submitted", "approved", "implementing", "implemented", "verified",
        "documented", "closed", "rejected", "cancelled",
    }  # fmt: skip
    assert {source for source, target, _v in arrows if target == "[*]"} == {"closed", "cancelled"}


def test_every_verb_of_every_lifecycle_has_its_line() -> None:
    text = drawing()
    for model, lifecycle in Lifecycle.registry.items():
        heading = f"#### {capfirst(str(model._meta.verbose_name))}\n"
        section = text.split(heading)[1].split("\n#### ")[0]
        lines = [line for line in section.splitlines() if line.startswith("| `")]
        assert len(lines) == len(lifecycle.rows)
        assert all(line.replace("\\|", "").count("|") == 5 for line in lines)
        for row, line in zip(lifecycle.rows, lines, strict=True):
            assert line.startswith(f"| `{row.verb}`")


def test_guard_is_told_by_its_promise_or_its_name() -> None:
    text = drawing()
    assert (
        "Segregation of duties (CC8.1): nobody decides on their own change, "
        "nor lets it be decided." in text
    )
    assert "| `submit` | draft | submitted |" in text
    assert "Rollback planned." in text
