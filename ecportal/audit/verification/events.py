"""Each event against its leaf, its MAC and its own columns."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils.text import capfirst

from ecportal import clock
from ecportal.audit import attestation, bodies, drift, schema
from ecportal.audit.kinds import SEAL
from ecportal.audit.models import AuditEvent, AuditLeaf
from ecportal.audit.verification import names
from ecportal.audit.verification.orders import Erasure
from ecportal.audit.verification.report import Report

CHUNK: Final = 2000
UNSEALED_AFTER: Final = timedelta(seconds=60)
STALE_AFTER: Final = timedelta(hours=26)
_SHAPE: Final = (("salt", str), ("at", str), ("ctx", dict), ("fields", dict))


class Stored(NamedTuple):
    """An event as the database has it, with its leaf if it was sealed."""

    pk: int
    kind: str
    source: str | None
    source_pk: int | None
    body: str | None
    mac: str
    leaf_hash: str | None


def stored(where: str, parameters: Sequence[Any]) -> Iterator[Stored]:
    """Yield the events that this condition on `e` selects, in memory a chunk at a time."""
    event, leaf = AuditEvent._meta.db_table, AuditLeaf._meta.db_table
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "SELECT e.id, e.kind, e.source, e.source_pk, e.body, e.mac, l.leaf_hash"
            f" FROM {event} e LEFT JOIN {leaf} l ON l.event_id = e.id WHERE {where}",
            parameters,
        )
        while rows := cursor.fetchmany(CHUNK):
            yield from map(Stored._make, rows)


class Examiner:
    """Looks at events one by one and remembers what only all of them together show."""

    def __init__(self, report: Report, erased: dict[int, Erasure], now: datetime) -> None:
        """`now` is the real time, not later than that of which the database is seen."""
        self.report = report
        self.erased = erased
        self.now = now
        self.gone_columns: dict[tuple[str, str], int] = {}
        self._oldest_unsealed: tuple[timedelta, int] | None = None
        self._newest_seal: datetime | None = None
        self._oldest: datetime | None = None

    def examine(self, event: Stored) -> dict[str, Any] | None:
        """Return the event's content, or None where it has none that can be gone by."""
        self.report.totals["events"] += 1
        body = event.body
        if event.leaf_hash is None:
            self.report.totals["unsealed"] += 1
        if body is None:
            self._without_body(event)
            return None
        altered = event.leaf_hash not in (None, attestation.leaf_hash(body))
        forged = not attestation.is_ours(body, event.mac)
        content = self._content(event, body)
        if altered or forged or content is None:
            self._tell(event, content, altered=altered, forged=forged)
        if content is not None:
            self._note(event, content)
        return content

    def _without_body(self, event: Stored) -> None:
        if event.pk in self.erased:
            self.report.totals["redacted"] += 1
        else:
            self.report.find(
                "REDACTED_WITHOUT_ORDER",
                f"The text of {self.name(event)} is gone, and no redaction orders that.",
                event_id=event.pk,
            )

    def _content(self, event: Stored, body: str) -> dict[str, Any] | None:
        try:
            content = json.loads(body)
            if content["v"] != bodies.VERSION:
                return None
            if not all(isinstance(content[name], kind) for name, kind in _SHAPE):
                return None
            datetime.fromisoformat(content["at"])
            meta = (content["kind"], content["source"], content["source_pk"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return content if meta == (event.kind, event.source, event.source_pk) else None

    def _tell(
        self, event: Stored, content: dict[str, Any] | None, *, altered: bool, forged: bool
    ) -> None:
        record = self.record(event, content)
        name = capfirst(self.name(event, content)) + (f", about {record}," if record else "")
        if altered:
            sentence = f"{name} was changed after it was sealed."
            self.report.find("LEAF", sentence, record, event_id=event.pk)
        if forged:
            sentence = f"{name} was not written by the portal: its MAC is not the portal's."
            self.report.find("MAC", sentence, record, event_id=event.pk)
        if content is None:
            sentence = f"{name} says other things about itself than its columns do."
            self.report.find("EVENT_META", sentence, record, event_id=event.pk)

    @staticmethod
    def record(event: Stored, content: dict[str, Any] | None) -> str:
        """Return the name of the record that the event attests, or nothing."""
        model = names.source_model(event.source)
        if model is None or content is None:
            return ""
        live = model.instance_type
        return names.record(live, content["fields"].get(live._meta.pk.attname), content["fields"])

    @staticmethod
    def name(event: Stored, content: dict[str, Any] | None = None) -> str:
        when = f" of {names.moment(content['at'])}" if content else ""
        kind = event.kind.replace("_", " ")
        return f"event {event.pk} ({kind}){when}"

    def _note(self, event: Stored, content: dict[str, Any]) -> None:
        at = datetime.fromisoformat(content["at"])
        if self._oldest is None or at < self._oldest:
            self._oldest = at
        if event.leaf_hash is None:
            age = self.now - at
            if self._oldest_unsealed is None or age > self._oldest_unsealed[0]:
                self._oldest_unsealed = (age, event.pk)
        if "clock" in content["ctx"]:
            self._under_a_set_clock(event, content)
        if event.kind == SEAL and (self._newest_seal is None or at > self._newest_seal):
            self._newest_seal = at
        elif event.kind == drift.DRIFT:
            self._drift_seen(event, content)

    def _under_a_set_clock(self, event: Stored, content: dict[str, Any]) -> None:
        self.report.totals["clock_set"] += 1
        if settings.IN_PRODUCTION:
            self.report.find(
                "BACKDATED",
                f"{capfirst(self.name(event, content))} was recorded while the portal's clock was "
                "set to another time, which production never does.",
                self.record(event, content),
                event_id=event.pk,
            )

    def _drift_seen(self, event: Stored, content: dict[str, Any]) -> None:
        fields = content["fields"]
        model = _live_model(fields.get("model"))
        columns = str(fields.get("columns", "")).split(", ")
        if model is None:
            record, field = str(fields.get("model")), ", ".join(columns)
        else:
            record = names.record(model, fields.get("pk"))
            field = ", ".join(names.field(model, column) for column in columns)
        self.report.find(
            "DRIFT_SEEN",
            f"{record}: {field} had been changed past the portal when somebody saved the record at "
            f"{names.moment(content['at'])}; the row of history before event {event.pk} is what "
            "the portal had written.",
            record,
            field,
            event.pk,
        )

    def conclude(self) -> None:
        """Find what no single event shows: a sealer that is behind, a heartbeat that is overdue."""
        totals = self.report.totals
        if self._oldest_unsealed is not None:
            age, pk = self._oldest_unsealed
            totals["oldest_unsealed"] = max(0.0, age.total_seconds())
            if age > UNSEALED_AFTER:
                self.report.find(
                    "UNSEALED",
                    f"{totals['unsealed']} events are not sealed, the oldest for "
                    f"{clock.duration(age)}: the sealer is behind or does not run.",
                    event_id=pk,
                )
        if self._newest_seal is not None:
            totals["last_heartbeat"] = max(0.0, (self.now - self._newest_seal).total_seconds())
        since = self._newest_seal or self._oldest
        if since is not None and self.now - since > STALE_AFTER:
            self.report.find(
                "STALE",
                f"The last heartbeat of the sealer is {clock.duration(self.now - since)} old; "
                "one a day is due.",
            )

    def check_schema(self) -> None:
        """Find columns that were attested, are gone, and that no later schema event explains."""
        if not self.gone_columns:
            return
        events = AuditEvent.objects.filter(kind=schema.SCHEMA, body__isnull=False).order_by("pk")
        told = [
            (pk, json.loads(json.loads(str(body))["fields"]["tables"]))
            for pk, body, mac in events.values_list("pk", "body", "mac")
            if attestation.is_ours(str(body), mac)
        ]
        for (source, column), last in self.gone_columns.items():
            later = (tables for pk, tables in told if pk > last)
            if any(column not in tables.get(source, ()) for tables in later):
                continue
            what = f"The column {column} of {source}" if column else f"The table of {source}"
            self.report.find(
                "ROW",
                f"{what} is gone, and no later schema event says that it was removed.",
                source,
                column,
                last,
            )


def _live_model(label: Any) -> Any:
    return next((m for m in drift.tracked_models() if m._meta.label_lower == label), None)


def heartbeat_only(examiner: Examiner) -> None:
    """Look at the newest heartbeat, where not every event is looked at."""
    newest = AuditEvent.objects.filter(kind=SEAL).order_by(F("pk").desc())[:1]
    for pk in newest.values_list("pk", flat=True):
        for event in stored("e.id = %s", [pk]):
            examiner.examine(event)


def beside_the_rows(examiner: Examiner, sources: Iterable[str]) -> None:
    """Examine the events that attest no row of these sources."""
    known = list(sources)
    marks = ", ".join(["%s"] * len(known))
    where = (
        "e.kind <> %s OR e.source IS NULL OR e.source_pk IS NULL"
        f" OR e.source NOT IN ({marks}) ORDER BY e.id"
    )
    for event in stored(where, [attestation.HISTORY, *known]):
        content = examiner.examine(event)
        if event.kind == attestation.HISTORY and content is not None and event.source:
            # A model that is no more: its rows went with it, its events stay.
            key = (event.source, "")
            examiner.gone_columns[key] = max(event.pk, examiner.gone_columns.get(key, 0))
