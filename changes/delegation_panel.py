"""Who decides for a Lead while they are away, on their own home page."""

from typing import Any

from django.http import HttpRequest

from changes.models import Delegation
from ecportal import clock
from ecportal.accounts.permissions import verbs_of
from ecportal.panels import HOME, panel
from ecportal.site import signed_in


@panel(HOME, "portal/delegations.html", "foot")
def own_delegations(request: HttpRequest, _home: None) -> dict[str, Any] | None:
    """List what this Lead has lent and is not over, and lead to lending; None for others."""
    person = signed_in(request)
    if "changes.delegate_delegation" not in verbs_of(person):
        return None
    lent = Delegation.objects.filter(
        delegator=person, status=Delegation.Status.GIVEN, ends_at__gt=clock.now()
    )
    return {"lent": lent.select_related("delegate").order_by("begins_at")}
