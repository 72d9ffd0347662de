"""Each row of history against the event that attests it, and each such event against its row."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db import DataError, models

from ecportal.audit import attestation, bodies
from ecportal.audit.verification import names
from ecportal.audit.verification.events import CHUNK, Examiner, Stored, stored
from ecportal.audit.verification.orders import Erasure, is_erased, kept_text
from ecportal.audit.verification.report import Report

LATE: Final = timedelta(minutes=5)
UNREADABLE: Final[dict[str, Any]] = {}
"""Stands for a row in which the database holds what its column cannot."""

_BAD_VALUE: Final = (ValueError, TypeError, AttributeError, ArithmeticError, DataError)


class _Pair(NamedTuple):
    pk: int
    row: dict[str, Any] | None
    event: Stored | None


def compare(examiner: Examiner, model: type[models.Model], only: set[int] | None = None) -> None:
    """Compare a whole table of history with its events, or only the rows of these keys."""
    comparison = _Comparison(examiner, model)
    for pair in comparison.pairs() if only is None else comparison.chosen(only):
        comparison.check(pair)


class _Comparison:
    def __init__(self, examiner: Examiner, model: type[Any]) -> None:
        self.examiner, self.model = examiner, model
        self.report: Report = examiner.report
        self.live: type[models.Model] = model.instance_type
        self.label = model._meta.label_lower
        self.names = bodies.columns(model)

    def pairs(self) -> Iterator[_Pair]:
        """Yield rows and events side by side in the order of their keys, a chunk in memory."""
        last: int | None = None
        while True:
            rows = self._rows(last)
            full = len(rows) == CHUNK
            end = max(rows) if full else None
            yield from self._merged(rows, self._events(last, end))
            if not full:
                return
            last = end

    def chosen(self, keys: set[int]) -> Iterator[_Pair]:
        for pk in sorted(keys):
            where = "e.kind = %s AND e.source = %s AND e.source_pk = %s"
            events = stored(where, [attestation.HISTORY, self.label, pk])
            yield from self._merged(self._read(pk__in=[pk]), {e.source_pk: e for e in events})

    @staticmethod
    def _merged(rows: dict[int, Any], events: dict[Any, Stored]) -> Iterator[_Pair]:
        for pk in sorted(rows.keys() | events.keys()):
            yield _Pair(pk, rows.get(pk), events.get(pk))

    def _rows(self, last: int | None) -> dict[int, Any]:
        return self._read(CHUNK) if last is None else self._read(CHUNK, pk__gt=last)

    def _read(self, limit: int | None = None, **where: Any) -> dict[int, Any]:
        chosen = self.model._base_manager.filter(**where).order_by("pk")
        try:
            found = list(chosen.values_list("pk", *self.names)[:limit])
            return {pk: bodies.fields(self.names, tuple(values)) for pk, *values in found}
        except _BAD_VALUE:
            keys = list(chosen.values_list("pk", flat=True)[:limit])
            return {pk: self._one(pk) for pk in keys}

    def _one(self, pk: int) -> dict[str, Any]:
        try:
            (row,) = self.model._base_manager.filter(pk=pk).values_list(*self.names)
            return bodies.fields(self.names, tuple(row))
        except _BAD_VALUE:
            return UNREADABLE

    def _events(self, after: int | None, end: int | None) -> dict[Any, Stored]:
        where = "e.kind = %s AND e.source = %s AND e.source_pk IS NOT NULL"
        parameters: list[Any] = [attestation.HISTORY, self.label]
        for bound, sign in ((after, ">"), (end, "<=")):
            if bound is not None:
                where += f" AND e.source_pk {sign} %s"
                parameters.append(bound)
        return {event.source_pk: event for event in stored(where, parameters)}

    def check(self, pair: _Pair) -> None:
        pk, row, event = pair
        content = None if event is None else self.examiner.examine(event)
        erased = None if event is None else self.examiner.erased.get(event.pk)
        if row is not None:
            self.report.totals["rows"] += 1
        if row is None:
            self._gone(pk, event, content)
        elif event is not None and event.body is None and erased is not None:
            self._after_erasure(pk, row, event, erased)
        elif event is None or content is None:
            self._unattested(pk, row, event)
        else:
            self._same(pk, row, event, content)

    def _gone(self, pk: int, event: Stored | None, content: dict[str, Any] | None) -> None:
        fields = content["fields"] if content else {}
        key = fields.get(self._key)
        record = names.record(self.live, key, fields) if key is not None else self.label
        number = event.pk if event else None
        self.report.find(
            "ROW_GONE",
            f"{record}: {names.row(pk, fields)} was deleted. Event {number} still has what it "
            "said.",
            record,
            event_id=number,
        )

    def _unattested(self, pk: int, row: dict[str, Any], event: Stored | None) -> None:
        record = self._record(row)
        why = "no event attests it" if event is None else f"event {event.pk} does not attest it"
        self.report.find(
            "UNATTESTED",
            f"{record}: {names.row(pk, row)} was not written by the portal: {why}.",
            record,
            event_id=event.pk if event else None,
        )

    def _same(self, pk: int, row: dict[str, Any], event: Stored, content: dict[str, Any]) -> None:
        attested = content["fields"]
        if row != attested:
            for name, value in attested.items():
                if name in row and row[name] != value:
                    self._changed(pk, attested, event, name)
                elif name not in row and row is not UNREADABLE:
                    key = (self.label, name)
                    gone = self.examiner.gone_columns
                    gone[key] = max(event.pk, gone.get(key, 0))
            if row is UNREADABLE:
                self._changed(pk, attested, event, "")
        self._when(pk, attested, event, content)

    def _changed(self, pk: int, fields: dict[str, Any], event: Stored, name: str) -> None:
        record = self._record(fields)
        field = names.field(self.live, name) if name else "of which one cannot be read"
        self.report.find(
            "ROW",
            f"{record}, field {field}, was changed after it was attested: {names.row(pk, fields)} "
            f"differs from what event {event.pk} recorded.",
            record,
            field if name else "",
            event.pk,
        )

    def _after_erasure(self, pk: int, row: dict[str, Any], event: Stored, erased: Erasure) -> None:
        """Compare the columns that were kept by their MACs; the erased ones hold nothing."""
        for name, value in row.items():
            if name in erased.columns:
                if not is_erased(value):
                    self._changed(pk, row, event, name)
            elif name in erased.kept and not attestation.is_ours(
                kept_text(self.label, pk, name, value), erased.kept[name]
            ):
                self._changed(pk, row, event, name)
        if row is UNREADABLE:
            self._changed(pk, row, event, "")

    def _when(
        self, pk: int, fields: dict[str, Any], event: Stored, content: dict[str, Any]
    ) -> None:
        """A time may be that of the portal's clock or the real one; both are in the event."""
        if content["ctx"].get("adopted") is True:
            self.report.totals["adopted"] += 1
            return
        claimed = fields.get("history_date")
        times = [content["at"], content["ctx"].get("clock")]
        try:
            said = datetime.fromisoformat(str(claimed))
            known = [datetime.fromisoformat(str(time)) for time in times if time is not None]
        except ValueError:
            return  # the row has no time, which is then a finding of its own
        if not any(abs(said - time) <= LATE for time in known):
            record = self._record(fields)
            self.report.find(
                "BACKDATED",
                f"{record}: {names.row(pk, fields)} was written at {names.moment(times[0])}.",
                record,
                names.field(self.live, "history_date"),
                event.pk,
            )

    @property
    def _key(self) -> str:
        return str(self.live._meta.pk.attname)

    def _record(self, fields: dict[str, Any]) -> str:
        return names.record(self.live, fields.get(self._key, "(unreadable)"), fields)
