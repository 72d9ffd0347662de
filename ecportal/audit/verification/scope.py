"""One record and what refers to it: which rows and events a verification or a pack is about."""

import re
from typing import Any, NamedTuple

from django.apps import apps
from django.db import models
from django.db.models import Q

from ecportal.audit import attestation
from ecportal.audit.drift import history_of, tracked_models
from ecportal.audit.models import AuditEvent
from ecportal.audit.verification import names
from ecportal.audit.verification.report import CannotVerify


class Scope(NamedTuple):
    """A record, and by model of history the keys of the rows that are about it."""

    model: type[models.Model]
    pk: int
    rows: dict[type[Any], set[int]]

    @property
    def name(self) -> str:
        return names.record(self.model, self.pk)

    def keys(self, model: type[models.Model]) -> set[Any]:
        """Return the keys of the model's records that the rows are of."""
        past = history_of(model)
        key = str(model._meta.pk.attname)
        rows = past._base_manager.filter(pk__in=self.rows.get(past, ()))
        found = set(rows.values_list(key, flat=True))
        return found | {self.pk} if model is self.model else found

    def event_ids(self) -> set[int]:
        """Return the events that attest these rows, and the redactions that erased of them."""
        found: set[int] = set()
        for past, keys in self.rows.items():
            events = AuditEvent.objects.filter(source=past._meta.label_lower, source_pk__in=keys)
            found.update(events.values_list("pk", flat=True))
        return found


def find(text: str) -> tuple[type[models.Model], int]:
    """Return the record that "EC-2026-0001" or "incidents.incident:7" names, else CannotVerify."""
    label, colon, pk = text.strip().rpartition(":")
    if colon:
        return _by_key(text, label, pk)
    for model in tracked_models():
        if not any(field.name == "number" for field in model._meta.concrete_fields):
            continue
        key = str(model._meta.pk.attname)
        for manager, name in ((model._base_manager, "pk"), (history_of(model)._base_manager, key)):
            found = manager.filter(number=text.strip()).values_list(name, flat=True).first()
            if found is not None:
                return model, found
    raise CannotVerify(
        f"There is no record {text}. Name one by its number, such as EC-2026-0001, "
        "or by kind and key, such as incidents.incident:7."
    )


def _by_key(text: str, label: str, pk: str) -> tuple[type[models.Model], int]:
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        model = None
    if model not in tracked_models() or not re.fullmatch(r"[0-9]{1,18}", pk):
        kinds = ", ".join(m._meta.label_lower for m in tracked_models())
        raise CannotVerify(f"{text} names no record. Kinds are: {kinds}.")
    assert model is not None
    key = str(model._meta.pk.attname)
    past = history_of(model)._base_manager.filter(**{key: int(pk)})
    if not (past.exists() or model._base_manager.filter(pk=int(pk)).exists()):
        raise CannotVerify(f"There is no record {text}.")
    return model, int(pk)


def of(text: str) -> Scope:
    """Return the scope of a record: its own rows, and those that name it by a foreign key."""
    model, pk = find(text)
    rows = {history_of(model): _rows(model, str(model._meta.pk.attname), pk)}
    for other in tracked_models():
        for field in other._meta.concrete_fields:
            if field.related_model is model:
                past = history_of(other)
                rows[past] = rows.get(past, set()) | _rows(other, field.attname, pk)
    return Scope(model, pk, {past: keys for past, keys in rows.items() if keys})


def _rows(model: type[models.Model], column: str, pk: int) -> set[int]:
    """Return the rows that name the key now, and those that did when they were attested."""
    past = history_of(model)
    now = past._base_manager.filter(**{column: pk}).values_list("pk", flat=True)
    # Bodies are canonical: the column can stand in them in two ways only.
    said = Q(body__contains=f'"{column}":{pk},') | Q(body__contains=f'"{column}":{pk}}}')
    events = AuditEvent.objects.filter(
        said, kind=attestation.HISTORY, source=past._meta.label_lower, source_pk__isnull=False
    )
    return set(now) | {int(key) for key in events.values_list("source_pk", flat=True) if key}
