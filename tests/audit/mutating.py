"""What an attacker on the trail can do, and how it is told whether the trail noticed."""

import hmac
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import rfc8785
from django.conf import settings
from django.db import connection
from django.utils import timezone

from ecportal.audit import notes, sealer, tree
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.verification import Finding, verify
from tests.audit.rows import look, sql

EVENTS, LEAVES, CHECKPOINTS = "audit_auditevent", "audit_auditleaf", "audit_auditcheckpoint"


@dataclass
class Scene:
    """What the attacker finds: records, and the notes that the auditor was mailed."""

    records: dict[str, Any]
    mailed: list[str]
    receipts: list[tuple[int, str]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.records[name]
        except KeyError:
            raise AttributeError(name) from None

    def findings(self, *, checkpoints: Sequence[str] = ()) -> list[Finding]:
        return verify(checkpoints=checkpoints, receipts=self.receipts).findings


Attack = Callable[[Scene], str | None]
"""Does the damage; returns what names the record in the sentence of a finding, if any can."""


@dataclass(frozen=True)
class Mutation:
    name: str
    codes: frozenset[str]
    attack: Attack

    def __str__(self) -> str:
        return f"{self.name} {self.attack.__name__}"


ALL: list[Mutation] = []


def mutation(name: str, *codes: str) -> Callable[[Attack], Attack]:
    """Register an attack under its number, "41" or "41b", with exactly the codes it must cause."""

    def register(attack: Attack) -> Attack:
        ALL.append(Mutation(name, frozenset(codes), attack))
        return attack

    return register


def of(module: str) -> list[Mutation]:
    return [mutation for mutation in ALL if mutation.attack.__module__ == module]


def assert_found(mutation: Mutation, scene: Scene) -> None:
    """The trail is clean, then attacked, then exactly these findings show, and name the record."""
    assert scene.findings() == []
    named = mutation.attack(scene)
    found = scene.findings()
    assert {finding.code for finding in found} == mutation.codes, found
    if named is not None:
        assert any(named in finding.sentence for finding in found), (named, found)


# --- tools ----------------------------------------------------------------------------------------


@contextmanager
def unlocked(*tables: str) -> Iterator[None]:
    """Take the triggers of these tables away and put them back exactly as they were."""
    with ExitStack() as stack:
        for table in tables:
            one = _without_sqlite_triggers if connection.vendor == "sqlite" else _without_triggers
            stack.enter_context(one(table))
        yield


@contextmanager
def _without_sqlite_triggers(table: str) -> Iterator[None]:
    there = look("SELECT name, sql FROM sqlite_master WHERE type='trigger' AND tbl_name=%s", table)
    for name, _text in there:
        sql(f"DROP TRIGGER {name}")
    yield
    for _name, text in there:
        sql(text)


@contextmanager
def _without_triggers(table: str) -> Iterator[None]:
    ours = "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
    there = look(ours, table)
    for (name,) in there:
        sql(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
    yield
    for (name,) in there:
        sql(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")


def change_row(table: str, key: str, pk: Any, **values: Any) -> None:
    """UPDATE one row, past its triggers if it has some."""
    columns = ", ".join(f"{name} = %s" for name in values)
    with unlocked(table):
        sql(f"UPDATE {table} SET {columns} WHERE {key} = %s", *values.values(), pk)


def change_history(row: Any, **values: Any) -> None:
    change_row(row._meta.db_table, "history_id", row.pk, **values)


def change_live(record: Any, **values: Any) -> None:
    change_row(record._meta.db_table, "id", record.pk, **values)


def delete(table: str, key: str, pks: Sequence[Any]) -> None:
    with unlocked(table):
        for pk in pks:
            sql(f"DELETE FROM {table} WHERE {key} = %s", pk)


def copy(row: Any, **changes: Any) -> Any:
    """INSERT a copy of a row under the next key, with some columns changed; return its key."""
    table, key = row._meta.db_table, row._meta.pk.column
    columns = [f.column for f in row._meta.concrete_fields if not f.primary_key]
    values = ", ".join("%s" if column in changes else column for column in columns)
    given = [changes[column] for column in columns if column in changes]
    sql(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {key} = %s",
        *given, row.pk,
    )  # fmt: skip
    ((made,),) = look(f"SELECT MAX({key}) FROM {table}")
    return made


def history(record: Any) -> list[Any]:
    """Return the record's rows of history, the oldest first."""
    return list(record.history.order_by("history_id"))


def event_of(row: Any) -> AuditEvent:
    return AuditEvent.objects.get(source=row._meta.label_lower, source_pk=row.pk)


def forged_mac(body: str, key: bytes | None = None) -> str:
    """Return a MAC under the stolen key, or under another that goes by its name."""
    name = next(iter(settings.AUDIT_MAC_KEYS))
    return f"{name}:{hmac.new(key or os.urandom(32), body.encode(), sha256).hexdigest()}"


def stolen_mac_key() -> bytes:
    return next(iter(settings.AUDIT_MAC_KEYS.values()))


def rewritten(event: AuditEvent, **fields: Any) -> str:
    content = json.loads(str(event.body))
    content["fields"].update(fields)
    return rfc8785.dumps(content).decode()


def rewrite(event: AuditEvent, *, key: bytes | None = None, **fields: Any) -> None:
    """Let the stored text of an event say something else."""
    body = rewritten(event, **fields)
    change_row(EVENTS, "id", event.pk, body=body, mac=forged_mac(body, key))


def redo_leaves() -> None:
    """Number and hash all leaves anew from the events that are there."""
    there = dict(AuditEvent.objects.values_list("pk", "body"))
    kept = list(AuditLeaf.objects.order_by("idx").values_list("event_id", flat=True))
    with unlocked(LEAVES):
        sql(f"DELETE FROM {LEAVES}")
        for idx, pk in enumerate(pk for pk in kept if pk in there):
            digest = sha256(b"\x00" + str(there[pk]).encode()).hexdigest()
            sql(f"INSERT INTO {LEAVES} (idx, event_id, leaf_hash) VALUES (%s, %s, %s)",
                idx, pk, digest)  # fmt: skip


def sign_anew(signer: notes.Signer) -> None:
    """Replace every checkpoint by one of its size over the leaves as they are now."""
    hashes = list(AuditLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True))
    for pk, size in list(AuditCheckpoint.objects.values_list("pk", "size")):
        root = tree.root_of(bytes.fromhex(digest) for digest in hashes[:size])
        note = notes.sign(notes.Checkpoint(signer.name, size, root), signer)
        change_row(CHECKPOINTS, "id", pk, note=note)


def erase(*events: AuditEvent) -> None:
    """Delete events with their rows of history, and close the gap among the leaves."""
    for event in events:
        if event.source:
            table = event.source.replace(".", "_")
            delete(table, "history_id", [event.source_pk])
    delete(EVENTS, "id", [event.pk for event in events])
    redo_leaves()


def seal() -> None:
    """The genuine sealer goes on with its work."""
    sealer.seal()


@contextmanager
def two_minutes_ago() -> Iterator[None]:
    """Set the machine's clock back: what is done inside waits for the sealer since then."""
    then = timezone.now() - timedelta(minutes=2)  # noqa: TID251 - the machine's own clock
    with patch("django.utils.timezone.now", lambda: then):
        yield
