"""What every record of the process keeps of its past: one row an act, with both clocks."""

from functools import cache
from typing import Any

from django.db import models
from django.dispatch import receiver
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords
from simple_history.signals import pre_create_historical_record


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


def tracked(**options: Any) -> HistoricalRecords:
    """Return the history of a model; the one way to track one.

    The user is kept as a plain number: a foreign key would be set to null, and so history
    rewritten, when an account goes.
    """
    return HistoricalRecords(
        history_id_field=models.BigAutoField(),
        history_user_id_field=models.BigIntegerField(null=True, db_index=True),
        history_manager=RecordHistory,
        bases=[ActColumns],
        **options,
    )


@receiver(pre_create_historical_record)
def note_the_act(instance: models.Model, history_instance: ActColumns, **_: object) -> None:
    """Copy the act that is being recorded onto the history row."""
    act = getattr(instance, "_act", None)
    if act is not None:
        history_instance.history_verb = act.verb
        history_instance.history_happened_at = act.happened_at
        history_instance.history_on_behalf_of = act.capacity
        history_instance.history_about = act.about
