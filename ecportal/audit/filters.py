"""What the list of events can be narrowed to: a record, a period, a search."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest
from django.utils import timezone

from ecportal.audit import attestation, bodies, drift, sign_in
from ecportal.audit.contents import model_of
from ecportal.audit.words import KINDS

FROM, UNTIL = "from", "until"
PEOPLE_FOUND: Final = 20
_AT: Final = (len('{"at":"') + 1, len("2026-01-01T00:00:00.000000Z"))
"""Where the time stands in each body: its keys are sorted, and this one is the first."""


def of_record(label: str, pk: str) -> Q | None:
    """Return what chooses the events of a record: its own history, and acts on it refused.

    None where there is no such kind of record.
    """
    model = model_of(label)
    if model is None or not hasattr(model._meta, "simple_history_manager_attribute"):
        return None
    if not pk.isdecimal() or int(pk) > models.BigIntegerField.MAX_BIGINT:
        return None
    past = drift.history_of(model)
    rows = past._base_manager.filter(**{str(model._meta.pk.attname): pk})
    own = Q(source=past._meta.label_lower, source_pk__in=rows.values("history_id"))
    return own | Q(kind=sign_in.DENIED, body__contains=f' {model._meta.label_lower}:{pk}"')


def by_person(pk: int) -> Q:
    """Return what chooses the events that this person caused.

    No text that somebody typed looks like this: in a body, its quotation marks are escaped.
    """
    return Q(body__contains=f'"user_id":{pk},"username":')


def of_people(term: str) -> Q:
    """Return what chooses the events of everybody whose name contains this."""
    people = get_user_model()._default_manager.filter(
        Q(username__icontains=term) | Q(first_name__icontains=term) | Q(last_name__icontains=term)
    )
    found = Q(pk__in=())
    for pk in people.values_list("pk", flat=True)[:PEOPLE_FOUND]:
        found |= by_person(pk)
    return found


def day_of(text: str) -> date | None:
    """Return the day that was typed; None for what is no day of our time."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if 1900 <= day.year < 2200 else None


def _start(day: date) -> str:
    """Return the beginning of a day of the reader's zone as bodies write it, in UTC."""
    local = datetime.combine(day, time.min, timezone.get_current_timezone())
    return str(bodies.plain(local.astimezone(UTC)))


class KindFilter(admin.SimpleListFilter):
    """One kind of event."""

    title, parameter_name = "kind", "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(KINDS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        kind = self.value()
        if kind is None:
            return queryset
        chosen = queryset.filter(kind=kind)
        # In these words SQLite finds the index of the rarer kinds.
        return chosen if kind == attestation.HISTORY else chosen.exclude(kind=attestation.HISTORY)


class RecordFilter(admin.SimpleListFilter):
    """One record, as a link from its page names it: `changes.emergencychange:4`."""

    title, parameter_name = "record", "record"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = self.value()
        return [(asked, model_admin.record_named(request, asked))] if asked else []

    def has_output(self) -> bool:
        return self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        label, _colon, pk = (self.value() or "").partition(":")
        if not label:
            return queryset
        found = of_record(label, pk)
        return queryset.none() if found is None else queryset.filter(found)


class PeriodFilter(admin.ListFilter):
    """From one day to another, both included, in the reader's zone."""

    title = "period"
    template = "admin/audit/period.html"

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.days: dict[str, date] = {}
        for name in (FROM, UNTIL):
            value = params.pop(name, None)
            day = day_of(value[-1]) if value else None
            if day is not None:
                self.days[name] = day
                self.used_parameters[name] = day.isoformat()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [FROM, UNTIL]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Yield the one form: its days, the rest of the address, and the way back to all."""
        others = {k: v[-1] for k, v in changelist.filter_params.items() if k not in (FROM, UNTIL)}
        if changelist.query:
            others["q"] = changelist.query
        days = {name: day.isoformat() for name, day in self.days.items()}
        everything = changelist.get_query_string(remove=[FROM, UNTIL])
        yield {
            "first": days.get(FROM, ""),
            "last": days.get(UNTIL, ""),
            "others": others.items(),
            "everything": everything,
            "selected": bool(days),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not self.days:
            return queryset
        queryset = queryset.annotate(written_at=Substr("body", *_AT))
        if FROM in self.days:
            queryset = queryset.filter(written_at__gte=_start(self.days[FROM]))
        if UNTIL in self.days:
            end = _start(self.days[UNTIL] + timedelta(days=1))
            queryset = queryset.filter(written_at__lt=end)
        return queryset
