"""A refusal with all that its page says: what was tried, why not, who can, and the way back."""

from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db.models import Min
from django.http import Http404

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


class NoSuchPage(Http404):
    """There is nothing at an address of something that the reader may see; the page says why."""


def roles_with(permission: str) -> list[str]:
    """Return the roles that hold app.codename, as they are agreed."""
    app, _dot, codename = permission.partition(".")
    verb, _underscore, model = codename.rpartition("_")
    return [name for name, held in ROLES.items() if verb in held.get(f"{app}.{model}", "").split()]


def who_can(refused: Refused) -> dict[str, Any]:
    """Return for the page who holds the permission by their role: people, or a sentence."""
    roles = roles_with(refused.permission)
    people = User.objects.who_may_sign_in().filter(groups__name__in=roles)
    named = people.annotate(role=Min("groups__name")).order_by("pk")
    shown = [(person, person.role) for person in named[:NAMED]]
    return {"people": shown, "who": "Nobody has a role that includes it now." if not shown else ""}
