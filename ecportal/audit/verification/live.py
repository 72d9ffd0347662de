"""What stands now against the newest of its history: records, memberships, stored files."""

import hashlib
import json
from itertools import groupby
from typing import Any

from django.contrib.auth import get_user_model
from django.db import models

from ecportal.audit import drift, membership
from ecportal.audit.models import AuditEvent
from ecportal.audit.verification import names
from ecportal.audit.verification.events import CHUNK
from ecportal.audit.verification.orders import is_erased
from ecportal.audit.verification.report import Report

BLOCK = 1 << 20


def records(report: Report, model: type[models.Model], only: set[Any] | None = None) -> None:
    """Find live records that differ from their newest history row, and such that vanished."""
    for pk, columns in drift.drifts(model):
        if only is not None and pk not in only:
            continue
        record = names.record(model, pk)
        if columns == [drift.GONE]:
            there = model._base_manager.filter(pk=pk).exists()
            sentence = (
                f"{record} stands in the database, but its history does not say that it exists."
                if there
                else f"{record} vanished: its history says that it exists."
            )
            report.find("DRIFT", sentence, record)
            continue
        fields = [names.field(model, _attname(model, column)) for column in columns]
        for field in fields:
            report.find(
                "DRIFT",
                f"{record}, field {field}, was changed past the portal: it is not what its newest "
                "history row says.",
                record,
                field,
            )


def _attname(model: type[models.Model], column: str) -> str:
    return next((f.attname for f in model._meta.concrete_fields if f.column == column), column)


def memberships(report: Report) -> None:
    """Find groups and permissions that are held otherwise than the newest event says."""
    newest: dict[tuple[str, Any], tuple[str, int]] = {}
    events = AuditEvent.objects.filter(kind=membership.MEMBERSHIP, body__isnull=False)
    for pk, body in events.order_by("pk").values_list("pk", "body").iterator(CHUNK):
        try:
            fields = json.loads(str(body))["fields"]
            newest[fields["relation"], fields["owner"]] = (str(fields["held"]), pk)
        except (ValueError, KeyError, TypeError):
            continue  # the event itself is a finding
    for relation in membership.relations(get_user_model()):
        label = relation._meta.label_lower
        said = {owner: told for (name, owner), told in newest.items() if name == label}
        _compare_holdings(report, relation, said)


def _compare_holdings(report: Report, relation: Any, said: dict[Any, tuple[str, int]]) -> None:
    owner, other = (f for f in relation._meta.concrete_fields if f.is_relation)
    pairs = relation._base_manager.order_by(owner.attname, other.attname)
    now = {
        pk: " ".join(str(held) for _pk, held in rows)
        for pk, rows in groupby(
            pairs.values_list(owner.attname, other.attname).iterator(CHUNK), lambda pair: pair[0]
        )
    }
    what = other.related_model._meta.verbose_name_plural
    for pk in sorted(now.keys() | said.keys()):
        held, event_id = said.get(pk, ("", None))
        if now.get(pk, "") == held:
            continue
        record = names.record(owner.related_model, pk, {})
        newest = "there is no event" if event_id is None else f"the newest is event {event_id}"
        report.find(
            "DRIFT",
            f"{record}: its {what} were changed past the portal ({newest}).",
            record,
            str(what),
            event_id,
        )


def files(report: Report, model: type[models.Model], only: set[Any] | None = None) -> None:
    """Compare stored bytes with the recorded digest, for models with `file` and `sha256`."""
    columns = {field.name for field in model._meta.concrete_fields}
    if not {"file", "sha256"} <= columns:
        return
    rows = model._base_manager.exclude(file="").order_by("pk")
    chosen = rows if only is None else rows.filter(pk__in=only)
    storage = model._meta.get_field("file").storage  # type: ignore[union-attr]
    for pk, name, digest in chosen.values_list("pk", "file", "sha256").iterator(CHUNK):
        if is_erased(name):
            continue
        report.totals["files"] += 1
        wrong = _wrong(storage, name, digest)
        if wrong:
            record = names.record(model, pk)
            report.find("FILE", f"{record}: its file {wrong}.", record, "File")


def _wrong(storage: Any, name: str, digest: str) -> str:
    try:
        with storage.open(name, "rb") as file:
            return "" if digest_of(file) == digest else "is not the one that was attached"
    except FileNotFoundError:
        return "is missing"
    except (OSError, ValueError) as error:
        return f"cannot be read ({type(error).__name__})"


def digest_of(file: Any) -> str:
    """Return the SHA-256 of an open file, in memory a block at a time."""
    digest = hashlib.sha256()
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()
