"""Names records, fields and rows of history as an auditor knows them; never a field's content."""

from collections.abc import Mapping
from typing import Any, Final

from django.apps import apps
from django.db import models
from django.utils.text import capfirst

from ecportal.audit.drift import history_of

_HISTORY: Final = {
    "history_id": "Number of the row",
    "history_date": "Time of the act",
    "history_type": "Kind of change",
    "history_user_id": "Who did it",
    "history_change_reason": "Reason",
    "history_verb": "Act",
    "history_happened_at": "Claimed time",
    "history_on_behalf_of": "On behalf of",
    "history_about": "Other records named",
}


def source_model(source: str | None) -> type[Any] | None:
    """Return the model of history that a label such as "changes.historicalapproval" names."""
    try:
        model = apps.get_model(source or "")
    except (LookupError, ValueError):
        return None
    return model if hasattr(model, "instance_type") else None


def record(model: type[models.Model], pk: Any, fields: Mapping[str, Any] | None = None) -> str:
    """Return "Emergency change EC-2026-0004", or "Approval 12 of emergency change EC-…".

    `fields` is what is known of the record; without it, the record and its history are asked.
    """
    known = fields if fields is not None else _known(model, pk)
    kind = str(model._meta.verbose_name)
    if known.get("number"):
        return f"{capfirst(kind)} {known['number']}"
    return f"{capfirst(kind)} {pk}{_of(model, known)}"


def _of(model: type[models.Model], known: Mapping[str, Any]) -> str:
    for field in model._meta.concrete_fields:
        parent: Any = field.related_model
        if parent is None or not _has_number(parent) or known.get(field.attname) is None:
            continue
        found = _known(parent, known[field.attname])
        if found.get("number"):
            return f" of {parent._meta.verbose_name} {found['number']}"
    return ""


def _has_number(model: type[models.Model]) -> bool:
    return any(field.name == "number" for field in model._meta.concrete_fields)


def _known(model: type[models.Model], pk: Any) -> Mapping[str, Any]:
    """Return what names the record: its number, or the keys of what it belongs to."""
    names = [f.attname for f in model._meta.concrete_fields if f.is_relation or f.name == "number"]
    if not names:
        return {}
    live = model._base_manager.filter(pk=pk).values(*names).first()
    if live is not None:
        return live
    past = history_of(model)._base_manager.filter(**{str(model._meta.pk.attname): pk})
    return past.order_by("-pk").values(*names).first() or {}


def field(model: type[models.Model], attname: str) -> str:
    """Return a column's name as forms show it: "Scope", "Approver"."""
    if attname in _HISTORY:
        return _HISTORY[attname]
    for found in model._meta.concrete_fields:
        if attname in (found.attname, found.name):
            return capfirst(str(found.verbose_name))
    return capfirst(attname)


def moment(text: Any) -> str:
    """Return a canonical time, "2026-11-03T09:41:00.000000Z", as "2026-11-03 09:41 UTC"."""
    return f"{str(text)[:10]} {str(text)[11:16]} UTC"


def row(pk: Any, fields: Mapping[str, Any]) -> str:
    """Return "history row 87 of 2026-11-03 09:41 UTC"."""
    when = f" of {moment(fields['history_date'])}" if fields.get("history_date") else ""
    return f"history row {pk}{when}"
