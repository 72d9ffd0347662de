"""What other systems tell of deployments and tickets: recorded once, as the portal can keep it."""

import hashlib
from datetime import datetime
from typing import Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, transaction

from changes.models import Deployment, EmergencyChange, Ticket
from ecportal.lifecycle import Lifecycle, TransitionRefused

Told = TypeVar("Told", Deployment, Ticket)

LONGEST_KEY: Final = 255
_web_address = URLValidator(schemes=["http", "https"])


def recorded_or_held(
    lifecycle: Lifecycle[Told], known: Told | None, new: Told, **values: Any
) -> tuple[Told, bool]:
    """Return the record, and whether it is new: else it is locked and as it stands now.

    `known` is None where it was not there a moment ago; another may record it meanwhile.
    """
    if known is None:
        try:
            with transaction.atomic():
                return lifecycle.perform(new, "record", **values), True
        except IntegrityError:
            known = lifecycle.model._default_manager.get(source=new.source, key=new.key)
    held = lifecycle.model._default_manager.select_for_update(of=("self",), no_key=True)
    known.refresh_from_db(from_queryset=held)
    return known, False


def claimed(
    lifecycle: Lifecycle[Told], record: Told, verb: str, change: EmergencyChange, **values: Any
) -> str:
    """Have the change claim the record, and say what came of it."""
    done = f"{verb}ed"  # attached, linked
    try:
        lifecycle.perform(record, verb, change=change, **values)
    except TransitionRefused as refused:
        return f"Not {done} to {change.number}: {refused.sentence}"
    return f"{done.capitalize()} it to {change.number}."


# --- as the portal can keep it ------------------------------------------------------------------
def plain(text: str) -> str:
    """Return the text without what no database keeps: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def address(text: str, model: type[Deployment | Ticket]) -> str:
    """Return the address if a page may link to it and the model has room for it, else nothing."""
    limit = model._meta.get_field("url").max_length or 0
    try:
        _web_address(text)
    except ValidationError:
        return ""
    return text if len(text) <= limit else ""


def moment(value: datetime | None) -> datetime | None:
    """Return a time of our centuries, else none."""
    return value if value is not None and 2000 <= value.year < 2200 else None


def kept_key(text: str) -> str:
    """Return the key as it is kept: of a very long one the beginning and its SHA-256."""
    key = plain(text)
    if len(key) <= LONGEST_KEY:
        return key
    return f"{key[:190]}…{hashlib.sha256(key.encode()).hexdigest()}"
