"""What every record of the process keeps of its past: one row an act, with both clocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, NoReturn, TypeVar

from django.db import models
from django.dispatch import receiver
from simple_history import register
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords
from simple_history.signals import post_create_historical_record, pre_create_historical_record

from ecportal import clock
from ecportal.audit import attestation

Record = TypeVar("Record", bound=models.Model, covariant=True)


class ActColumns(models.Model):
    """What an act adds to each history row that it writes."""

    history_verb = models.CharField(max_length=40, default="", editable=False)
    history_happened_at = models.DateTimeField(
        null=True,
        editable=False,
        help_text="As claimed by the actor; history_date is the server's.",
    )
    history_on_behalf_of = models.CharField(
        max_length=200, default="", editable=False, help_text="The delegation used, in words."
    )

    history_about = models.TextField(
        default="", editable=False, help_text="Other records that the act names, in words."
    )

    class Meta:
        abstract = True


class RecordHistory(HistoryManager):
    """The rows of one record's history; its class is built once instead of at every save."""

    @classmethod
    @cache
    def from_queryset(cls, *arguments: Any) -> type[models.Manager[Any]]:
        return super().from_queryset(*arguments)  # type: ignore[no-any-return]

    def bulk_history_create(self, *arguments: Any, **options: Any) -> list[Any]:
        """Write many rows of history and attest them: this path sends no signal."""
        rows: list[Any] = super().bulk_history_create(*arguments, **options) or []
        attestation.attest(rows)
        return rows


class TrackedQuerySet(models.QuerySet[Record]):
    """Refuses what changes rows without a word in their history."""

    def update(self, **values: Any) -> int:
        """Update columns that no history covers, such as how far a message got; no others."""
        history = self.model.history.model  # type: ignore[attr-defined]
        covered = {n for f in history.tracked_fields for n in (f.name, f.attname, "pk")}
        if not values.keys().isdisjoint(covered):
            self._refuse("update")
        return super().update(**values)

    def bulk_create(self, *arguments: Any, **options: Any) -> NoReturn:
        self._refuse("bulk_create")

    def bulk_update(self, *arguments: Any, **options: Any) -> NoReturn:
        self._refuse("bulk_update")

    def _refuse(self, method: str) -> NoReturn:
        raise NotImplementedError(
            f"{self.model.__name__}.objects.{method}() would leave no history. "
            "Change each record by an act of its lifecycle."
        )


TrackedManager = models.Manager.from_queryset(TrackedQuerySet)
"""What a tracked model without a queryset of its own has for `objects`."""


def _options() -> dict[str, Any]:
    return {
        "history_id_field": models.BigAutoField(),
        "history_user_id_field": models.BigIntegerField(null=True, db_index=True),
        "history_manager": RecordHistory,
        "bases": [ActColumns],
    }


def tracked(**options: Any) -> HistoricalRecords:
    """Return the history of a model; the one way to track one.

    The user is kept as a plain number: a foreign key would be set to null, and so history
    rewritten, when an account goes.
    """
    return HistoricalRecords(**_options(), **options)


def track(model: type[models.Model], app: str) -> None:
    """Keep the history of a library's model, in tables of our app."""
    register(model, app=app, **_options())


_acting: ContextVar[Any | None] = ContextVar("act_going_on", default=None)


@contextmanager
def acting(act: Any) -> Iterator[None]:
    """Let rows that a library writes inside, such as a grant, be recorded as part of this act."""
    token = _acting.set(act)
    try:
        yield
    finally:
        _acting.reset(token)


@receiver(pre_create_historical_record)
def note_the_act(instance: models.Model, history_instance: Any, **_: object) -> None:
    """Copy the act that is being recorded onto the history row."""
    act = getattr(instance, "_act", None)
    going_on: Any = _acting.get()
    if act is None and not hasattr(instance, "_history_date"):
        history_instance.history_date = clock.now()
    if act is None and going_on is not None:
        act = going_on
        history_instance.history_user_id = act.by.pk
        history_instance.history_date = act.recorded_at
        history_instance.history_change_reason = act.reason
    if act is not None:
        history_instance.history_verb = act.verb
        history_instance.history_happened_at = act.happened_at
        history_instance.history_on_behalf_of = act.capacity
        history_instance.history_about = act.about


@receiver(post_create_historical_record)
def attest_the_row(history_instance: Any, history_user: Any, **_: object) -> None:
    """Attest the row that was just written, in its transaction."""
    attestation.attest([history_instance], getattr(history_user, "username", ""))
