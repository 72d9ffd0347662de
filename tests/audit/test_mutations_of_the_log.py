"""Attacks on events, leaves and checkpoints, with and without stolen keys: each is found."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecportal.audit import agreement, keys, notes, sealer
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.audit.mutating import (
    CHECKPOINTS,
    EVENTS,
    Mutation,
    Scene,
    assert_found,
    change_history,
    change_live,
    copy,
    delete,
    erase,
    event_of,
    history,
    mutation,
    of,
    redo_leaves,
    rewrite,
    sign_anew,
    stolen_mac_key,
    two_minutes_ago,
)

pytestmark = pytest.mark.django_db

LIES = "Approved by the board."


@mutation("05", "LEAF", "MAC")
def edit_row_and_event(scene: Scene) -> str:
    _lie(scene)
    return scene.change.number


def _lie(scene: Scene, key: bytes | None = None) -> None:
    """Rewrite an old row and its event, under a MAC key of the attacker's own if none is given."""
    row = history(scene.change)[0]
    event = event_of(row)
    change_history(row, scope=LIES)
    rewrite(event, key=key, scope=LIES)


@mutation("06", "MAC", "ROOT")
def edit_row_event_and_all_hashes(scene: Scene) -> str:
    _lie(scene)
    redo_leaves()
    return scene.change.number


@mutation("07", "CHECKPOINT_SIG", "MAC", "ROOT")
def edit_everything_and_sign_with_another_key(scene: Scene) -> str:
    _lie(scene)
    redo_leaves()
    sign_anew(notes.Signer(keys.signer().name, Ed25519PrivateKey.generate()))
    return scene.change.number


@mutation("08", "MAC", "ROOT")
def edit_everything_and_sign_with_the_stolen_key(scene: Scene) -> str:
    _lie(scene)
    redo_leaves()
    sign_anew(keys.signer())
    return scene.change.number


@mutation("09", "ROOT")
def edit_everything_with_both_keys_stolen(scene: Scene) -> None:
    _lie(scene, stolen_mac_key())
    redo_leaves()
    sign_anew(keys.signer())


@mutation("12", "ROOT", "TRUNCATED")
def delete_newest_row_and_put_the_record_and_all_hashes_back(scene: Scene) -> None:
    before, newest = history(scene.draft)[-2:]
    assert newest.history_verb == "revise"
    change_live(scene.draft, title=before.title)
    erase(event_of(newest))


def _cut_the_end_off(scene: Scene) -> None:
    """Take away all that came after the first checkpoint, the record that began then too."""
    kept = notes.open_checkpoint(scene.mailed[0], keys.verifiers()).size
    tail = AuditEvent.objects.filter(pk__gt=event_of(history(scene.late)[0]).pk - 1)
    erase(*tail)
    delete("incidents_system", "id", [scene.late.pk])
    assert AuditEvent.objects.count() == kept


@mutation("18", "TRUNCATED")
def cut_the_end_off(scene: Scene) -> None:
    _cut_the_end_off(scene)


@mutation("19", "TRUNCATED")
def roll_everything_back_to_an_old_checkpoint(scene: Scene) -> None:
    _cut_the_end_off(scene)
    newer = AuditCheckpoint.objects.order_by("pk").values_list("pk", flat=True)[1:]
    delete(CHECKPOINTS, "id", list(newer))


@mutation("20", "UNSIGNED")
def put_an_old_checkpoint_back_as_the_newest(scene: Scene) -> None:
    copy(AuditCheckpoint.objects.order_by("pk")[0])


@mutation("40", "EVENT_GONE", "UNATTESTED")
def delete_events_and_keep_rows_and_leaves(scene: Scene) -> str:
    delete(EVENTS, "id", [event_of(row).pk for row in history(scene.change)])
    return scene.change.number


def _ten_changes(scene: Scene) -> None:
    with two_minutes_ago():
        for number in range(10):
            system = System(name=f"node {number}")
            SYSTEMS.perform(system, "register", by=scene.company.lead, reason="Ours.")


@mutation("46", "UNSEALED")
def stop_the_sealer(scene: Scene) -> str:
    _ten_changes(scene)
    return "10 events are not sealed, the oldest for 2 min"


@mutation("47", "TRUNCATED", "UNSEALED", "UNSIGNED")
def let_the_sealer_sign_a_rewritten_log(scene: Scene) -> None:
    erase(event_of(history(scene.late)[0]))
    delete("incidents_system", "id", [scene.late.pk])
    newer = AuditCheckpoint.objects.order_by("pk").values_list("pk", flat=True)[1:]
    delete(CHECKPOINTS, "id", list(newer))
    _ten_changes(scene)
    with pytest.raises(agreement.WillNotSign):
        sealer.seal()


@pytest.mark.parametrize("mutation", of(__name__), ids=str)
def test_attack_on_the_log_is_found(mutation: Mutation, scene: Scene) -> None:
    assert_found(mutation, scene)


@pytest.mark.parametrize(
    ("attack", "code"),
    [
        (edit_everything_with_both_keys_stolen, "ROOT"),
        (roll_everything_back_to_an_old_checkpoint, "TRUNCATED"),
        (edit_everything_and_sign_with_the_stolen_key, "ROOT"),
    ],
)
def test_without_the_sealers_state_the_mailed_checkpoint_tells(
    attack: object, code: str, scene: Scene
) -> None:
    """The attacker holds the sealer's machine as well: only what left it shows the lie."""
    assert callable(attack)
    attack(scene)
    keys.beside(".state").unlink()
    assert code not in {finding.code for finding in scene.findings()}
    told = {finding.code for finding in scene.findings(checkpoints=scene.mailed)}
    assert code in told


def test_with_all_keys_and_the_state_only_what_left_the_machine_tells(scene: Scene) -> None:
    edit_everything_with_both_keys_stolen(scene)
    keys.beside(".state").unlink()
    assert scene.findings() == []
    found = scene.findings(checkpoints=scene.mailed)
    assert {finding.code for finding in found} == {"ROOT"}


def test_after_the_state_is_lost_the_sealer_signs_nothing(scene: Scene) -> None:
    keys.beside(".state").unlink()
    before = AuditCheckpoint.objects.count()
    _ten_changes(scene)
    with pytest.raises(agreement.WillNotSign):
        sealer.seal()
    assert AuditCheckpoint.objects.count() == before
