"""A value that came past its history shows: before the next save, and over the whole database."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from changes.lifecycle import CHANGES
from changes.models import ChangeSystem, EmergencyChange, Evidence
from ecportal import clock
from ecportal.audit import drift
from ecportal.audit.models import AuditEvent
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.audit.rows import a_row, sql
from tests.scenario import Company, a_change, a_draft, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def lenient(settings: Any) -> None:
    """As outside the tests: the emergency goes on, and the trail says what was found."""
    settings.AUDIT_STRICT = False


def all_drifts() -> dict[str, list[tuple[Any, list[str]]]]:
    found = {model._meta.label_lower: list(drift.drifts(model)) for model in drift.tracked_models()}
    return {label: rows for label, rows in found.items() if rows}


def rename(system: System, name: str = "Rewritten") -> None:
    sql("UPDATE incidents_system SET name = %s WHERE id = %s", name, system.pk)


def drift_events() -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(kind="drift").order_by("pk")
    return [json.loads(str(event.body)) for event in events]


def test_a_whole_process_leaves_no_drift(company: Company) -> None:
    a_change(company, "closed")
    assert all_drifts() == {}


def test_a_row_without_any_history_is_told(db: None) -> None:
    label = "incidents.system"
    row = a_row(System)
    assert all_drifts() == {label: [(row.pk, [drift.GONE])]}
    assert drift.drifted_columns(System, row.pk) == [drift.GONE]


def test_the_columns_that_differ_are_named(company: Company) -> None:
    sql(
        "UPDATE incidents_system SET name = 'a', description = 'b' WHERE id = %s", company.system.pk
    )
    names = ["name", "description"]
    assert drift.drifted_columns(System, company.system.pk) == names
    assert all_drifts() == {"incidents.system": [(company.system.pk, names)]}


def test_a_value_set_to_null_and_one_set_from_null_differ(company: Company) -> None:
    guest = person("guest", access_until=clock.now() + timedelta(days=1))
    sql("UPDATE accounts_user SET access_until = NULL WHERE id = %s", guest.pk)
    evidence = Evidence.objects.get(change=a_change(company, "documented"))
    sql("UPDATE changes_evidence SET size = 0 WHERE id = %s", evidence.pk)
    assert all_drifts() == {
        "accounts.user": [(guest.pk, ["access_until"])],
        "changes.evidence": [(evidence.pk, ["size"])],
    }


def test_a_row_that_vanished_is_told(company: Company) -> None:
    link = ChangeSystem.objects.get(change=a_draft(company))
    sql("DELETE FROM changes_changesystem WHERE id = %s", link.pk)
    assert all_drifts() == {"changes.changesystem": [(link.pk, [drift.GONE])]}


def test_a_row_that_came_back_after_its_deletion_is_told(company: Company) -> None:
    link = ChangeSystem.objects.get(change=a_draft(company))
    change, system, pk = link.change_id, link.system_id, link.pk
    link.delete()
    assert all_drifts() == {}
    sql(
        "INSERT INTO changes_changesystem (id, change_id, system_id) VALUES (%s, %s, %s)",
        pk, change, system,
    )  # fmt: skip
    assert all_drifts() == {"changes.changesystem": [(pk, [drift.GONE])]}


def test_strict_mode_stops_the_save(company: Company) -> None:
    rename(company.system)
    company.system.refresh_from_db()
    with pytest.raises(drift.Drifted, match=rf"incidents.system:{company.system.pk}: name"):
        SYSTEMS.perform(company.system, "retire", by=company.lead, reason="Gone.")
    assert drift_events() == []


def test_strict_mode_stops_the_deletion(company: Company) -> None:
    change = a_draft(company)
    other = SYSTEMS.perform(System(name="billing"), "register", by=company.lead, reason="Ours.")
    link = ChangeSystem.objects.get(change=change)
    sql("UPDATE changes_changesystem SET system_id = %s WHERE id = %s", other.pk, link.pk)
    with pytest.raises(drift.Drifted, match="system_id"), transaction.atomic():
        link.delete()
    assert ChangeSystem.objects.filter(pk=link.pk).exists()


def test_strict_mode_finds_a_save_that_stored_less_than_its_history_says(company: Company) -> None:
    """`update_fields` writes one column; the history row has the unsaved other one too."""
    company.system.name, company.system.description = "phantom", "stored"
    with pytest.raises(drift.Drifted, match="name"), transaction.atomic():
        company.system.save(update_fields=["description"])


def test_otherwise_the_save_goes_on_and_an_event_names_the_columns_and_no_value(
    company: Company, lenient: None, caplog: pytest.LogCaptureFixture
) -> None:
    rename(company.system, "Rewritten-in-the-dark")
    company.system.refresh_from_db()
    with caplog.at_level(logging.ERROR):
        SYSTEMS.perform(company.system, "retire", by=company.lead, reason="Gone.")
    assert System.objects.get(pk=company.system.pk).status == System.Status.RETIRED
    (event,) = drift_events()
    assert event["fields"] == {
        "model": "incidents.system", "pk": str(company.system.pk), "columns": "name",
    }  # fmt: skip
    assert "Rewritten-in-the-dark" not in json.dumps(event)
    assert event["ctx"]["username"] == "lead"
    assert f"incidents.system:{company.system.pk}: name" in caplog.text
    # The value that was smuggled in stands in the history now, and the drift before it too.
    assert all_drifts() == {}


def test_deletion_of_a_drifted_row_is_an_event_too(company: Company, lenient: None) -> None:
    other = SYSTEMS.perform(System(name="billing"), "register", by=company.lead, reason="Ours.")
    link = ChangeSystem.objects.get(change=a_draft(company))
    sql("UPDATE changes_changesystem SET system_id = %s WHERE id = %s", other.pk, link.pk)
    link.refresh_from_db()
    pk = link.pk
    link.delete()
    (event,) = drift_events()
    assert event["fields"] == {
        "model": "changes.changesystem", "pk": str(pk), "columns": "system_id",
    }  # fmt: skip


def test_what_the_history_leaves_out_is_no_drift(company: Company) -> None:
    """The hash of a password is not kept, so a new one cannot differ."""
    sql("UPDATE accounts_user SET password = 'x' WHERE id = %s", company.lead.pk)
    assert all_drifts() == {}


def test_guard_looks_at_the_stored_row_not_at_the_copy_in_memory(company: Company) -> None:
    change = a_draft(company)
    stale = EmergencyChange.objects.get(pk=change.pk)
    CHANGES.perform(change, "submit", by=company.engineer, reason="Now.")
    assert stale.status == EmergencyChange.Status.DRAFT
    assert drift.drifted_columns(EmergencyChange, stale.pk) == []
