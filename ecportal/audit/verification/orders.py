"""The erasures that were ordered: which events lost their text, and what their rows still hold."""

import json
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from ecportal.audit import attestation
from ecportal.audit.kinds import REDACTION
from ecportal.audit.models import AuditEvent

ERASED: Final = "[redacted]"
ERASED_LINK: Final = "https://redacted.invalid/"
ERASED_ADDRESS: Final = "redacted@redacted.invalid"
"""Stand for what was erased; in a field that takes only addresses, addresses of RFC 2606."""


class Erasure(NamedTuple):
    """What was ordered for one event: erased columns, and MACs of what its row kept."""

    columns: frozenset[str]
    kept: dict[str, str]


def is_erased(value: Any) -> bool:
    """Whether this is what an erasure leaves: nothing, or one of the marks."""
    return value is None or str(value) in ("", ERASED, ERASED_LINK, ERASED_ADDRESS)


def kept_text(source: str, pk: int, column: str, value: Any) -> str:
    """Return what the MAC of a value that stays in an erased event's row is made over.

    An array, so it can never be taken for the body of an event, which is an object.
    """
    return json.dumps([source, pk, column, value], ensure_ascii=False)


def erasures() -> dict[int, Erasure]:
    """Return by event the erasures that the portal itself ordered; later orders add columns."""
    found: dict[int, Erasure] = {}
    for _pk, fields in orders():
        columns = frozenset(str(fields["columns"]).split())
        for number, kept in json.loads(fields["kept"]).items():
            before = found.get(int(number), Erasure(frozenset(), {}))
            found[int(number)] = Erasure(before.columns | columns, kept)
    return found


def orders() -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the orders that the portal itself wrote, each with its event, the oldest first."""
    events = AuditEvent.objects.filter(kind=REDACTION, body__isnull=False).order_by("pk")
    for pk, body, mac in events.values_list("pk", "body", "mac"):
        if attestation.is_ours(str(body), mac):  # else anybody could order
            yield pk, json.loads(str(body))["fields"]
