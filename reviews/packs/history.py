"""Which events of the trail are about a change, and the JSON of a change that is made of them."""

import json
from collections import defaultdict
from functools import cache
from typing import Any, NamedTuple

from django.db import models
from django.db.models import Q

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.audit import verify_pack
from ecportal.audit.drift import history_of, tracked_models
from ecportal.audit.models import AuditEvent, AuditLeaf
from incidents.models import Incident

Rows = dict[type[Any], set[int]]


class NotSealed(Exception):
    """Something that was written is not sealed yet."""


class Told(NamedTuple):
    """An event of a change: its leaf, its key, and its text; None where that was erased."""

    leaf: int
    event: int
    body: str | None


@cache
def _referring(model: type[models.Model]) -> list[tuple[type[models.Model], str]]:
    """Return the tracked models and columns that point at records of this model."""
    return [
        (other, field.attname)
        for other in tracked_models()
        for field in other._meta.concrete_fields
        if field.related_model is model
    ]


def rows_about(change: EmergencyChange) -> Rows:
    """Return the rows of history of the change, of its incident, and of all that belongs to them.

    What belongs to another change of the same incident is not among them.
    """
    rows: Rows = defaultdict(set)
    _follow(rows, EmergencyChange, {change.pk})
    _follow(rows, Incident, {change.incident_id}, app=Incident._meta.app_label)
    return rows


def _follow(rows: Rows, model: type[models.Model], keys: set[int], app: str = "") -> None:
    past, key = history_of(model), str(model._meta.pk.attname)
    own = past._base_manager.filter(**{f"{key}__in": keys})
    rows[past].update(own.values_list("history_id", flat=True))
    for other, column in _referring(model):
        if app in ("", other._meta.app_label):
            name = str(other._meta.pk.attname)
            belonging = history_of(other)._base_manager.filter(**{f"{column}__in": keys})
            found = set(belonging.values_list(name, flat=True))
            if found:
                _follow(rows, other, found, app)


def events_about(change: EmergencyChange) -> list[Told]:
    """Return the events about the change in the order of the log; NotSealed if one has no leaf."""
    chosen = Q()
    for past, keys in rows_about(change).items():
        chosen |= Q(source=past._meta.label_lower, source_pk__in=keys)
    bodies = dict(AuditEvent.objects.filter(chosen).values_list("pk", "body"))
    leaves = AuditLeaf.objects.filter(event_id__in=bodies).order_by("idx")
    told = [Told(idx, pk, bodies[pk]) for idx, pk in leaves.values_list("idx", "event_id")]
    if len(told) < len(bodies):
        raise NotSealed
    return told


def record_text(number: str, story: dict[str, Any], events: list[Told]) -> bytes:
    """Return the JSON of a change; its shape is laid down in `verify_pack`, which checks it.

    `told` is what the PDF tells, `people` names the keys of people, `records` is each record as
    its last event left it, `history` every event in full.
    """
    history = [
        {"leaf": one.leaf, "event": None if one.body is None else json.loads(one.body)}
        for one in events
    ]
    records = verify_pack.records_of(history)
    content = {
        "format": verify_pack.RECORD_FORMAT,
        "number": number,
        "told": story,
        "people": _people(history),
        "records": records,
        "history": history,
    }
    return verify_pack.record_text(content)


@cache
def _columns_of_people() -> frozenset[str]:
    """Return the columns of tracked models that name a person."""
    return frozenset(
        field.attname
        for model in tracked_models()
        for field in model._meta.concrete_fields
        if field.related_model is User
    ) | {"history_user_id"}


def _people(history: list[dict[str, Any]]) -> dict[str, str]:
    wanted = {
        fields[name]
        for entry in history
        for fields in ([entry["event"]["fields"]] if entry["event"] else [])
        for name in _columns_of_people() & fields.keys()
    }
    people = User.objects.filter(pk__in=wanted - {None})
    return {str(person.pk): f"{person} ({person.username})" for person in people}
