"""Attacks on rows of history, sealed and not yet sealed: each is found, and the record named."""

import pytest
from django.db import connection

from ecportal.audit import attestation
from ecportal.audit.models import AuditEvent
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.audit.mutating import (
    EVENTS,
    Mutation,
    Scene,
    assert_found,
    change_history,
    change_live,
    change_row,
    copy,
    delete,
    erase,
    event_of,
    forged_mac,
    history,
    mutation,
    of,
    rewrite,
    rewritten,
    seal,
    unlocked,
)
from tests.audit.rows import look, sql

pytestmark = pytest.mark.django_db

LIES = "Approved by the board."


@mutation("01", "ROW")
def edit_field(scene: Scene) -> str:
    change_history(history(scene.change)[0], scope=LIES)
    return scene.change.number


@mutation("02", "ROW")
def edit_who(scene: Scene) -> str:
    change_history(history(scene.change)[1], history_user_id=scene.company.lead2.pk)
    return "Who did it"


@mutation("03", "ROW")
def edit_when(scene: Scene) -> str:
    row = history(scene.change)[1]
    change_history(row, history_date=row.history_date.replace(year=2020))
    return "Time of the act"


@mutation("04", "ROW")
def edit_kind_of_change(scene: Scene) -> str:
    change_history(history(scene.change)[1], history_type="+")
    return scene.change.number


@mutation("10", "DRIFT", "ROW_GONE")
def delete_newest(scene: Scene) -> str:
    row = history(scene.draft)[-1]
    delete(row._meta.db_table, "history_id", [row.pk])
    return scene.draft.number


@mutation("11", "ROW_GONE")
def delete_middle(scene: Scene) -> str:
    row = history(scene.change)[1]
    delete(row._meta.db_table, "history_id", [row.pk])
    return scene.change.number


@mutation("13", "ROW_GONE")
def delete_a_whole_record(scene: Scene) -> str:
    rows = history(scene.evidence)
    delete(rows[0]._meta.db_table, "history_id", [row.pk for row in rows])
    delete("changes_evidence", "id", [scene.evidence.pk])
    return f"Evidence {scene.evidence.pk} of emergency change {scene.change.number}"


@mutation("14", "DRIFT", "UNATTESTED")
def forge_row(scene: Scene) -> str:
    copy(history(scene.change)[-1], scope=LIES)
    return scene.change.number


@mutation("15", "UNATTESTED")
def forge_row_and_record_and_have_them_sealed(scene: Scene) -> str:
    copy(history(scene.change)[-1], scope=LIES)
    change_live(scene.change, scope=LIES)
    seal()
    return scene.change.number


@mutation("16", "MAC")
def forge_row_record_and_event_and_have_them_sealed(scene: Scene) -> str:
    row = history(scene.change)[-1]
    made = copy(row, scope=LIES)
    change_live(scene.change, scope=LIES)
    _forge_event(event_of(row), made, scope=LIES, history_id=made)
    seal()
    return scene.change.number


def _forge_event(event: AuditEvent, source_pk: int, **fields: object) -> None:
    """Insert the event of a forged row as well as somebody can who has not the MAC key."""
    body = rewritten(event, **fields).replace(
        f'"source_pk":{event.source_pk}', f'"source_pk":{source_pk}'
    )
    copy(event, source_pk=source_pk, body=body, mac=forged_mac(body))


@mutation("17", "ROW")
def swap_two_rows(scene: Scene) -> str:
    first, second = history(scene.change)[:2]
    change_history(first, history_id=-1)
    change_history(second, history_id=first.pk)
    change_row(first._meta.db_table, "history_id", -1, history_id=second.pk)
    return scene.change.number


@mutation("25", "ROW_GONE", "UNATTESTED")
def number_rows_anew(scene: Scene) -> str:
    table = scene.draft.history.model._meta.db_table
    with unlocked(table):
        sql(f"UPDATE {table} SET history_id = history_id + 100000 WHERE id = %s", scene.draft.pk)
    return scene.draft.number


@mutation("30", "ROW")
def drop_triggers_edit_and_restore_them(scene: Scene) -> str:
    row = history(scene.approval)[0]
    with unlocked(row._meta.db_table):
        sql(
            f"UPDATE {row._meta.db_table} SET approver_id = %s WHERE history_id = %s",
            scene.company.lead2.pk, row.pk,
        )  # fmt: skip
    change_live(scene.approval, approver_id=scene.company.lead2.pk)
    return f"Approval {scene.approval.pk} of emergency change {scene.change.number}"


@mutation("31", "TRIGGER")
def drop_a_trigger(scene: Scene) -> str:
    table = "changes_historicalapproval"
    if connection.vendor == "sqlite":
        sql(f"DROP TRIGGER ecp_{table}_delete")
    else:
        sql(f"DROP TRIGGER ecp_no_change ON {table}")
    return table


@mutation("32", "TRIGGER")
def neuter_a_trigger(scene: Scene) -> str:
    table = "changes_historicalapproval"
    if connection.vendor == "sqlite":
        ((text,),) = look("SELECT sql FROM sqlite_master WHERE name = %s", f"ecp_{table}_update")
        sql(f"DROP TRIGGER ecp_{table}_update")
        sql(text.replace("BEGIN", "WHEN 0 BEGIN"))
    else:
        sql(
            "CREATE OR REPLACE FUNCTION ecp_append_only() RETURNS trigger LANGUAGE plpgsql"
            " AS $$BEGIN RETURN COALESCE(NEW, OLD); END$$"
        )
    return table


# --- before the sealer came -----------------------------------------------------------------------


def _just_now(scene: Scene) -> System:
    system = System(name="fresh")
    return SYSTEMS.perform(system, "register", by=scene.company.lead, reason="Ours.")


@mutation("37", "ROW")
def edit_row_before_it_is_sealed(scene: Scene) -> str:
    system = _just_now(scene)
    change_history(history(system)[0], name="rewritten")
    change_live(system, name="rewritten")
    seal()
    return f"System {system.pk}"


@mutation("38", "MAC")
def edit_row_and_event_before_they_are_sealed(scene: Scene) -> str:
    system = _just_now(scene)
    row = history(system)[0]
    change_history(row, name="rewritten")
    change_live(system, name="rewritten")
    rewrite(event_of(row), name="rewritten")
    seal()
    return f"System {system.pk}"


@mutation("39", "RECEIPT")
def erase_before_it_is_sealed(scene: Scene) -> str:
    """Nothing in the database tells; the receipt that was mailed with the event's hash does."""
    system = _just_now(scene)
    event = event_of(history(system)[0])
    scene.receipts.append((event.pk, attestation.leaf_hash(str(event.body))))
    assert scene.findings() == []
    erase(event)
    delete("incidents_system", "id", [system.pk])
    seal()
    return f"Event {event.pk}"


@mutation("44", "DUP", "EVENT_META", "UNATTESTED")
def replay_an_approval(scene: Scene) -> str:
    row = history(scene.approval)[-1]
    made = copy(row)
    copy(event_of(row), source_pk=made)
    return f"Approval {scene.approval.pk} of emergency change {scene.change.number}"


@mutation("45", "REDACTED_WITHOUT_ORDER", "UNATTESTED")
def wipe_an_event_as_if_redacted(scene: Scene) -> str:
    change_row(EVENTS, "id", event_of(history(scene.change)[1]).pk, body=None)
    return scene.change.number


@pytest.mark.parametrize("mutation", of(__name__), ids=str)
def test_attack_on_history_is_found(mutation: Mutation, scene: Scene) -> None:
    assert_found(mutation, scene)


def test_erasing_before_sealing_shows_in_the_receipt_alone(scene: Scene) -> None:
    erase_before_it_is_sealed(scene)
    scene.receipts.clear()
    assert scene.findings() == []
