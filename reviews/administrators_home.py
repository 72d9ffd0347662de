"""The home page of Role Administrators, and of whoever has no role yet."""

from datetime import timedelta
from typing import Any, Final

from django.db.models import Count, OuterRef, Q, Subquery
from django.http import HttpRequest

from changes.models import Delegation
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.audit.words import act_in_words
from ecportal.panels import HOME, panel
from ecportal.site import signed_in

SHOWN: Final = 6
SOON: Final = timedelta(days=30)
"""An end of access, or of a delegation, is shown so long before."""

GRANTS: Final = (
    "enroll", "assign_role", "withdraw_role", "deactivate", "reactivate", "revise",
)  # fmt: skip

Context = dict[str, Any]


def administrator(request: HttpRequest) -> User | None:
    person = signed_in(request)
    return person if "accounts.assign_role_user" in verbs_of(person) else None


@panel(HOME, "portal/administrator_lead.html", "lead")
def lead(request: HttpRequest, _home: None) -> Context | None:
    """Say how many administrators can act: nobody changes their own account."""
    person = administrator(request)
    if person is None:
        return None
    found = User.objects.in_role(roles.ROLE_ADMINISTRATOR).exclude(pk=person.pk)
    return {"others": [str(other) for other in found if other.may_sign_in]}


@panel(HOME, "portal/administrator_people.html", "top")
def without_role(request: HttpRequest, _home: None) -> Context | None:
    """List people who can sign in and do nothing, and accounts whose dates end soon or ended."""
    if administrator(request) is None:
        return None
    now = clock.now()
    people = User.objects.who_may_sign_in()
    plain = people.filter(groups=None, is_superuser=False).order_by("-pk")
    ending = User.objects.filter(
        is_active=True, access_until__lte=now + SOON, access_until__gt=now - SOON
    )
    return {
        "without": list(plain[:SHOWN]),
        "more": plain.count() - SHOWN,
        "ending": list(ending.order_by("access_until").prefetch_related("groups")[:SHOWN]),
        "now": now,
    }


@panel(HOME, "portal/administrator_changes.html", "top")
def lately(request: HttpRequest, _home: None) -> Context | None:
    """Show the newest acts on accounts: who gave or took which role, and why."""
    if administrator(request) is None:
        return None
    by = User.objects.filter(pk=OuterRef("history_user_id"))
    rows = (
        User.history.filter(history_verb__in=GRANTS)
        .annotate(
            first=Subquery(by.values("first_name")[:1]), last=Subquery(by.values("last_name")[:1]),
            name=Subquery(by.values("username")[:1]),
        )
        .order_by("-history_id")[:SHOWN]
    )  # fmt: skip
    return {"acts": [_act(row) for row in rows]}


def _act(row: Any) -> Context:
    return {
        "pk": row.id,
        "person": _named(row.username, row.first_name, row.last_name),
        "by": _named(row.name, row.first, row.last),
        "did": act_in_words(row.history_verb, PEOPLE.verbs[row.history_verb].words),
        "about": row.history_about,
        "why": row.history_change_reason,
        "at": row.history_date,
    }


def _named(username: str | None, first: str | None, last: str | None) -> str:
    return str(User(username=username or "", first_name=first or "", last_name=last or ""))


@panel(HOME, "portal/administrator_roles.html", "side")
def members(request: HttpRequest, _home: None) -> Context | None:
    """Count the people of each role, and show the delegations in force or about to begin."""
    if administrator(request) is None:
        return None
    counted = dict(
        User.objects.who_may_sign_in().filter(groups__name__in=roles.ROLES).order_by()
        .values_list("groups__name").annotate(Count("pk"))
    )  # fmt: skip
    now = clock.now()
    given = Delegation.objects.filter(
        Q(begins_at__lte=now + SOON), status=Delegation.Status.GIVEN, ends_at__gt=now
    ).order_by("ends_at")
    return {
        "roles": [(role, counted.get(role, 0)) for role in roles.ROLES],
        "delegations": list(given.select_related("delegator", "delegate")[:SHOWN]),
    }


@panel(HOME, "portal/no_role.html", "top")
def no_role(request: HttpRequest, _home: None) -> Context | None:
    """Tell somebody without any role who can give one."""
    person = signed_in(request)
    if verbs_of(person):
        return None
    found = User.objects.in_role(roles.ROLE_ADMINISTRATOR)
    return {"administrators": [one for one in found if one.may_sign_in and one != person]}
