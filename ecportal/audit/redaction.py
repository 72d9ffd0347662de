"""Erases content of the past that the law says must go; the tree and all signatures stay good.

The text of an erased event is gone with its salt, so its hash in the tree tells nothing. What the
row of history keeps beside the erased columns is attested anew, in the order itself.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.db import connection, models, transaction

from ecportal import clock
from ecportal.audit import attestation, bodies, context, protection
from ecportal.audit.drift import history_of
from ecportal.audit.kinds import REDACTION
from ecportal.audit.models import AuditEvent, AuditLeaf
from ecportal.audit.verification import names, rows, scope
from ecportal.audit.verification.events import Examiner
from ecportal.audit.verification.orders import (
    ERASED,
    ERASED_ADDRESS,
    ERASED_LINK,
    erasures,
    is_erased,
    kept_text,
)
from ecportal.audit.verification.report import CannotVerify, Report

HISTORY_TEXTS: Final = frozenset({"history_change_reason", "history_about", "history_on_behalf_of"})
"""What a row of history has beside the record's own columns and can be erased too."""

STRUCTURE: Final = frozenset({"number", "status", "sha256", "size"})
"""Columns that identify a record or prove something about it, and tell nothing of a person."""


class NotRedacted(Exception):
    """Nothing was erased; says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """What an erasure would erase: columns with what stands there instead, rows, files."""

    model: type[models.Model]
    pk: int
    marks: dict[str, str | None]
    rows: tuple[int, ...]
    files: tuple[str, ...]

    @property
    def record(self) -> str:
        return f"{self.model._meta.label_lower}:{self.pk}"

    @property
    def live(self) -> dict[str, str | None]:
        """Return what the record itself has to be changed to first."""
        return {name: mark for name, mark in self.marks.items() if name not in HISTORY_TEXTS}


def need_owner() -> None:
    """NotRedacted unless the database lets this account lift the protection of history."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(current_user, relowner, 'MEMBER'), current_user FROM pg_class"
            " WHERE oid = %s::regclass",
            [AuditEvent._meta.db_table],
        )
        owns, role = cursor.fetchone()
    if not owns:
        raise NotRedacted(
            f"The database role {role} may not change history. "
            "Run this with DATABASE_URL naming the owner of the tables."
        )


def plan(record: str, columns: Iterable[str]) -> Plan:
    """Return what erasing these columns of a record means; NotRedacted if it cannot be done.

    `record` is named as for `verify`. The past must be sealed and as it was attested: an erasure
    must not cover an earlier tampering. Locks the record until the caller's transaction ends.
    """
    need_owner()
    try:
        model, pk = scope.find(record)
    except CannotVerify as error:
        raise NotRedacted(str(error)) from None
    model._base_manager.select_for_update(of=("self",)).filter(pk=pk).first()
    marks = {_attname(model, name): _mark(model, name) for name in columns}
    if not marks:
        raise NotRedacted("Say what is to be erased: --fields description,text")
    past = history_of(model)
    key = str(model._meta.pk.attname)
    found = past._base_manager.filter(**{key: pk}).order_by("pk").values_list("pk", *marks)
    touched = [row for row, *values in found if not all(map(is_erased, values))]
    _need_sound(past, touched)
    return Plan(model, pk, marks, tuple(touched), tuple(_files(model, pk, marks)))


def _attname(model: type[models.Model], name: str) -> str:
    fields = (field for field in history_of(model)._meta.concrete_fields)
    found = next((f.attname for f in fields if name in (f.name, f.attname)), None)
    if found is None:
        known = ", ".join(f.name for f in model._meta.concrete_fields if _is_content(f))
        raise NotRedacted(f"There is no field {name}. Those that can be erased: {known}.")
    return str(found)


def _is_content(field: Any) -> bool:
    return not (
        field.primary_key
        or field.is_relation
        or field.choices
        or field.name in STRUCTURE
        or (field.name.startswith("history_") and field.name not in HISTORY_TEXTS)
    )


def _mark(model: type[models.Model], name: str) -> str | None:
    """Return what stands in the column afterwards."""
    attname = _attname(model, name)
    columns = [*model._meta.concrete_fields, *history_of(model)._meta.concrete_fields]
    field = next(f for f in columns if f.attname == attname)
    if not _is_content(field):
        raise NotRedacted(f"{names.field(model, attname)} is part of the proof: it is not erased.")
    if isinstance(field, models.URLField):
        return ERASED_LINK
    if isinstance(field, models.EmailField):
        return ERASED_ADDRESS
    if isinstance(field, models.CharField | models.TextField | models.FileField):
        if field.max_length is not None and field.max_length < len(ERASED):
            return ""
        return ERASED
    if field.null:
        return None
    raise NotRedacted(f"{names.field(model, attname)} cannot be left empty: it is not erased.")


def _need_sound(past: type[Any], touched: list[int]) -> None:
    events = AuditEvent.objects.filter(source=past._meta.label_lower, source_pk__in=touched)
    sealed = AuditLeaf.objects.filter(event_id__in=events.values("pk")).count()
    if sealed < events.count():
        raise NotRedacted("Some of its past is not sealed yet. Run `manage.py audit_seal` first.")
    report = Report()
    rows.compare(Examiner(report, erasures(), clock.real()), past, set(touched))
    if not report.is_clean:
        raise NotRedacted(
            "Its history is not as it was attested, and an erasure would hide that: "
            f"{report.findings[0].sentence} Look into it with `manage.py audit_verify` first."
        )


def _files(model: type[models.Model], pk: int, marks: dict[str, Any]) -> Iterable[str]:
    """Yield the names of the stored files that nothing else refers to."""
    if "file" not in marks:
        return
    for name in model._base_manager.filter(pk=pk).values_list("file", flat=True):
        if not is_erased(name) and not model._base_manager.filter(file=name).exclude(pk=pk):
            yield str(name)


def redact(chosen: Plan, *, origin: context.Origin, why: str, reference: str) -> int:
    """Erase by plan and return how many events lost their text; inside the caller's transaction.

    The record itself must have been changed already: a live value that history no longer has is
    drift. Stored files are deleted when the transaction commits. NotRedacted changes nothing.
    """
    past = history_of(chosen.model)
    live = chosen.model._base_manager.filter(pk=chosen.pk).values_list(*chosen.live).first()
    if chosen.live and live is not None and not all(map(is_erased, live)):
        raise NotRedacted("The record still holds what is to be erased. Change it first.")
    erased = AuditEvent.objects.filter(source=past._meta.label_lower, source_pk__in=chosen.rows)
    by_row = {int(row or 0): pk for pk, row in erased.values_list("pk", "source_pk")}
    leaves = AuditLeaf.objects.filter(event_id__in=by_row.values()).order_by("idx")
    with transaction.atomic():
        attestation.record(
            REDACTION,
            origin,
            record=chosen.record,
            columns=" ".join(sorted(chosen.marks)),
            events=" ".join(str(pk) for pk in sorted(by_row.values())),
            leaves=" ".join(str(idx) for idx in leaves.values_list("idx", flat=True)),
            why=why,
            reference=reference,
            kept=json.dumps(_kept(past, by_row, set(chosen.marks)), sort_keys=True),
        )
        with protection.lifted([past, AuditEvent]):
            for name, mark in chosen.marks.items():
                _blank(past, chosen.rows, name, mark)
            erased.update(body=None)
    for name in chosen.files:
        field: Any = chosen.model._meta.get_field("file")
        transaction.on_commit(partial(field.storage.delete, name))
    return len(by_row)


def _kept(past: type[Any], by_row: dict[int, int], gone: set[str]) -> dict[str, dict[str, str]]:
    """Return by event the MACs of what each row keeps."""
    label, every = past._meta.label_lower, bodies.columns(past)
    kept: dict[str, dict[str, str]] = {}
    found = past._base_manager.filter(pk__in=by_row).order_by("pk").values_list("pk", *every)
    for pk, *values in found:
        kept[str(by_row[pk])] = {
            name: attestation.mac(kept_text(label, pk, name, value))
            for name, value in bodies.fields(every, tuple(values)).items()
            if name not in gone
        }
    return kept


def _blank(past: type[Any], touched: tuple[int, ...], name: str, mark: str | None) -> None:
    holding = past._base_manager.filter(pk__in=touched).exclude(**{f"{name}__isnull": True})
    if mark is not None:
        holding = holding.exclude(**{name: ""})
    holding.update(**{name: mark})
