"""What a record's page says of its seal: whether each of its events is sealed, and was verified."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, models
from django.utils import timezone

from ecportal.audit import attestation, drift
from ecportal.audit.contents import Content
from ecportal.audit.kinds import COULD_NOT_RUN, VERIFY
from ecportal.audit.models import AuditEvent, AuditLeaf


@dataclass(frozen=True)
class Verification:
    """What the newest verification said. `at` is aware, by the server's own clock."""

    at: datetime | None
    size: int
    codes: str
    event: AuditEvent

    @property
    def is_clean(self) -> bool:
        return self.codes == ""

    @property
    def could_run(self) -> bool:
        return self.codes != COULD_NOT_RUN

    @classmethod
    def told_by(cls, event: AuditEvent) -> "Verification":
        """Read its event; one that the portal did not write counts as a finding."""
        content = Content.of(event)
        ours = attestation.is_ours(event.body or "", event.mac)
        size, count = content.fields.get("size"), content.fields.get("findings")
        codes = content.text("codes") or ("" if count == 0 else "?")
        told = size if isinstance(size, int) else 0
        return cls(content.at, told, codes if ours else "MAC", event)


@dataclass(frozen=True)
class Seal:
    """How far the events of one record's own history are sealed."""

    record: str
    """The record as the list of events takes it: `changes.emergencychange:4`."""
    events: int
    sealed: int
    last_leaf: int
    verified: Verification | None

    @property
    def alarm(self) -> bool:
        """Whether somebody who can look into it has to be told."""
        return not self.events or (self.verified is not None and not self.verified.is_clean)

    @property
    def is_verified(self) -> bool:
        return (
            self.verified is not None
            and self.verified.is_clean
            and self.events == self.sealed > 0
            and self.last_leaf < self.verified.size
        )

    @property
    def words(self) -> str:
        """Return the state in words; those of a verified one go on with its time."""
        if self.verified is not None and not self.verified.could_run:
            return "Verification could not run"
        if self.verified is not None and not self.verified.is_clean:
            return "Verification found something"
        if not self.events:
            return "Without any history"
        if self.sealed < self.events:
            return f"Being sealed ({self.sealed} of {self.events})"
        return "Sealed, verified" if self.is_verified else "Sealed, not verified yet"

    @property
    def headline(self) -> str:
        """Return what is known of the record's own events, in a sentence without a stop."""
        counted = f"{self.events} event{'s' * (self.events != 1)}"
        if self.alarm or self.events != self.sealed:
            return self.words
        if self.is_verified:
            return f"Sealed and unbroken: {counted}, none missing, none altered"
        return f"Sealed: {counted}, not verified yet"

    @property
    def explained(self) -> str:
        """Return how that is known, and what it does not cover."""
        if self.alarm:
            return "What the portal shows of this record may not be what was written then."
        if self.events != self.sealed:
            return "The last events are sealed within a minute; until then nothing binds them."
        newest = (
            f"Each seal covers every event before it; the newest one here is #{self.last_leaf}."
        )
        if self.is_verified and self.verified is not None and self.verified.at is not None:
            at = timezone.localtime(self.verified.at)
            return f"Verified {at:%a} {at.day} {at:%b %H:%M}. {newest}"
        return f"The next verification covers it. {newest}"

    @property
    def tone(self) -> str:
        if self.alarm:
            return "bad"
        if self.sealed < self.events:
            return "mute"
        return "ok" if self.is_verified else "info"


def seal_of(record: models.Model) -> Seal | None:
    """Return the state of the record's seal, in one query; None for what keeps no history."""
    model = type(record)
    if not hasattr(model._meta, "simple_history_manager_attribute"):
        return None
    past = drift.history_of(model)
    with connection.cursor() as cursor:
        cursor.execute(_query(model), (past._meta.label_lower, record.pk))
        events, sealed, last_leaf, *row = cursor.fetchone()
    verified = Verification.told_by(_event(row)) if row[0] is not None else None
    label = f"{model._meta.label_lower}:{record.pk}"
    return Seal(label, events, sealed, -1 if last_leaf is None else last_leaf, verified)


@cache
def _query(model: type[models.Model]) -> str:
    """Return the one query: counts the rows and leaves, beside the newest verification."""
    quote = connection.ops.quote_name
    history = quote(drift.history_of(model)._meta.db_table)
    key = quote(str(model._meta.pk.column))
    event, leaf = quote(AuditEvent._meta.db_table), quote(AuditLeaf._meta.db_table)
    # The second condition follows from the first; in these words SQLite finds the index.
    newest = (
        f"SELECT MAX(id) FROM {event} WHERE kind = '{VERIFY}'"
        f" AND NOT (kind = '{attestation.HISTORY}')"
    )
    return (
        f"SELECT counted.*, v.id, v.body, v.mac FROM"
        f" (SELECT COUNT(*), COUNT(l.idx), MAX(l.idx) FROM {history} h"
        f" LEFT JOIN {event} e ON e.source = %s AND e.source_pk = h.history_id"
        f" LEFT JOIN {leaf} l ON l.event_id = e.id WHERE h.{key} = %s) AS counted"
        f" LEFT JOIN {event} v ON v.id = ({newest})"
    )


def newest(kind: str) -> AuditEvent | None:
    """Return the newest event of this kind."""
    found = AuditEvent.objects.filter(kind=kind).exclude(kind=attestation.HISTORY)
    return found.order_by("-pk").first()


def _event(row: list[Any]) -> AuditEvent:
    pk, body, mac = row
    return AuditEvent(pk=pk, kind=VERIFY, body=body, mac=mac)
