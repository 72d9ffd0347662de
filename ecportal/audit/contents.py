"""Reads the body of an event: when it was, who did it, and which records it names."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from re import compile as pattern
from typing import Any, Final

from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import models

from ecportal.audit.models import AuditEvent

Key = tuple[str, str]
"""A record that an event names: the label of its model, and its primary key as text."""

TRIED: Final = pattern(r"(\w+) ([a-z]+\.[a-z]+):(\w+)")
"""What a refused act is called in its event: verb, model and key, or “new” for the key."""


@dataclass(frozen=True)
class Content:
    """An event with its body parsed; an erased one holds nothing."""

    event: AuditEvent
    body: Mapping[str, Any]

    @classmethod
    def of(cls, event: AuditEvent) -> "Content":
        try:
            body = json.loads(event.body or "")
        except ValueError:  # erased, or written by somebody else: it is shown as it is stored
            body = {}
        return cls(event, body if isinstance(body, dict) else {})

    @property
    def fields(self) -> Mapping[str, Any]:
        return self._part("fields")

    @property
    def context(self) -> Mapping[str, Any]:
        return self._part("ctx")

    def _part(self, name: str) -> Mapping[str, Any]:
        part = self.body.get(name)
        return part if isinstance(part, dict) else {}

    def text(self, name: str) -> str:
        """Return a field as text, an absent one as nothing."""
        value = self.fields.get(name)
        return "" if value is None else str(value)

    @property
    def at(self) -> datetime | None:
        """When it was written, by the server's own clock, aware."""
        return _moment(self.body.get("at"))

    @property
    def set_clock(self) -> datetime | None:
        """What the portal's clock was set to then, aware; None outside the demo and the tests."""
        return _moment(self.context.get("clock"))

    @property
    def person(self) -> Key | None:
        pk = self.context.get("user_id")
        return None if pk is None else (get_user_model()._meta.label_lower, str(pk))

    @property
    def record(self) -> Key | None:
        """The record whose history the event attests, or that somebody tried to act on."""
        if self.event.source:
            model = tracked_model(self.event.source)
            pk = self.text(str(model._meta.pk.attname)) if model else ""
            return (model._meta.label_lower, pk) if model and pk else None
        tried = TRIED.fullmatch(self.text("what"))
        return (tried[2], tried[3]) if tried and tried[3] != "new" else None

    @property
    def belongs_to(self) -> Key | None:
        """The numbered record that an attested row without a number of its own belongs to."""
        model = tracked_model(self.event.source) if self.event.source else None
        if model is not None and "number" not in self.fields:
            for column, label in _numbered(model):
                if self.text(column):
                    return label, self.text(column)
        return None

    @property
    def membership(self) -> tuple[Key, list[Key]] | None:
        """Whose membership changed, and in what."""
        ends = _ends(self.text("relation"))
        if ends is None:
            return None
        return (ends[0], self.text("owner")), [(ends[1], k) for k in self.text("changed").split()]

    @property
    def title(self) -> str:
        """What the attested row itself says it is called."""
        return next(filter(None, map(self.text, ("number", "name", "username"))), "")

    def names_wanted(self) -> Iterator[Key]:
        """Yield the records whose names the event's sentence needs and does not hold itself."""
        tried = None if self.event.source else self.record
        yield from filter(None, (self.person, tried, self.belongs_to))
        if self.membership:
            yield self.membership[0]
            yield from self.membership[1]


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def model_of(label: str) -> type[models.Model] | None:
    """Return the model of this label; None where there is none now."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def tracked_model(source: str) -> type[models.Model] | None:
    """Return the model whose history the source is; None where there is no such table now."""
    return getattr(model_of(source), "instance_type", None)


@cache
def _numbered(model: type[models.Model]) -> tuple[Key, ...]:
    """Return the columns that point at a numbered record, each with the label of its model."""
    return tuple(
        (field.attname, field.related_model._meta.label_lower)
        for field in _relations(model)
        if any(other.name == "number" for other in field.related_model._meta.concrete_fields)
    )


@cache
def _ends(relation: str) -> Key | None:
    """Return the labels of the two models that a table of memberships joins."""
    model = model_of(relation)
    labels = [f.related_model._meta.label_lower for f in _relations(model)] if model else []
    return (labels[0], labels[1]) if len(labels) == 2 else None


def _relations(model: type[models.Model]) -> list[Any]:
    return [f for f in model._meta.concrete_fields if isinstance(f, models.ForeignKey)]
