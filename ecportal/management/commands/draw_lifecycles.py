"""Draw the lifecycles into README.md: the diagram of a change, and a table of verbs for each."""

from argparse import ArgumentParser
from collections import defaultdict
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import autodiscover_modules
from django.utils.text import capfirst

from ecportal.lifecycle import Guard, Lifecycle, Transition

BEGIN: Final = "<!-- lifecycles:begin -->"
END: Final = "<!-- lifecycles:end -->"
DRAWN: Final = "changes.EmergencyChange"
"""The lifecycle that gets a diagram, and comes first; the others are small enough for a table."""


class Command(BaseCommand):
    help = "Draw the lifecycles into README.md, between the lines that mark their place."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="change nothing; fail when README.md is stale"
        )

    def handle(self, *args: Any, check: bool, verbosity: int = 1, **options: Any) -> None:
        path = settings.BASE_DIR / "README.md"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"README.md cannot be read: {error}") from None
        drawn = replaced(text, drawing())
        if check and drawn != text:
            raise CommandError(
                "The lifecycles in README.md are stale. Run `manage.py draw_lifecycles`."
            )
        if drawn != text:
            path.write_text(drawn, encoding="utf-8")
        if verbosity:
            self.stdout.write("README.md shows the lifecycles as they are.")


def replaced(text: str, drawn: str) -> str:
    """Return the text with what stands between the two marks replaced."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise CommandError(f"README.md needs one line {BEGIN} and, below it, one line {END}.")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{drawn}\n\n{END}{rest.split(END)[1]}"


def drawing() -> str:
    """Return diagram and tables as GitHub's Markdown, the same for the same tables of rows."""
    autodiscover_modules("lifecycle")
    known = {model._meta.label: table for model, table in Lifecycle.registry.items()}
    others = sorted(label for label in known if label != DRAWN)
    parts = [diagram(known[DRAWN])] if DRAWN in known else []
    parts += [table(known[label]) for label in ([DRAWN] if parts else []) + others]
    return "\n\n".join(parts)


def diagram(lifecycle: Lifecycle[Any]) -> str:
    """Return the status diagram in Mermaid; verbs that change no status are left to the table."""
    verbs: dict[tuple[str, str], list[str]] = defaultdict(list)
    order = [*_statuses(lifecycle)]
    for row in lifecycle.rows:
        if row.target is not None:
            for source in sorted(row.sources, key=order.index) or ["[*]"]:
                verbs[source, row.target].append(row.verb.replace("_", " "))
    left = {source for source, _target in verbs}
    lines = [f"    {source} --> {target}: {', '.join(v)}" for (source, target), v in verbs.items()]
    lines += [f"    {status} --> [*]" for status in order if status not in left]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def table(lifecycle: Lifecycle[Any]) -> str:
    """Return a heading and one line a row: verb, from, to, what must hold."""
    meta = lifecycle.model._meta
    lines = [f"#### {capfirst(str(meta.verbose_name))}", ""]
    if lifecycle.always:
        lines += [f"Always: {' '.join(map(_sentence, lifecycle.always))}", ""]
    lines += ["| Verb | From | To | What must hold |", "|---|---|---|---|"]
    order = _statuses(lifecycle)
    lines += [_line(row, order) for row in lifecycle.rows]
    return "\n".join(lines)


def _line(row: Transition, order: list[str]) -> str:
    verb = f"`{row.verb}`" + (" (by itself)" if row.internal else "")
    sources = ", ".join(sorted(row.sources, key=order.index)) or "new"
    target = row.target if row.target is not None else "stays"
    holds = " ".join(map(_sentence, (*row.when, *row.guards))) or "—"
    cells = (verb, sources, target, holds)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _statuses(lifecycle: Lifecycle[Any]) -> list[str]:
    """Return the statuses as the model lists them, then any that only the rows know."""
    listed = getattr(getattr(lifecycle.model, "Status", None), "values", [])
    found = {str(status) for row in lifecycle.rows for status in row.sources}
    found |= {str(row.target) for row in lifecycle.rows if row.target is not None}
    return [*(status for status in listed if status in found), *sorted(found - {*listed})]


def _sentence(guard: Guard) -> str:
    """Return a guard's promise: the first line of its docstring, else its name in words."""
    said = (guard.__doc__ or guard.__name__.replace("_", " ")).strip().splitlines()[0].strip()
    return capfirst(said if said.endswith(".") else f"{said}.")
