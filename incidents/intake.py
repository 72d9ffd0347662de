"""Makes of what was heard of an incident what its record can hold; nothing is written here."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from ecportal.integrations.facts import IncidentHeard
from ecportal.integrations.models import System as Sender
from ecportal.integrations.reading import clean
from ecportal.lifecycle import REASON_LIMIT
from incidents.models import Incident, System

TITLE_LIMIT: Final = 200
URL_LIMIT: Final = 500
KEY_LIMIT: Final = 200
NOTE_LIMIT: Final = 9000
assert NOTE_LIMIT < REASON_LIMIT

TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that let a text be read otherwise than it is stored; the forms refuse them."""

SOURCES: Final = {
    Sender.PAGERDUTY: Incident.Source.PAGERDUTY,
    Sender.ALERTMANAGER: Incident.Source.ALERTMANAGER,
    Sender.CDEVENTS: Incident.Source.CDEVENTS,
}


@dataclass(frozen=True)
class Told:
    """What a fact says of an incident, as its record takes it. Empty or None: it does not say.

    `began_at` is never in the future; `systems` are the portal's own that it names.
    """

    title: str
    description: str
    severity: int | None
    source_url: str
    began_at: datetime
    systems: tuple[System, ...]


def told(fact: IncidentHeard, now: datetime) -> Told:
    """Return what the fact says; what does not fit its field is told in the description."""
    lines = [plain(fact.description)] if fact.description else []
    title = " ".join(plain(fact.title).split()) or ("Untitled" if fact.title else "")
    if len(title) > TITLE_LIMIT:
        lines.append(f"Title in full: {title}")
        title = f"{title[: TITLE_LIMIT - 1]}…"
    link = clean(fact.url).strip()
    if link and not fits(link):
        lines.append(f"Link: {link}")
        link = ""
    began_at = fact.began_at or fact.at
    if began_at > now:
        lines.append(
            f"The alert says that it began at {began_at:%Y-%m-%d %H:%M:%S} UTC, which was in the "
            "future by the portal's clock; the time of the recording stands for it."
        )
        began_at = now
    systems, strange = known(fact.system_names)
    if strange:
        names = ", ".join(strange)
        lines.append(f"Named by the alert, but no system of the portal: {names}")
    description = "\n".join(lines) if title else ""
    return Told(title, description, fact.severity, link, began_at, systems)


def known(names: Iterable[str]) -> tuple[tuple[System, ...], list[str]]:
    """Return the systems in use that go by these names, and the names that none goes by."""
    wanted = list(dict.fromkeys(filter(None, (" ".join(plain(name).split()) for name in names))))
    if not wanted:
        return (), []
    in_use = {
        system.name.casefold(): system
        for system in System.objects.filter(status=System.Status.ACTIVE)
    }
    found = dict.fromkeys(in_use[name.casefold()] for name in wanted if name.casefold() in in_use)
    return tuple(found), [name for name in wanted if name.casefold() not in in_use]


def source_key(key: str) -> str:
    """Return the source's key, or what stands for one that is too long."""
    if len(key) <= KEY_LIMIT:
        return key
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def note(words: str) -> str:
    """Return the words of a note, cut where a note ends."""
    words = plain(words).strip()
    return words if len(words) <= NOTE_LIMIT else f"{words[: NOTE_LIMIT - 1]}…"


def plain(words: str) -> str:
    return TURNS.sub("", clean(words))


def fits(link: str) -> bool:
    try:
        URLValidator(schemes=["http", "https"])(link)
    except ValidationError:
        return False
    return len(link) <= URL_LIMIT
