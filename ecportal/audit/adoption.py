"""What the database held before the trail began: attested once, as it was found.

For an installation that is older than the trail. Its rows say since when they are protected; what
happened to them before, nobody can prove.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from ecportal import clock
from ecportal.audit import attestation, context, drift, membership
from ecportal.audit.kinds import ADOPTION
from ecportal.audit.models import AuditEvent, AuditLeaf


def _begin_history(model: Any) -> int:
    """Give records that have no history, being older than it, their first row of it."""
    key = model._meta.pk.attname
    known = drift.history_of(model)._base_manager.values(key)
    without = list(model._base_manager.exclude(pk__in=known).order_by("pk"))
    history = getattr(model, model._meta.simple_history_manager_attribute)
    reason = "Older than its history; written down as found."
    history.bulk_history_create(without, default_change_reason=reason, default_date=clock.now())
    return len(without)


def adopt(**_: Any) -> None:
    """Attest all there is, if nothing ever was; runs after each migrate."""
    tables = set(connection.introspection.table_names())
    history: list[Any] = [drift.history_of(model) for model in drift.tracked_models()]
    if not {model._meta.db_table for model in (AuditEvent, *history)} <= tables:
        return  # a partial migration: the full one follows
    if AuditEvent.objects.exists() or AuditLeaf.objects.exists():
        return
    with transaction.atomic(), context.coming_from(context.Origin(adopted=True)):
        rows = sum(
            attestation.attest_found(
                model, list(model._base_manager.order_by("pk").values_list("pk", flat=True))
            )
            for model in history
        )
        rows += sum(_begin_history(model) for model in drift.tracked_models())
        owners = sum(
            membership.adopt(relation) for relation in membership.relations(get_user_model())
        )
        if rows or owners:
            attestation.record(ADOPTION, rows=rows, owners=owners)
