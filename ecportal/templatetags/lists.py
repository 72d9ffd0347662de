"""The parts of a list: its chips, its way to sort, its rows with the name of each cell."""

import re
from typing import Any, Final

from django import template
from django.contrib.admin.templatetags.admin_list import result_headers, results
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.simple_tag
def list_chips(cl: Any) -> list[Any]:
    """Return the filters that are drawn as chips: all but the tabs."""
    return [spec for spec in cl.filter_specs if spec.template != "admin/tabs.html"]


@register.inclusion_tag("admin/sort_chip.html")
def sort_chip(cl: Any) -> dict[str, Any]:
    """Offer the sorting of the headings, which a small screen does not show."""
    return {"headers": [head for head in result_headers(cl) if head["sortable"]]}


@register.inclusion_tag("admin/list_rows.html")
def list_rows(cl: Any) -> dict[str, Any]:
    """Draw the rows as Django does, and let each cell say under which heading it stands."""
    headers = list(result_headers(cl))
    names = [escape(capfirst(str(head["text"]))) for head in headers]
    rows = ([_named(cell, name) for cell, name in zip(row, names, strict=True)]
            for row in results(cl))  # fmt: skip
    return {"headers": headers, "rows": rows, "caption": cl.opts.verbose_name_plural}


_ANSWER: Final = re.compile(r'<img src="[^"]*" alt="(True|False|None)">')
_ANSWERS: Final = {"True": "Yes", "False": "No", "None": "–"}


def _named(cell: str, name: str) -> SafeString:
    cell = _ANSWER.sub(lambda found: _ANSWERS[found[1]], cell)
    # Django wrote the cell and escaped what is in it; its opening tag is "<td" or "<th".
    return mark_safe(f'{cell[:3]} data-label="{name}"{cell[3:]}')  # noqa: S308
