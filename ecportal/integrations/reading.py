"""What every reader of a payload needs: strict JSON, and values that are what they should be."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

DEEPEST: Final = 100
"""Levels of nesting; nobody's events come near it."""

LONGEST_NUMBER: Final = 40
EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)
TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})? ?([Zz]|UTC|[+-][0-9]{2}:?[0-9]{2})"
)

Holder = Mapping[str, Any]
Headers = Mapping[str, str]


class Malformed(ValueError):
    """The bytes are no JSON object that the portal takes; says why in one sentence."""


class Unreadable(ValueError):
    """The event cannot be understood; says why in one sentence without the event's words."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What a delivery says of itself; empty where it does not.

    `delivery_id` is the same when the delivery comes again, `at` the sender's clock, `about` the
    sender's key of the object that it tells of.
    """

    delivery_id: str = ""
    event: str = ""
    at: datetime | None = None
    about: str = ""


def payload_in(body: bytes) -> bytes:
    """Return the JSON of a body; GitHub can be told to send it as the one field of a form."""
    if not body.startswith(b"payload="):
        return body
    try:
        fields = dict(parse_qsl(body.decode("ascii"), strict_parsing=True, max_num_fields=20))
    except ValueError:
        raise Malformed("It is no form.") from None
    return fields.get("payload", "").encode("utf-8", "replace")


def decode(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in the bytes, or raise Malformed."""
    if not raw.strip():
        raise Malformed("It is empty.")
    try:
        found = json.loads(
            raw.decode("utf-8-sig"),
            object_pairs_hook=_each_name_once,
            parse_int=_whole,
            parse_float=_fraction,
            parse_constant=_no_number,
        )
    except Malformed:
        raise
    except UnicodeDecodeError:
        raise Malformed("It is not UTF-8.") from None
    except RecursionError:
        raise Malformed("It is nested too deeply.") from None
    except ValueError:
        raise Malformed("It is not JSON.") from None
    if not isinstance(found, dict):
        raise Malformed("It is no JSON object.")
    if _is_too_deep(found):
        raise Malformed("It is nested too deeply.")
    return found


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("It names a key twice in one object.")
    return found


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise Malformed("It has a number that is too long.")
    return int(digits)


def _fraction(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Malformed("It has a number that is too large.")
    return number


def _no_number(name: str) -> NoReturn:
    raise Malformed(f"{name} is no number of JSON.")


def _is_too_deep(found: Any) -> bool:
    level = [found]
    for _depth in range(DEEPEST):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def clean(text: str) -> str:
    """Return the text without what no database takes: NUL and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def holder(value: object, where: str) -> Holder:
    if not isinstance(value, dict):
        raise Unreadable(f"{where} is no object.")
    return value


def part(found: Holder, name: str) -> Holder:
    """Return an object that may be null or left out: then it is empty."""
    value = found.get(name)
    return {} if value is None else holder(value, name)


def objects(found: Holder, name: str) -> list[Holder]:
    """Return a list of objects that may be null or left out."""
    value = found.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise Unreadable(f"{name} is no list.")
    return [holder(one, f"Each of {name}") for one in value]


def text(found: Holder, name: str, where: str, *, required: bool = False) -> str:
    value = found.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{where}: {clean(name)[:40]!r} is no text.")
    plain = clean(value or "").strip()
    if required and not plain:
        raise Unreadable(f"{where}: {name!r} is missing.")
    return plain


def key(found: Holder, name: str, where: str) -> str:
    """Return an identifier, which some systems write as a number and others as a text."""
    value = found.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text(found, name, where, required=True)


def time(found: Holder, name: str, where: str) -> datetime:
    """Return a time of RFC 3339 or of Ruby as UTC; beyond microseconds it is cut off."""
    moment = moment_of(text(found, name, where, required=True))
    if moment is None:
        raise Unreadable(f"{where}: {name!r} is no time with its time zone.")
    if moment < EARLIEST:
        raise Unreadable(f"{where}: {name!r} is not set.")
    return moment


def time_if_any(found: Holder, name: str, where: str) -> datetime | None:
    """Return a time that may be null, left out or the zero of its language."""
    if not text(found, name, where):
        return None
    moment = moment_of(text(found, name, where))
    if moment is None:
        raise Unreadable(f"{where}: {name!r} is no time with its time zone.")
    return moment if moment >= EARLIEST else None


def moment_of(words: str) -> datetime | None:
    """Return what a text says as UTC, or None where it is no time with its zone."""
    if TIME.fullmatch(words) is None:
        return None
    iso = words.upper().replace("UTC", "Z").replace(" ", "T", 1).replace(" ", "")
    try:
        return datetime.fromisoformat(iso).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def lenient_time(found: object, *path: str) -> datetime | None:
    """Return the time at the path for the envelope, where anything odd is simply none."""
    words = lenient_text(found, *path)
    return moment_of(words) if words else None


def lenient_text(found: object, *path: str) -> str:
    """Return the text or number at the path for the envelope, or nothing."""
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return clean(found).strip() if isinstance(found, str) else ""


def texts_in(found: object) -> Iterator[str]:
    """Yield every text in the values of anything, at any depth."""
    waiting = [found]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str) and value:
            yield clean(value)
        elif isinstance(value, dict):
            waiting.extend(reversed(value.values()))
        elif isinstance(value, list):
            waiting.extend(reversed(value))
