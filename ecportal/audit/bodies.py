"""The canonical text of an event: RFC 8785 JSON whose values are only null, bool, int or text.

What is hashed and compared later is the stored text. So writing it has to be deterministic only
for reading the same row back, and a change of schema never alters an old hash.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import rfc8785
from django.db import models

VERSION: Final = 1
_SAFE_INTEGER: Final = 2**53 - 1

Plain = bool | int | str | None


def plain(value: Any) -> Plain:
    """Return a value read from the database as canonical JSON can hold it, times in UTC."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _SAFE_INTEGER else str(value)
    if isinstance(value, datetime):
        # Not strftime: whether it pads a year before 1000 depends on the platform.
        return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.days}d{value.seconds}.{value.microseconds:06d}s"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form in the audit trail.")


def columns(model: type[models.Model]) -> tuple[str, ...]:
    """Return the attribute names of the columns that an attestation of this model covers."""
    return tuple(field.attname for field in model._meta.concrete_fields)


def fields(names: tuple[str, ...], values: tuple[Any, ...]) -> dict[str, Plain]:
    """Return one row, as `values_list` gives it, in canonical values."""
    return {
        # Most values are text or nothing, and this is the innermost loop of a verification.
        name: value if value is None or type(value) is str else plain(value)
        for name, value in zip(names, values, strict=True)
    }


def body(
    kind: str,
    facts: Mapping[str, Plain],
    *,
    at: datetime,
    context: Mapping[str, Plain],
    source: str | None = None,
    source_pk: int | None = None,
) -> str:
    """Return the text of an event; the salt makes its hash safe to hand out."""
    content: dict[str, Any] = {
        "v": VERSION,
        "kind": kind,
        "source": source,
        "source_pk": source_pk,
        "salt": secrets.token_hex(16),
        "at": plain(at),
        "ctx": dict(context),
        "fields": dict(facts),
    }
    return rfc8785.dumps(content).decode()
