"""The only door for each change of state: tables of transitions, and `perform`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.dispatch import Signal
from django.utils import timezone

from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import may, object_verbs
from ecportal.audit import attestation, context, sign_in
from ecportal.history import acting

Record = TypeVar("Record", bound=models.Model)
Answer = TypeVar("Answer")

NEW: frozenset[str] = frozenset()
"""The sources of a transition that creates its record."""

REASON_LIMIT = 10_000
LOAD_AGAIN = "Load the page again to see what happened since."

transitioned = Signal()
"""Sent inside the transaction of each act, with `record`, `act`, `source` and `target`.

How a lower app tells a higher one. A receiver may refuse the act by raising TransitionRefused.
"""


_asked: ContextVar[dict[str, Any] | None] = ContextVar("asked_for_options", default=None)


def once(question: str, ask: Callable[[], Answer]) -> Answer:
    """Return the answer, which the options of one person on one record all share; else ask anew."""
    known = _asked.get()
    if known is None:
        return ask()
    if question not in known:
        known[question] = ask()
    return cast("Answer", known[question])


class TransitionRefused(ValidationError):
    """The act is not allowed; says why in one sentence, and at which field if there is one."""

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field

    def __str__(self) -> str:
        return self.sentence


class Denied(TransitionRefused):
    """Somebody tried what role, scope or a guard forbids; the trail keeps that they tried."""


@dataclass(frozen=True)
class Act:
    """One act of one person: what guards judge and effects record.

    `happened_at` is claimed by the actor, `recorded_at` is the server's; both aware. `delegation`
    is what the actor relies on when the verb is not their own right.
    """

    verb: str
    by: User
    reason: str
    happened_at: datetime
    recorded_at: datetime
    data: Mapping[str, Any] = field(default_factory=dict)
    delegation: Any = None

    @property
    def capacity(self) -> str:
        """Return "B for A (delegation 12)" when the act is a delegated one, else nothing."""
        return self.delegation.in_words() if self.delegation else ""

    @property
    def about(self) -> str:
        """Return the other records that the act names, in words: "Role: Engineer"."""
        parts = []
        for name, value in self.data.items():
            several = list(value) if isinstance(value, list | tuple | models.QuerySet) else [value]
            named = ", ".join(str(one) for one in several if isinstance(one, models.Model))
            if named:
                parts.append(f"{name.replace('_', ' ').capitalize()}: {named}")
        return "; ".join(parts)

    def save(self, record: models.Model) -> None:
        """Save `record` so that its history row names this act, its actor and its reason."""
        self._sign(record)
        # Presence and relations are the database's to check; here only what a value may be.
        unchecked = {
            f.name
            for f in record._meta.concrete_fields
            if f.is_relation or getattr(record, f.attname) in f.empty_values
        }
        record.clean_fields(exclude=unchecked)
        # Record, history and attestation together or not at all.
        with transaction.atomic(savepoint=False):
            record.save()

    def remove(self, link: models.Model) -> None:
        """Delete a link row, never a record of the process; its history keeps that it was there."""
        self._sign(link)
        with transaction.atomic(savepoint=False):
            link.delete()

    def _sign(self, record: Any) -> None:
        record._act = self
        record._history_user = self.by
        record._history_date = self.recorded_at
        record._change_reason = self.reason


Guard = Callable[[Any, Act], str | None]
Effect = Callable[[Any, Act], None]


@dataclass(frozen=True)
class Transition:
    """A row: the verb, where it starts (NEW creates), where it ends (None: stays), its conditions.

    A guard returns a sentence that refuses, or None. The effect writes what the act says onto the
    record before it is saved, `after` writes the rows beside it; both may still refuse what was
    typed. `when` are guards that say whether there is anything to do at all: their refusal hides
    the button instead of disabling it. An `internal` verb is the consequence of an act on another
    record and has no button.
    """

    verb: str
    sources: frozenset[str] | set[str]
    target: str | None
    guards: Sequence[Guard] = ()
    effect: Effect | None = None
    label: str = ""
    after: Effect | None = None
    when: Sequence[Guard] = ()
    internal: bool = False

    @property
    def words(self) -> str:
        return self.label or self.verb.replace("_", " ").capitalize()


@dataclass(frozen=True)
class Option:
    """What one person can do with one record now: allowed, or the sentence that says why not."""

    transition: Transition
    refusal: str | None


class Lifecycle(Generic[Record]):
    """The table of one model, and the only code that moves its records."""

    registry: dict[type[models.Model], "Lifecycle[Any]"] = {}

    def __init__(
        self,
        model: type[Record],
        *rows: Transition,
        always: Sequence[Guard] = (),
        stand_in: Callable[[User, str, Any], Any] | None = None,
    ) -> None:
        self.model = model
        self.rows = rows
        self.always = always
        self.stand_in = stand_in
        Lifecycle.registry[model] = self

    @property
    def verbs(self) -> dict[str, Transition]:
        """Return each verb once, with the first of its rows."""
        return {row.verb: row for row in reversed(self.rows)}

    def current(self, record: Record, verb: str) -> Transition:
        """Return the verb's row in the record's status, or its first row where there is none."""
        try:
            return self.row(record, verb)
        except TransitionRefused:
            return self.verbs[verb]

    def row(self, record: Record, verb: str) -> Transition:
        """Return the row that applies to the record as it stands; refuse if there is none."""
        rows = [row for row in self.rows if row.verb == verb]
        if not rows:
            raise LookupError(f"{self.model.__name__} has no verb {verb!r}.")
        for row in rows:
            if (not row.sources) if record._state.adding else self._status(record) in row.sources:
                return row
        raise TransitionRefused(self._wrong_status(record, rows))

    def perform(
        self,
        record: Record,
        verb: str,
        *,
        by: User,
        reason: str,
        happened_at: datetime | None = None,
        **data: Any,
    ) -> Record:
        """Do `verb` on `record` as `by`, or raise TransitionRefused and change nothing.

        Locks the row, asks status, permission and guards, then writes status, history and whatever
        the effect and the receivers of `transitioned` add, all in one transaction. `happened_at` is
        aware and not in the future; None means now. The record passed in is brought up to date.
        """
        with context.coming_from(context.named(by.pk, by.username)):
            try:
                with transaction.atomic(), attestation.together():
                    self._perform(record, verb, by, reason, happened_at, data)
            except Denied as denied:
                label = self.model._meta.label_lower
                sign_in.denied(f"{verb} {label}:{record.pk or 'new'}", denied.sentence)
                raise
        return record

    def _perform(
        self,
        record: Record,
        verb: str,
        by: User,
        reason: str,
        happened_at: datetime | None,
        data: Mapping[str, Any],
    ) -> None:
        if not record._state.adding:
            # Without the key: a row that only refers to this one need not wait, so a sweep
            # that registers an exception meanwhile does not end in a deadlock.
            locked = self.model._default_manager.select_for_update(of=("self",), no_key=True)
            record.refresh_from_db(from_queryset=locked)
        row = self.row(record, verb)
        act = self._act(record, row, by, reason, happened_at, data)
        self._ask(record, row, act)
        source = "" if record._state.adding else self._status(record)
        try:
            with acting(act):
                self._write(record, row, act, source)
        except Exception:
            if source and row.target is not None:
                record.status = source  # type: ignore[attr-defined]
            raise

    def _write(self, record: Record, row: Transition, act: Act, source: str) -> None:
        if row.effect is not None:
            row.effect(record, act)
        if row.target is not None:
            record.status = row.target  # type: ignore[attr-defined]
        act.save(record)
        if row.after is not None:
            row.after(record, act)
        target = self._status(record)
        transitioned.send(sender=self.model, record=record, act=act, source=source, target=target)

    def refusal(self, record: Record, verb: str, by: User) -> str | None:
        """Return why `by` cannot do `verb` with the record now, or None when they can."""
        try:
            row = self.row(record, verb)
            now = clock.now()
            act = self._act(record, row, by, "?", now, {}, now)
            self._ask(record, row, act)
        except TransitionRefused as refused:
            return refused.sentence
        return None

    def options(self, record: Record, by: User) -> Iterator[Option]:
        """Return what `by` may do in this status, refused by a guard or not, in table order."""
        token = _asked.set({})
        try:
            return iter(list(self._options(record, by)))
        finally:
            _asked.reset(token)

    def _options(self, record: Record, by: User) -> Iterator[Option]:
        now = clock.now()
        held = object_verbs(by, record)
        barred = self._refused(self.always, record, Act("", by, "?", now, now))
        for row in self.rows:
            act = Act(row.verb, by, "?", now, now)
            if row.internal or self._status(record) not in row.sources:
                continue
            if self._refused(row.when, record, act):
                continue
            permitted = self.permitted(record, row.verb, by, held)
            if permitted:
                delegation = None if isinstance(permitted, bool) else permitted
                act = replace(act, delegation=delegation)
                yield Option(row, barred or self._refused(row.guards, record, act))

    @staticmethod
    def _refused(guards: Sequence[Guard], record: Record, act: Act) -> str | None:
        return next(filter(None, (guard(record, act) for guard in guards)), None)

    def _status(self, record: Record) -> str:
        return str(record.status)  # type: ignore[attr-defined]

    def _wrong_status(self, record: Record, rows: Sequence[Transition]) -> str:
        name = self.model._meta.verbose_name
        if record._state.adding:
            return f"This {name} does not exist yet."
        sources = sorted({status for row in rows for status in row.sources})
        if not sources:
            return f"This {name} exists already."
        starts = ", ".join(status.replace("_", " ") for status in sources)
        now = self._status(record).replace("_", " ")
        return (
            f"“{rows[0].words}” is possible only while the {name} is {starts}; this one is {now}. "
            f"{LOAD_AGAIN}"
        )

    def permitted(
        self, record: Record, verb: str, by: User, held: frozenset[str] | None = None
    ) -> Any:
        """Return the delegation that permits it, else whether a role or a grant on it does."""
        delegation = self.stand_in(by, verb, record) if self.stand_in else None
        return delegation or may(by, verb, self.model, record, held)

    def _act(
        self,
        record: Record,
        row: Transition,
        by: User,
        reason: str,
        happened_at: datetime | None,
        data: Mapping[str, Any],
        recorded_at: datetime | None = None,
    ) -> Act:
        permitted = self.permitted(record, row.verb, by)
        if not permitted:
            raise Denied(
                f"Your role does not include “{row.words}” for "
                f"{self.model._meta.verbose_name_plural}."
            )
        recorded_at = recorded_at or clock.now()
        happened_at = happened_at or recorded_at
        if timezone.is_naive(happened_at):
            raise ValueError("happened_at must be aware.")
        if happened_at > recorded_at:
            limit = timezone.localtime(recorded_at)
            raise TransitionRefused(
                "This time is in the future. "
                f"Enter a time up to {limit:%H:%M} on {limit:%Y-%m-%d}.",
                "happened_at",
            )
        reason = reason.strip()
        if not reason:
            raise TransitionRefused("Say why, in a sentence.", "reason")
        if len(reason) > REASON_LIMIT:
            raise TransitionRefused(
                f"Shorten this to {REASON_LIMIT} characters; attach longer text as evidence.",
                "reason",
            )
        delegation = None if isinstance(permitted, bool) else permitted
        return Act(row.verb, by, reason, happened_at, recorded_at, data, delegation)

    def _ask(self, record: Record, row: Transition, act: Act) -> None:
        sentence = self._refused((*self.always, *row.when, *row.guards), record, act)
        if sentence:
            raise Denied(sentence)
