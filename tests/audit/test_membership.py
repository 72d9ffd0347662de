"""Who is in which group, and what a group may do: an event for each owner, from both sides."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission

from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.accounts.models import User
from ecportal.audit import context, drift, membership
from ecportal.audit.models import AuditEvent
from tests.audit.rows import sql
from tests.scenario import Company, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(db: None) -> User:
    return person("ada")


@pytest.fixture
def bob(db: None) -> User:
    return person("bob")


@pytest.fixture
def groups(db: None) -> list[Group]:
    return [Group.objects.create(name=name) for name in ("one", "two", "three")]


class Since:
    """The events of a kind from now on."""

    def __init__(self, kind: str = "membership") -> None:
        self.kind = kind
        newest = AuditEvent.objects.order_by("-pk").first()
        self.mark = newest.pk if newest else 0

    def told(self) -> list[dict[str, Any]]:
        events = AuditEvent.objects.filter(kind=self.kind, pk__gt=self.mark).order_by("pk")
        return [json.loads(str(event.body))["fields"] for event in events]


def keys(*rows: Any) -> str:
    return " ".join(str(pk) for pk in sorted(row.pk for row in rows))


def event(owner: Any, action: str, changed: str, held: str, relation: str = "groups") -> Any:
    return {
        "relation": f"accounts.user_{relation}", "owner": owner.pk, "action": action,
        "changed": changed, "held": held,
    }  # fmt: skip


def test_joining_groups(ada: User, groups: list[Group]) -> None:
    since = Since()
    ada.groups.add(groups[0], groups[1])
    ada.groups.add(groups[2])
    assert since.told() == [
        event(ada, "added", keys(*groups[:2]), keys(*groups[:2])),
        event(ada, "added", keys(groups[2]), keys(*groups)),
    ]


def test_joining_again_is_no_event(ada: User, groups: list[Group]) -> None:
    ada.groups.add(groups[0])
    since = Since()
    ada.groups.add(groups[0])
    groups[0].user_set.add(ada)
    assert since.told() == []


def test_leaving(ada: User, groups: list[Group]) -> None:
    ada.groups.add(*groups)
    since = Since()
    ada.groups.remove(groups[1])
    assert since.told() == [event(ada, "removed", keys(groups[1]), keys(groups[0], groups[2]))]


def test_setting(ada: User, groups: list[Group]) -> None:
    ada.groups.set(groups[:2])
    since = Since()
    ada.groups.set(groups[1:])
    assert since.told() == [
        event(ada, "removed", keys(groups[0]), keys(groups[1])),
        event(ada, "added", keys(groups[2]), keys(*groups[1:])),
    ]


def test_clearing(ada: User, groups: list[Group]) -> None:
    ada.groups.add(*groups)
    since = Since()
    ada.groups.clear()
    assert since.told() == [event(ada, "cleared", "", "")]


def test_from_the_side_of_the_group_each_person_is_an_owner(
    ada: User, bob: User, groups: list[Group]
) -> None:
    group = groups[0]
    since = Since()
    group.user_set.add(ada, bob)
    group.user_set.remove(bob)
    assert since.told() == [
        event(ada, "added", keys(group), keys(group)),
        event(bob, "added", keys(group), keys(group)),
        event(bob, "removed", keys(group), ""),
    ]


def test_setting_from_the_side_of_the_group(ada: User, bob: User, groups: list[Group]) -> None:
    group = groups[0]
    group.user_set.set([ada])
    since = Since()
    group.user_set.set([bob])
    assert since.told() == [
        event(ada, "removed", keys(group), ""),
        event(bob, "added", keys(group), keys(group)),
    ]


def test_clearing_from_the_side_of_the_group(ada: User, bob: User, groups: list[Group]) -> None:
    group, other, _third = groups
    group.user_set.add(ada, bob)
    ada.groups.add(other)
    since = Since()
    group.user_set.clear()
    assert since.told() == [
        event(ada, "cleared", keys(group), keys(other)),
        event(bob, "cleared", keys(group), ""),
    ]


def test_a_group_is_the_owner_of_its_permissions_from_both_sides(groups: list[Group]) -> None:
    first, second = Permission.objects.order_by("pk")[:2]
    group = groups[0]
    since = Since()
    group.permissions.add(first, second)
    second.group_set.remove(group)
    told = [(e["relation"], e["owner"], e["action"], e["held"]) for e in since.told()]
    assert told == [
        ("auth.group_permissions", group.pk, "added", keys(first, second)),
        ("auth.group_permissions", group.pk, "removed", keys(first)),
    ]


def test_permissions_of_a_person(ada: User) -> None:
    first = Permission.objects.order_by("pk")[0]
    since = Since()
    ada.user_permissions.set([first])
    relation = "user_permissions"
    assert since.told() == [event(ada, "added", keys(first), keys(first), relation)]


def test_held_is_what_is_held_in_order(ada: User, groups: list[Group]) -> None:
    for group in reversed(groups):
        ada.groups.add(group)
    assert membership.held(User.groups.through, ada.pk) == keys(*groups)
    assert membership.held(User.groups.through, 0) == ""


def test_every_membership_there_is_has_an_event_that_tells_it(company: Company) -> None:
    """From the first migration on: also what the roles were given then."""
    newest: dict[tuple[str, int], str] = {}
    for found in AuditEvent.objects.filter(kind="membership").order_by("pk"):
        fields = json.loads(str(found.body))["fields"]
        newest[fields["relation"], fields["owner"]] = fields["held"]
    for relation in membership.relations(User):
        owner = membership._ends(relation)[0]
        for pk in set(relation.objects.values_list(owner, flat=True)):
            assert newest[relation._meta.label_lower, pk] == membership.held(relation, pk)
    assert newest


def test_the_act_that_gives_a_role_says_who_gave_it(company: Company, ada: User) -> None:
    since = Since()
    role = Group.objects.get(name=roles.ENGINEER)
    origin = context.Origin(company.roleadmin.pk, "roleadmin", "192.0.2.7", "abc")
    with context.coming_from(origin):
        PEOPLE.perform(ada, "assign_role", by=company.roleadmin, reason="Joins.", role=role)
    found = AuditEvent.objects.filter(kind="membership", pk__gt=since.mark).get()
    assert json.loads(str(found.body))["ctx"] == {
        "user_id": company.roleadmin.pk, "username": "roleadmin", "ip": "192.0.2.7",
        "request_id": "abc",
    }  # fmt: skip


def smuggle(person: User, group: Group) -> None:
    table = User.groups.through._meta.db_table
    sql(f"INSERT INTO {table} (user_id, group_id) VALUES (%s, %s)", person.pk, group.pk)


@pytest.mark.parametrize("side", ["person adds", "person clears", "group adds", "group clears"])
def test_what_came_past_the_events_is_told_before_the_next_one_adopts_it(
    ada: User, groups: list[Group], settings: Any, side: str
) -> None:
    settings.AUDIT_STRICT = False
    ada.groups.add(groups[0])
    smuggle(ada, groups[1])
    since = Since("drift")
    change = {
        "person adds": lambda: ada.groups.add(groups[2]),
        "person clears": lambda: ada.groups.clear(),
        "group adds": lambda: groups[2].user_set.add(ada),
        "group clears": lambda: groups[0].user_set.clear(),
    }[side]
    change()
    assert since.told() == [{"model": "accounts.user", "pk": str(ada.pk), "columns": "groups"}]
    ada.groups.clear()
    assert len(since.told()) == 1


def test_strict_mode_stops_a_change_of_what_came_past_the_events(
    ada: User, groups: list[Group]
) -> None:
    smuggle(ada, groups[0])
    with pytest.raises(drift.Drifted, match=f"accounts.user:{ada.pk}: groups"):
        ada.groups.add(groups[1])
