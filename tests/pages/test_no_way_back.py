"""No page saves a record as a whole, restores an old version, deletes, or acts on many at once."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group
from django.test import Client

from ecportal.accounts.models import User
from tests.pages.conftest import SignIn
from tests.pages.world import World, act, counts, lists, page

pytestmark = [pytest.mark.once, pytest.mark.slow]

WHOLE = {"title": "Altered", "status": "closed", "name": "Altered", "_save": "Save",
         "is_superuser": "on", "username": "altered", "number": "EC-1", "scope": "Altered",
         "_continue": "1", "_saveasnew": "1"}  # fmt: skip


def fields_of(world: World) -> dict[str, Any]:
    """Return the stored values of every record of the world."""
    return {
        label: type(record)._default_manager.filter(pk=record.pk).values().get()
        for label, record in world.records.items()
    }


def test_posting_to_a_record_or_its_history_saves_nothing(world: World, signed_in: SignIn) -> None:
    for letter in "SL":
        client = signed_in(world.people[letter])
        before, rows = fields_of(world), counts()
        for record in world.records.values():
            versions = [f"{page(record, 'history')}{version}/" for version in (1, 2, 999)]
            short = page(record).removesuffix("change/")
            for address in (page(record), page(record, "history"), short, *versions):
                others = (
                    (client.put, client.patch, client.delete) if address == page(record) else ()
                )
                for method in (client.post, *others):
                    status = method(address, WHOLE).status_code
                    assert status in (200, 301, 302, 403, 404), (address, method, status)
        assert fields_of(world) == before
        assert counts() == rows


def test_pages_of_old_versions_do_not_exist(world: World, signed_in: SignIn) -> None:
    for letter in "SLA":
        client = signed_in(world.people[letter])
        for record in world.records.values():
            if hasattr(record, "history"):
                # A message has no version before somebody acts on it.
                version = getattr(record.history.first(), "history_id", 1)
                address = f"{page(record, 'history')}{version}/"
                assert client.get(address, follow=True).status_code == 404, address


def test_nothing_has_a_page_for_deletion(world: World, signed_in: SignIn) -> None:
    for letter in "SR":
        client = signed_in(world.people[letter])
        rows = counts()
        for record in world.records.values():
            for response in (
                client.get(page(record, "delete")),
                client.post(page(record, "delete"), {"post": "yes"}),
            ):
                assert response.status_code in (403, 404), page(record, "delete")
        assert counts() == rows


def test_lists_offer_no_act_on_many_records(world: World, signed_in: SignIn) -> None:
    for letter in "SL":
        client = signed_in(world.people[letter])
        rows = counts()
        for label, record in world.records.items():
            address = page(record).split(f"/{record.pk}/")[0] + "/"
            text = client.get(address).content.decode()
            assert 'name="action"' not in text, label
            assert ACTION_CHECKBOX_NAME not in text, label
            for action in ("delete_selected", ""):
                chosen = {"action": action, ACTION_CHECKBOX_NAME: [record.pk], "index": 0,
                          "select_across": 1, "post": "yes", "_save": "Save"}  # fmt: skip
                assert client.post(address, chosen).status_code in (200, 302, 403), (label, action)
                assert client.get(address, chosen).status_code in (200, 302, 403), (label, action)
        assert counts() == rows


def test_no_admin_has_actions_editable_lists_or_inlines(world: World, rf: Any) -> None:
    request = rf.get("/")
    request.user = world.people["S"]
    assert list(admin.site.actions) == []
    for model_admin in admin.site._registry.values():
        assert model_admin.get_actions(request) == {}
        assert model_admin.list_editable == ()
        assert list(model_admin.get_inlines(request, None)) == []
        assert not model_admin.has_delete_permission(request)
        assert not model_admin.has_change_permission(request)


# --- people -------------------------------------------------------------------------------------
RANK = {"is_superuser": "on", "is_staff": "on", "is_system": "on", "is_active": "on"}


def details(**values: Any) -> dict[str, Any]:
    return {"username": "mallory", "first_name": "Mallory", "email": "mallory@example.test",
            "password": "correct horse battery", "reason": "Hired.", **values}  # fmt: skip


def ranks() -> dict[str, Any]:
    """Return each person's rank, groups and permissions."""
    return {
        user.username: (
            user.is_superuser,
            user.is_staff,
            user.is_active,
            sorted(user.groups.values_list("name", flat=True)),
            user.user_permissions.count(),
        )
        for user in User.objects.all()
    }


def grabs() -> dict[str, Any]:
    permissions = Group.objects.get(name="Engineering Lead").permissions
    keys = list(permissions.values_list("pk", flat=True))
    groups = list(Group.objects.values_list("pk", flat=True))
    return {**RANK, "groups": groups, "user_permissions": keys, "permissions": keys}


def test_enrolling_makes_nobody_a_superuser_nor_member_of_a_role(
    world: World, signed_in: SignIn
) -> None:
    client = signed_in(world.people["R"])
    response = client.post("/admin/accounts/user/add/", {**details(), **grabs()})
    assert response.status_code == 302
    assert ranks()["mallory"] == (False, True, True, [], 0)


@pytest.mark.parametrize("whom", ["S", "R", "E", "system"])
def test_no_form_about_people_changes_a_rank(world: World, signed_in: SignIn, whom: str) -> None:
    """Fields that no form has are ignored; oneself, superusers and the system account refused."""
    target = User.objects.system() if whom == "system" else world.people[whom]
    client = signed_in(world.people["R"])
    before = ranks()
    for verb in ("revise", "assign_role", "withdraw_role", "reactivate", "deactivate"):
        response = client.post(act(target, verb), {**details(), **grabs(), "role": ""})
        taken = whom == "E" and verb in ("revise", "deactivate")
        assert response.status_code == (302 if taken else 422), verb
    if whom == "E":
        before["engineer"] = (*before["engineer"][:2], False, *before["engineer"][3:])
    assert ranks() == before


@pytest.mark.parametrize("verb", ["assign_role", "withdraw_role"])
def test_role_administrator_gives_and_takes_every_role_but_not_their_own_nor_a_superusers(
    world: World, signed_in: SignIn, verb: str
) -> None:
    client = signed_in(world.people["R"])
    other = world.records["accounts.User"]
    for group in Group.objects.all():
        before = ranks()
        answers = {"role": group.pk, "reason": "It is so."}
        for target in (world.people["R"], world.people["S"], User.objects.system()):
            assert client.post(act(target, verb), answers).status_code == 422
        assert ranks() == before
        other.groups.set([group] if verb == "withdraw_role" else [])
        assert client.post(act(other, verb), answers).status_code == 302
        assert other.groups.filter(pk=group.pk).exists() is (verb == "assign_role")


def test_nobody_changes_what_a_role_may_do(world: World, signed_in: SignIn) -> None:
    for letter in "RSLE":
        group = Group.objects.get(name="Engineer")
        held = set(group.permissions.values_list("pk", flat=True))
        client = signed_in(world.people[letter])
        posted = {"name": "Engineer", "permissions": [], "_save": "Save", "reason": "Mine."}
        for address in (page(group), "/admin/auth/group/add/", page(group, "history")):
            assert client.post(address, posted).status_code in (403, 404)
        assert set(group.permissions.values_list("pk", flat=True)) == held
        assert Group.objects.count() == 4


def test_superuser_gives_themselves_no_role(world: World, signed_in: SignIn) -> None:
    root = world.people["S"]
    client: Client = signed_in(root)
    group = Group.objects.get(name="Engineering Lead")
    response = client.post(act(root, "assign_role"), {"role": group.pk, "reason": "I am root."})
    assert response.status_code == 403
    assert not root.groups.exists()
    assert lists()
