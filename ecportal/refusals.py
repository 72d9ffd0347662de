"""A refusal with all that its page says: what was tried, why not, who can, and the way back."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db.models import Q

from ecportal.accounts.models import User
from ecportal.accounts.roles import ROLES

NAMED: Final = 5
"""How many of those who can are named."""


class Refused(PermissionDenied):
    """Somebody may not do an act on a record; `permission` is app.codename, `back` its address."""

    def __init__(self, why: str, act: str, permission: str, about: str = "", back: str = ""):
        super().__init__(why)
        self.act, self.permission = act, permission
        self.about, self.back = about, back


def roles_with(permission: str) -> list[str]:
    """Return the roles that hold app.codename, as they are agreed."""
    app, _dot, codename = permission.partition(".")
    verb, _underscore, model = codename.rpartition("_")
    return [name for name, held in ROLES.items() if verb in held.get(f"{app}.{model}", "").split()]


def who_can(refused: Refused) -> dict[str, Any]:
    """Return for the page who holds the permission by their role: people, or a sentence."""
    roles = roles_with(refused.permission)
    people = User.objects.filter(Q(is_active=True), groups__name__in=roles).order_by("pk")
    named = people.values_list("pk", "groups__name").filter(groups__name__in=roles)
    by_pk = dict(named[:NAMED])
    found = User.objects.in_bulk(list(by_pk))
    shown = [(found[pk], role) for pk, role in by_pk.items() if found[pk].may_sign_in]
    return {"people": shown, "who": "Nobody has a role that includes it now." if not shown else ""}
