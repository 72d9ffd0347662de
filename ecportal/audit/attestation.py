"""Writes events: one for each history row, in the transaction of that row, and one a happening.

No lock, no chain, no counter: the order comes later, from the sealer.
"""

import hmac
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from hashlib import sha256
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import models

from ecportal import clock
from ecportal.audit import bodies, context, stored
from ecportal.audit.models import AuditEvent

HISTORY: Final = "history"


class _Row(NamedTuple):
    model: type[models.Model]
    pk: int
    origin: context.Origin


_pending: ContextVar[list[_Row] | None] = ContextVar("rows_to_attest", default=None)


def mac(body: str) -> str:
    """Return the body's MAC under the current key, with the key's name before it."""
    name, key = next(iter(settings.AUDIT_MAC_KEYS.items()))
    return f"{name}:{hmac.new(key, body.encode(), sha256).hexdigest()}"


def is_ours(body: str, given: str) -> bool:
    """Whether this MAC was made by a holder of one of the portal's keys."""
    name, _colon, digest = given.partition(":")
    key = settings.AUDIT_MAC_KEYS.get(name)
    if key is None:
        return False
    return hmac.compare_digest(hmac.new(key, body.encode(), sha256).hexdigest(), digest)


@contextmanager
def together() -> Iterator[None]:
    """Attest the rows written inside at its end, in one go; open it inside a transaction.

    Rows of a part that failed, and was rolled back to its savepoint, are forgotten with it.
    """
    outer = _pending.get()
    mine: list[_Row] = []
    token = _pending.set(mine)
    try:
        yield
    finally:
        _pending.reset(token)
    if outer is not None:
        outer.extend(mine)
    else:
        _attest(mine)


def attest(rows: Sequence[Any], username: str = "") -> None:
    """Attest these rows of history, soon to be committed, as they stand in the database."""
    found = [_Row(type(row), row.pk, _origin(row, username)) for row in rows]
    pending = _pending.get()
    if pending is None:
        _attest(found)
    else:
        pending.extend(found)


def attest_found(model: type[models.Model], keys: Sequence[int]) -> int:
    """Attest rows of history that were written before there was a trail; return how many."""
    _attest([_Row(model, pk, context.current()) for pk in keys])
    return len(keys)


def receipt_of(record: Any) -> tuple[int, str]:
    """Return the event of this record's newest act, and its leaf hash, for a receipt to carry.

    Who holds the receipt can show that the act was there, even if it is erased before it is
    sealed. Rows that wait for the end of the act are attested now.
    """
    pending = _pending.get()
    if pending:
        _attest(pending)
        pending.clear()
    newest = record.history.order_by("-history_id").values_list("history_id", flat=True)[:1]
    label = record.history.model._meta.label_lower
    event, body = AuditEvent.objects.values_list("pk", "body").get(source=label, source_pk=newest)
    return event, leaf_hash(str(body))


def _origin(row: Any, username: str) -> context.Origin:
    here = context.current()
    if row.history_user_id in (None, here.user_id):
        return here
    return context.named(row.history_user_id, username)


def _attest(rows: list[_Row]) -> None:
    by_model: dict[type[models.Model], dict[int, context.Origin]] = defaultdict(dict)
    for row in rows:
        by_model[row.model][row.pk] = row.origin
    events = []
    for model, origins in by_model.items():
        label = model._meta.label_lower
        # What is attested is what the database holds, not what was in memory: 2 is not "2".
        found = stored.read(model, list(origins))
        for pk, origin in origins.items():
            if pk not in found:
                raise LookupError(f"The row {pk} of {label} vanished before it was attested.")
            events.append(_event(HISTORY, found[pk], origin, label, pk))
    stored.add(events)


def record(kind: str, origin: context.Origin | None = None, **facts: bodies.Plain) -> AuditEvent:
    """Write an event that stands for itself, such as a sign-in; in the caller's transaction."""
    event = _event(kind, facts, origin or context.current())
    event.save()
    return event


def _event(
    kind: str,
    facts: dict[str, bodies.Plain],
    origin: context.Origin,
    source: str | None = None,
    source_pk: int | None = None,
) -> AuditEvent:
    body = bodies.body(
        kind,
        facts,
        at=clock.real(),
        context=origin.as_fields(),
        source=source,
        source_pk=source_pk,
    )
    return AuditEvent(kind=kind, source=source, source_pk=source_pk, body=body, mac=mac(body))


def leaf_hash(body: str) -> str:
    """Return the hash under which this body stands in the tree (RFC 6962: 0x00 before it)."""
    return sha256(b"\x00" + body.encode()).hexdigest()
