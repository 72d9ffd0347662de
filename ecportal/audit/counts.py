"""How long the log in the database is, and how much waits for a place in it."""

from django.db.models import Exists, OuterRef

from ecportal.audit.models import AuditEvent, AuditLeaf


def log_size() -> int:
    """Return how many leaves the log has by the index of its newest."""
    newest = AuditLeaf.objects.order_by("-idx").values_list("idx", flat=True).first()
    return 0 if newest is None else newest + 1


def unsealed_count() -> int:
    """Return how many events have no leaf, of any age."""
    leaf = AuditLeaf.objects.filter(event_id=OuterRef("pk"))
    return AuditEvent.objects.filter(~Exists(leaf)).count()
