"""What the pages of records about a change hide together with the change."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from changes.models import EmergencyChange
from ecportal.site import signed_in


class ConcernsChanges:
    """Hides what belongs to a confidential change from those it is hidden from."""

    change_path = "change"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        queryset: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]
        visible = EmergencyChange.objects.visible_to(signed_in(request))
        return queryset.filter(**{f"{self.change_path}__in": visible.values("pk")})
