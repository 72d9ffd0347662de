"""Each history row has an event that says what the database holds, in the row's transaction."""

import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from changes.lifecycle import CHANGES
from ecportal import clock
from ecportal.audit import attestation, context, drift
from ecportal.audit.models import AuditEvent
from ecportal.lifecycle import TransitionRefused
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.scenario import Company, a_change, a_draft

pytestmark = pytest.mark.django_db


def events_of(row: Any) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(source=row._meta.label_lower, source_pk=row.pk))


def unattested() -> list[str]:
    """Return every history row without an event, and every event without its row."""
    there = {
        (past._meta.label_lower, pk)
        for past in map(drift.history_of, drift.tracked_models())
        for pk in past._base_manager.values_list("pk", flat=True)
    }
    told = set(AuditEvent.objects.filter(kind="history").values_list("source", "source_pk"))
    return sorted(f"{label}:{pk}" for label, pk in there ^ told)


def newest(record: Any) -> Any:
    return record.history.order_by("-history_id")[0]


def queries(captured: CaptureQueriesContext) -> list[str]:
    """Return what was asked, each as "VERB table"."""
    found = []
    for query in captured.captured_queries:
        text = re.sub(r"^\d+ times: ", "", query["sql"])  # as many rows sent together show
        table = re.search(r'(?:FROM|INTO|UPDATE) "(\w+)"', text)
        found.append(f"{text.split()[0]} {table[1] if table else ''}".strip())
    return found


def test_a_whole_process_is_attested_row_by_row(company: Company) -> None:
    a_change(company, "closed")
    assert unattested() == []
    assert AuditEvent.objects.filter(kind="history").count() > 30


def test_event_says_what_the_row_says(company: Company) -> None:
    (event,) = events_of(row := newest(company.system))
    body = json.loads(event.body)
    assert (body["v"], body["kind"]) == (1, "history")
    assert (body["source"], body["source_pk"]) == ("incidents.historicalsystem", row.pk)
    assert body["fields"] == {
        "id": company.system.pk, "name": "checkout", "description": "", "status": "active",
        "history_id": row.pk, "history_type": "+", "history_user_id": company.lead.pk,
        "history_date": f"{row.history_date:%Y-%m-%dT%H:%M:%S.%fZ}",
        "history_happened_at": f"{row.history_happened_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        "history_verb": "register", "history_change_reason": "We run it.",
        "history_on_behalf_of": "", "history_about": "",
    }  # fmt: skip
    assert body["ctx"]["username"] == "lead"
    assert body["ctx"]["user_id"] == company.lead.pk


def test_two_events_of_the_same_content_have_different_hashes(company: Company) -> None:
    first = attestation.record("export", what="pack").body
    second = attestation.record("export", what="pack").body
    assert first is not None
    assert second is not None
    assert json.loads(first)["salt"] != json.loads(second)["salt"]
    assert attestation.leaf_hash(first) != attestation.leaf_hash(second)


def test_leaf_hash_is_that_of_rfc_6962() -> None:
    assert attestation.leaf_hash("ü") == sha256(b"\x00" + "ü".encode()).hexdigest()


def test_what_is_attested_is_what_the_database_holds_not_what_was_in_memory(
    company: Company,
) -> None:
    row = newest(company.system)
    row.pk = row.history_id = None
    row.history_user_id = str(company.lead2.pk)
    row.save()
    row.name = "only in memory"
    attestation.attest([row])
    fields = json.loads(events_of(row)[0].body)["fields"]
    assert fields["history_user_id"] == company.lead2.pk
    assert fields["name"] == "checkout"


def test_real_time_is_told_beside_a_set_clock(company: Company) -> None:
    before = clock.real()
    with clock.at(datetime(2020, 1, 1, tzinfo=UTC)):
        SYSTEMS.perform(company.system, "retire", by=company.lead, reason="Gone.")
    body = json.loads(events_of(newest(company.system))[0].body)
    assert body["ctx"]["clock"] == "2020-01-01T00:00:00.000000Z"
    at = datetime.fromisoformat(body["at"])
    assert before - timedelta(seconds=1) <= at <= clock.real()
    attestation.record("export")
    assert "clock" not in json.loads(str(AuditEvent.objects.first().body))["ctx"]


# --- the MAC ----------------------------------------------------------------------------------


def test_mac_is_hmac_sha256_under_the_first_key_with_its_name(settings: Any) -> None:
    settings.AUDIT_MAC_KEYS = {"k2": b"2" * 32, "k1": b"1" * 32}
    expected = hmac.new(b"2" * 32, b"body", sha256).hexdigest()
    assert attestation.mac("body") == f"k2:{expected}"


def test_only_a_holder_of_a_key_makes_a_mac_that_is_ours(settings: Any) -> None:
    settings.AUDIT_MAC_KEYS = {"k1": b"1" * 32}
    old = attestation.mac("body")
    settings.AUDIT_MAC_KEYS = {"k2": b"2" * 32, "k1": b"1" * 32}
    assert attestation.is_ours("body", old)
    assert attestation.is_ours("body", attestation.mac("body"))
    forged = hmac.new(b"3" * 32, b"body", sha256).hexdigest()
    digest = old.partition(":")[2]
    for wrong in (f"k1:{forged}", f"k2:{digest}", f"k3:{digest}", digest, "k1:", "", "k1"):
        assert not attestation.is_ours("body", wrong), wrong
    assert not attestation.is_ours("body ", old)


# --- one transaction ------------------------------------------------------------------------------


def test_save_outside_an_act_is_attested_in_its_transaction(company: Company) -> None:
    company.system.description = "Sells things."
    with transaction.atomic():
        company.system.save()
        assert len(events_of(newest(company.system))) == 1
        transaction.set_rollback(True)
    assert AuditEvent.objects.filter(source="incidents.historicalsystem").count() == 1
    assert unattested() == []


def test_without_an_attestation_there_is_no_act(company: Company, settings: Any) -> None:
    settings.AUDIT_MAC_KEYS = {}
    with pytest.raises(StopIteration), transaction.atomic():
        company.system.save()
    assert company.system.history.count() == 1


def test_refused_act_leaves_no_row_and_no_event_of_one(company: Company) -> None:
    change = a_draft(company)
    history = AuditEvent.objects.filter(kind="history")
    before = history.count()
    with pytest.raises(TransitionRefused):
        CHANGES.perform(change, "submit", by=company.engineer, reason=" ")
    assert history.count() == before
    assert unattested() == []


def test_rows_of_an_act_that_failed_inside_another_are_forgotten(company: Company) -> None:
    with transaction.atomic(), attestation.together():
        company.system.save()
        kept = newest(company.system)
        with pytest.raises(ZeroDivisionError), transaction.atomic(), attestation.together():
            _save_and_fail(company.system)
        assert events_of(kept) == []  # at the end, in one go
    assert len(events_of(kept)) == 1
    assert unattested() == []


def _save_and_fail(record: Any) -> None:
    record.save()
    _ = 1 / 0


def test_rows_of_an_act_inside_another_are_kept(company: Company) -> None:
    with transaction.atomic(), attestation.together():
        SYSTEMS.perform(company.system, "retire", by=company.lead, reason="Gone.")
        row = newest(company.system)
        assert events_of(row) == []
    (event,) = events_of(row)
    assert json.loads(event.body)["ctx"]["username"] == "lead"
    assert unattested() == []


def test_each_row_keeps_its_own_author_in_a_batch(company: Company) -> None:
    with transaction.atomic(), attestation.together():
        for person in (company.lead, company.lead2):
            system = System(name=f"of {person.username}")
            SYSTEMS.perform(system, "register", by=person, reason="Ours.")
    names = [
        json.loads(event.body)["ctx"]["username"]
        for event in AuditEvent.objects.filter(source="incidents.historicalsystem").order_by("pk")
    ]
    assert names == ["lead", "lead", "lead2"]


def test_row_that_vanishes_before_it_is_attested_stops_the_act(company: Company) -> None:
    """As when somebody rolls back to a savepoint inside an act without telling the trail."""
    with pytest.raises(LookupError, match=r"incidents\.historicalsystem vanished"):
        _save_and_go_back(company.system)


def _save_and_go_back(record: Any) -> None:
    with transaction.atomic(), attestation.together(), transaction.atomic():
        record.save()
        transaction.set_rollback(True)


def test_a_row_is_attested_once(company: Company) -> None:
    row = newest(company.system)
    with pytest.raises(Exception, match=r"(?i)unique|append-only"), transaction.atomic():
        attestation.attest([row])


# --- what it costs --------------------------------------------------------------------------------


def test_a_save_costs_three_queries_and_no_lock(company: Company, settings: Any) -> None:
    settings.AUDIT_STRICT = False
    with CaptureQueriesContext(connection) as captured:
        company.system.save()
    plain = ["UPDATE incidents_system", "INSERT incidents_historicalsystem"]
    added = [
        "SELECT incidents_system",  # the drift guard
        "SELECT incidents_historicalsystem",  # the row read back
        "INSERT audit_auditevent",
    ]
    assert queries(captured) == [added[0], *plain, *added[1:]]
    text = " ".join(query["sql"] for query in captured.captured_queries)
    assert "FOR UPDATE" not in text
    assert "LOCK" not in text


def test_a_new_record_costs_two_queries(company: Company, settings: Any) -> None:
    settings.AUDIT_STRICT = False
    with CaptureQueriesContext(connection) as captured:
        System(name="billing").save()
    assert queries(captured) == [
        "INSERT incidents_system",
        "INSERT incidents_historicalsystem",
        "SELECT incidents_historicalsystem",
        "INSERT audit_auditevent",
    ]


def test_an_act_of_many_rows_is_attested_in_one_go(company: Company, settings: Any) -> None:
    settings.AUDIT_STRICT = False
    systems = [company.system]
    for number in range(5):
        system = System(name=f"node {number}")
        systems.append(SYSTEMS.perform(system, "register", by=company.lead, reason="We run it."))
    with CaptureQueriesContext(connection) as captured:
        a_draft(company, systems=systems)
    asked = queries(captured)
    rows = asked.count("INSERT changes_historicalchangesystem")
    assert rows == 6
    assert asked.count("SELECT changes_historicalchangesystem") == 1
    assert asked.count("INSERT audit_auditevent") == 3  # incident, determination, change


def test_origin_holds_only_inside(company: Company) -> None:
    origin = context.Origin(7, "ada", "192.0.2.1", "abc")
    with context.coming_from(origin):
        inside = attestation.record("export").body
    outside = attestation.record("export").body
    assert json.loads(str(inside))["ctx"] == {
        "user_id": 7, "username": "ada", "ip": "192.0.2.1", "request_id": "abc",
    }  # fmt: skip
    assert json.loads(str(outside))["ctx"]["username"] == ""
