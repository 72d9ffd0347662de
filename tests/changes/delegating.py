"""Delegations given the ordinary way, and a Lead of one system."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group

from changes.lifecycle import DELEGATIONS
from changes.models import Delegation
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.scenario import person


def delegated(delegator: User, delegate: User, days: int = 1, **data: Any) -> Delegation:
    """Let `delegate` decide for `delegator` from now on, for so many days."""
    now = clock.now()
    record = Delegation(delegate=delegate, begins_at=now, ends_at=now + timedelta(days=days))
    return DELEGATIONS.perform(record, "delegate", by=delegator, reason="On leave.", **data)


def narrow_lead(*systems: System) -> User:
    """Make a Lead who decides for these systems alone."""
    leads = Group.objects.get(name=roles.LEAD)
    narrow = Group.objects.create(name="Leads of some systems")
    narrow.permissions.set(leads.permissions.exclude(codename=roles.SYSTEM_SCOPE))
    lead, granter = person("narrow"), person("granter", roles.ROLE_ADMINISTRATOR)
    lead.groups.set([narrow])
    for system in systems:
        SYSTEMS.perform(system, "grant", by=granter, reason="Theirs.", person=lead)
    return User.objects.get(pk=lead.pk)
