"""What the database held before the trail began: attested once, as it was found.

For an installation that is older than the trail. Its rows say since when they are protected; what
happened to them before, nobody can prove.
"""

from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import connection, transaction

from ecportal.audit import attestation, context, drift, membership
from ecportal.audit.models import AuditEvent, AuditLeaf

ADOPTION: Final = "adoption"


def adopt(**_: Any) -> None:
    """Attest all there is, if nothing ever was; runs after each migrate."""
    tables = set(connection.introspection.table_names())
    history = [drift.history_of(model) for model in drift.tracked_models()]
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
        owners = sum(
            membership.adopt(relation) for relation in membership.relations(get_user_model())
        )
        if rows or owners:
            attestation.record(ADOPTION, rows=rows, owners=owners)
