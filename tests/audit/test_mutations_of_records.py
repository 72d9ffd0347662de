"""Attacks on live records, links, memberships and files, and code that goes past the history."""

import hashlib
import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.db import models, transaction
from guardian.models import UserObjectPermission
from guardian.shortcuts import assign_perm, remove_perm

from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE as PEOPLE
from ecportal.accounts.models import User
from ecportal.audit import keys
from ecportal.audit.models import AuditEvent
from incidents.models import System
from tests.audit.mutating import (
    Mutation,
    Scene,
    assert_found,
    change_history,
    change_live,
    copy,
    delete,
    forged_mac,
    history,
    mutation,
    of,
    rewrite,
    rewritten,
    seal,
)
from tests.audit.rows import sql
from tests.scenario import Journey

pytestmark = pytest.mark.django_db

MEMBERS = User.groups.through._meta.db_table
LIES = "Approved by the board."


@mutation("21", "DRIFT")
def edit_the_record(scene: Scene) -> str:
    change_live(scene.change, scope=LIES)
    return scene.change.number


@mutation("22", "DRIFT_SEEN")
def edit_the_record_and_let_a_user_save_it(scene: Scene) -> str:
    change_live(scene.draft, scope=LIES)
    _revise(scene, title="Restart it all")
    return scene.draft.number


def _revise(scene: Scene, **data: object) -> None:
    Journey(scene.company, scene.draft).do("revise", scene.company.engineer, **data)


def _stored(scene: Scene) -> Path:
    path = Path(scene.evidence.file.path)
    assert keys.beside("").parent.parent in path.parents, "the attacker has a copy of their own"
    return path


@mutation("23", "FILE")
def edit_the_file(scene: Scene) -> str:
    _stored(scene).write_bytes(b"nothing happened\n")
    return f"Evidence {scene.evidence.pk} of emergency change {scene.change.number}"


@mutation("24", "ROW")
def edit_the_file_and_its_digest_everywhere(scene: Scene) -> str:
    content = b"nothing happened\n"
    _stored(scene).write_bytes(content)
    values = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    change_live(scene.evidence, **values)
    change_history(history(scene.evidence)[0], **values)
    return f"Evidence {scene.evidence.pk}"


@mutation("26", "ROW")
def give_the_evidence_to_another_change(scene: Scene) -> str:
    change_live(scene.evidence, change_id=scene.draft.pk)
    change_history(history(scene.evidence)[0], change_id=scene.draft.pk)
    return f"Evidence {scene.evidence.pk}"


# --- what would be many-to-many: links with a history of their own, and memberships ---------------


@mutation("27", "DRIFT")
def change_a_link(scene: Scene) -> str:
    change_live(scene.link, system_id=scene.late.pk)
    return f"{scene.link.pk} of emergency change {scene.change.number}"


@mutation("27b", "DRIFT")
def join_a_group_in_the_database(scene: Scene) -> str:
    _join(scene)
    return f"Person {scene.company.engineer2.pk}"


def _join(scene: Scene) -> None:
    lead = Group.objects.get(name=roles.LEAD)
    sql(f"INSERT INTO {MEMBERS} (user_id, group_id) VALUES (%s, %s)",
        scene.company.engineer2.pk, lead.pk)  # fmt: skip


@mutation("28", "ROW")
def change_a_link_and_its_history(scene: Scene) -> str:
    change_live(scene.link, system_id=scene.late.pk)
    change_history(history(scene.link)[0], system_id=scene.late.pk)
    return f"{scene.link.pk} of emergency change {scene.change.number}"


@mutation("28b", "LEAF", "MAC")
def change_a_membership_and_its_event(scene: Scene) -> None:
    _join(scene)
    rewrite(_membership(scene), held=_held(scene))


def _membership(scene: Scene) -> AuditEvent:
    """Return the newest event that tells which groups the second engineer is in."""
    for event in AuditEvent.objects.filter(kind="membership").order_by("-pk"):
        fields = json.loads(str(event.body))["fields"]
        if (fields["relation"], fields["owner"]) == (
            "accounts.user_groups", scene.company.engineer2.pk
        ):  # fmt: skip
            return event
    raise LookupError


def _held(scene: Scene) -> str:
    groups = scene.company.engineer2.groups.order_by("pk")
    return " ".join(str(pk) for pk in groups.values_list("pk", flat=True))


@mutation("29", "DRIFT", "UNATTESTED")
def insert_a_link_into_the_history_of_an_old_record(scene: Scene) -> str:
    """The row is of a link that never was: no event attests it, and no link is there."""
    copy(history(scene.link)[0], id=scene.link.pk + 1000, system_id=scene.late.pk)
    return f"{scene.link.pk + 1000} of emergency change {scene.change.number}"


@mutation("29b", "MAC")
def insert_a_membership_and_an_event_of_it(scene: Scene) -> None:
    _join(scene)
    body = rewritten(_membership(scene), held=_held(scene))
    copy(_membership(scene), body=body, mac=forged_mac(body))
    seal()


@mutation("33", "DRIFT")
def delete_the_record(scene: Scene) -> str:
    delete("changes_evidence", "id", [scene.evidence.pk])
    return f"Evidence {scene.evidence.pk} of emergency change {scene.change.number} vanished"


@mutation("41", "DRIFT_SEEN")
def change_a_link_and_let_a_user_save(scene: Scene) -> str:
    link = scene.draft.systems.get()
    change_live(link, system_id=scene.late.pk)
    _revise(scene, systems=[scene.company.system])
    return f"{link.pk} of emergency change {scene.draft.number}"


@mutation("41b", "DRIFT_SEEN")
def join_a_group_in_the_database_and_let_a_user_save(scene: Scene) -> str:
    person, by = scene.company.engineer2, scene.company.roleadmin
    _join(scene)
    engineer = Group.objects.get(name=roles.ENGINEER)
    PEOPLE.perform(person, "withdraw_role", by=by, reason="Moves.", role=engineer)
    return f"Person {person.pk}"


@mutation("42", "DRIFT_SEEN")
def edit_a_grant_and_let_a_user_withdraw_it(scene: Scene) -> str:
    view, person = "changes.view_emergencychange", scene.company.engineer2
    with transaction.atomic():
        grant = assign_perm(view, person, scene.change)
    change_live(grant, object_pk=str(scene.draft.pk))
    remove_perm(view, person, scene.draft)
    assert not UserObjectPermission.objects.exists()
    return "User object permission"


# --- the application itself -----------------------------------------------------------------------


@mutation("34", "DRIFT")
def update_without_history(scene: Scene) -> str:
    models.QuerySet(System).filter(pk=scene.late.pk).update(description=LIES)
    return f"System {scene.late.pk}"


@mutation("35", "DRIFT")
def bulk_create_without_history(scene: Scene) -> str:
    (made,) = System._base_manager.bulk_create([System(name="ghost")])
    return f"System {made.pk}"


@mutation("36", "DRIFT")
def save_without_history(scene: Scene) -> str:
    scene.late.description = LIES
    scene.late.save_without_historical_record()
    return f"System {scene.late.pk}"


@mutation("43", "BACKDATED")
def date_a_row_back(scene: Scene) -> str:
    scene.late._history_date = clock.now() - timedelta(days=1)
    with transaction.atomic():
        scene.late.save()
    return f"System {scene.late.pk}"


@pytest.mark.parametrize("mutation", of(__name__), ids=str)
def test_attack_on_records_is_found(mutation: Mutation, scene: Scene) -> None:
    assert_found(mutation, scene)
