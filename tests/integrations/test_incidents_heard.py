"""Incidents follow PagerDuty and Alertmanager, whatever comes twice, late or in another order."""

import itertools
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from ecportal import clock
from ecportal.audit.models import AuditEvent
from ecportal.integrations.models import Delivery, RemoteObject
from ecportal.integrations.working import work_off
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident
from tests.integrations.samples import ALERTMANAGER, GRAFANA, PAGERDUTY, alert, group
from tests.integrations.samples import pagerduty as event
from tests.integrations.samples import pagerduty_note as note
from tests.integrations.sending import deliver
from tests.integrations.working import (
    NOW,
    at,
    hear,
    hear_at_once,
    notes,
    outcomes,
    the_incident,
    told,
)
from tests.scenario import Company


# --- PagerDuty ----------------------------------------------------------------------------------
def test_triggered_incident_is_recorded_as_the_system_account(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY)
    incident = the_incident()
    assert (incident.title, incident.severity) == ("A little bump in the road", 1)
    assert (incident.source, incident.source_key) == ("pagerduty", "PGR0VU2")
    assert incident.source_url == "https://acme.pagerduty.example.com/incidents/PGR0VU2"
    assert incident.began_at == at("08:40:00")
    assert incident.recorded_by.is_system
    assert [link.system for link in incident.affected.all()] == [portal.system]
    row = incident.history.get()
    assert row.history_happened_at == at("08:41:00.169")
    assert row.history_date == NOW
    assert outcomes() == ["done"]
    assert told() == f"Recorded {incident.number}."
    remote = RemoteObject.objects.get(kind="incident")
    assert (remote.key, remote.thread) == ("PGR0VU2", incident.number)
    assert remote.heard_until == at("08:41:00.169")


def test_trail_says_which_system_an_act_came_from(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY)
    body = AuditEvent.objects.get(source="incidents.historicalincident").body
    assert f"PagerDuty delivery {Delivery.objects.get().pk}" in body


def test_service_that_is_no_system_of_the_portal_is_told_in_the_description(
    portal: Company,
) -> None:
    hear("pagerduty", event("incident.triggered", "08:41:00", service={"summary": "Mainframe"}))
    assert not the_incident().affected.exists()
    assert the_incident().description.endswith(
        "Named by the alert, but no system of the portal: Mainframe"
    )


def test_acknowledgment_escalation_and_notes_are_written_down_once(portal: Company) -> None:
    said = [
        PAGERDUTY,
        event("incident.acknowledged", "08:42:00"),
        note("08:43:00", "Rolling back."),
        note("08:44:00", "Done.", note="N2"),
        event("incident.escalated", "08:45:00"),
    ]
    hear("pagerduty", *said)
    hear("pagerduty", *said, **{"X-Webhook-Id": "another subscription"})
    assert notes(the_incident()) == [
        ("08:42:00", "Grace acknowledged this in PagerDuty."),
        ("08:43:00", "Grace in PagerDuty: Rolling back."),
        ("08:44:00", "Grace in PagerDuty: Done."),
        ("08:45:00", "Grace escalated this in PagerDuty; now with Ada."),
    ]
    assert the_incident().notes.first().recorded_at == NOW


def test_note_that_the_portal_itself_wrote_over_there_is_not_written_down(
    portal: Company,
) -> None:
    hear("pagerduty", PAGERDUTY, note("08:43:00", "Determined an emergency. [EC-2026-0042#3]"))
    hear("pagerduty", note("08:43:30", "Seen. [INC-2026-0007#4]", note="N2"))
    assert notes(the_incident()) == []
    RemoteObject.objects.create(
        system="pagerduty", kind="note", key="N7", thread="EC-2026-0042", recorded_at=NOW
    )
    hear("pagerduty", note("08:44:00", "Closed.", note="N7"))
    assert notes(the_incident()) == []


def test_number_that_a_person_quotes_is_no_mark_of_the_portal(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY, note("08:43:00", "Waits for [EC-2026-0042]."))
    assert notes(the_incident()) == [("08:43:00", "Grace in PagerDuty: Waits for [EC-2026-0042].")]


def test_severity_and_title_follow_what_pagerduty_says(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY)
    hear("pagerduty", event("incident.priority_updated", "08:50:00", priority={"summary": "P3"},
                            title="A big bump"))  # fmt: skip
    incident = the_incident()
    assert (incident.title, incident.severity) == ("A big bump", 3)
    assert "Priority: P3" in incident.description
    assert incident.history.first().history_change_reason.startswith("PagerDuty says otherwise: ")


def test_resolved_and_reopened_incident_has_pagerdutys_times(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY, event("incident.resolved", "08:55:00", status="resolved"))
    assert (the_incident().status, the_incident().resolved_at) == ("resolved", at("08:55:00"))
    hear("pagerduty", event("incident.reopened", "09:05:00"))
    assert (the_incident().status, the_incident().resolved_at) == ("open", None)


def test_merged_incident_is_resolved_with_a_reference(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY, event("incident.triggered", "08:50:00", "POTHER"))
    merged = {"type": "merge_resolve_reason", "incident": {"id": "PGR0VU2", "summary": "A bump"}}
    hear("pagerduty", event("incident.resolved", "09:00:00", "POTHER", status="resolved",
                            resolve_reason=merged))  # fmt: skip
    first, other = Incident.objects.order_by("pk")
    assert (first.status, other.status) == ("open", "resolved")
    assert notes(other) == [
        ("09:00:00", f"PagerDuty merged this into its incident PGR0VU2 ({first.number}).")
    ]


def test_note_about_an_unknown_incident_waits_until_it_is_known(portal: Company) -> None:
    hear("pagerduty", note("08:43:00", "Rolling back."))
    assert not Incident.objects.exists()
    assert not RemoteObject.objects.exists()
    assert outcomes() == ["unlinked"]
    hear("pagerduty", PAGERDUTY)
    assert notes(the_incident()) == [("08:43:00", "Grace in PagerDuty: Rolling back.")]
    assert outcomes() == ["done", "done"]


def test_resolution_that_overtakes_its_beginning_gives_a_resolved_incident(
    portal: Company,
) -> None:
    hear("pagerduty", event("incident.resolved", "08:55:00", status="resolved"), PAGERDUTY)
    assert (the_incident().status, the_incident().resolved_at) == ("resolved", at("08:55:00"))
    assert the_incident().began_at == at("08:40:00")
    assert outcomes() == ["done", "ignored"]
    assert told() == "It changes nothing."


@pytest.mark.parametrize(
    "kind", ["pagey.ping", "service.updated", "incident.workflow.started", "incident.new_thing"]
)
def test_event_that_says_nothing_to_the_portal_is_kept_and_ignored(
    portal: Company, kind: str
) -> None:
    hear("pagerduty", {"event": {"id": "1", "event_type": kind, "data": {"message": "Hello"}}})
    assert outcomes() == ["ignored"]
    assert not Incident.objects.exists()


def test_event_that_cannot_be_understood_is_kept_with_the_reason(portal: Company) -> None:
    hear("pagerduty", {"event": {"event_type": "incident.triggered", "data": {"type": "incident"}}})
    assert outcomes() == ["unreadable"]
    assert told() == "event: 'occurred_at' is missing."


def test_event_of_the_future_happened_by_our_clock(portal: Company) -> None:
    late = event("incident.triggered", "23:00:00", created_at="2026-11-23T22:00:00Z")
    hear("pagerduty", late)
    assert the_incident().began_at == NOW
    assert "in the future by the portal's clock" in the_incident().description
    with clock.at(at("09:40:00")):
        hear("pagerduty", event("incident.resolved", "09:39:00", status="resolved"))
    assert the_incident().status == "resolved"


# --- what people changed ------------------------------------------------------------------------
def revised(portal: Company, **values: Any) -> None:
    incident = the_incident()
    names = ("title", "description", "severity", "source_url")
    now = {name: getattr(incident, name) for name in names} | values
    INCIDENTS.perform(incident, "revise", by=portal.engineer, reason="I know better.", **now)


def test_what_a_person_changed_stays_theirs(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY)
    revised(portal, title="Checkout is down", severity=1, systems=[])
    hear("pagerduty", event("incident.priority_updated", "08:50:00", priority={"summary": "P4"},
                            title="A big bump"))  # fmt: skip
    hear("pagerduty", event("incident.escalated", "08:51:00", priority={"summary": "P4"},
                            title="A huge bump"))  # fmt: skip
    incident = the_incident()
    assert incident.title == "Checkout is down"
    assert incident.severity == 4  # which nobody had changed
    assert not incident.affected.exists()  # taken off by a person, and named once before


def test_incident_that_a_person_reopened_is_not_resolved_by_what_was_said_before(
    portal: Company,
) -> None:
    hear("pagerduty", PAGERDUTY)
    INCIDENTS.perform(the_incident(), "resolve", by=portal.engineer, reason="Seems fine.")
    INCIDENTS.perform(the_incident(), "reopen", by=portal.engineer, reason="It is not.")
    hear("pagerduty", event("incident.resolved", "09:29:00", status="resolved"))
    assert the_incident().status == "open"
    with clock.at(at("10:00:00")):
        hear("pagerduty", event("incident.reopened", "09:40:00"))
        hear("pagerduty", event("incident.resolved", "09:50:00", status="resolved"))
    assert (the_incident().status, the_incident().resolved_at) == ("resolved", at("09:50:00"))


def test_incident_that_a_person_resolved_keeps_their_time(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY)
    INCIDENTS.perform(the_incident(), "resolve", by=portal.engineer, reason="Rolled back.")
    with clock.at(at("10:00:00")):
        hear("pagerduty", event("incident.resolved", "09:50:00", status="resolved"))
        assert the_incident().resolved_at == NOW
        hear("pagerduty", event("incident.reopened", "09:55:00"))
    assert the_incident().status == "open"


def test_cancelled_incident_stays_cancelled(portal: Company) -> None:
    hear("pagerduty", PAGERDUTY)
    INCIDENTS.perform(the_incident(), "cancel", by=portal.engineer, reason="A test.")
    hear("pagerduty", event("incident.resolved", "09:00:00", status="resolved"))
    hear("pagerduty", note("09:01:00", "Really?"))
    assert the_incident().status == "cancelled"
    assert outcomes() == ["done", "ignored", "ignored"]
    assert "The portal's rules are against it" in told()


def test_incident_recorded_from_a_file_before_is_taken_up(portal: Company) -> None:
    incident = Incident(title="Mine", source="pagerduty", source_key="PGR0VU2",
                        began_at=at("08:40:00"))  # fmt: skip
    INCIDENTS.perform(incident, "record", by=portal.engineer, reason="Paged.", systems=[])
    hear("pagerduty", PAGERDUTY, event("incident.resolved", "08:55:00", status="resolved"))
    assert the_incident().status == "resolved"


# --- Alertmanager and Grafana -------------------------------------------------------------------
@pytest.mark.parametrize("payload", [ALERTMANAGER, GRAFANA])
def test_firing_group_is_recorded(portal: Company, payload: dict[str, Any]) -> None:
    hear("alertmanager", payload)
    incident = the_incident()
    assert (incident.title, incident.severity) == ("CheckoutDown: 5xx > 20%", 1)
    assert [link.system for link in incident.affected.all()] == [portal.system]
    assert f"{incident.began_at:%H:%M:%S}" == "08:25:15"


A, B = alert("A", "08:00:00", severity="warning"), alert("B", "08:10:00", service="search")
A_ENDED, B_ENDED = alert("A", "08:00:00", "08:20:00"), alert("B", "08:10:00", "08:30:00")
GROWING = [group(A), group(A, B), group(A_ENDED, B), group(B_ENDED)]


def test_group_that_grows_and_shrinks_is_one_incident_until_its_last_alert_ended(
    portal: Company,
) -> None:
    hear("alertmanager", GROWING[0])
    assert the_incident().severity == 3
    hear("alertmanager", *GROWING[1:3])
    assert (the_incident().severity, the_incident().status) == (1, "open")
    assert "no system of the portal: search" in the_incident().description
    hear("alertmanager", GROWING[3])
    assert (the_incident().status, the_incident().resolved_at) == ("resolved", at("08:30:00"))
    hear("alertmanager", group(alert("A", "09:00:00")))
    assert [one.status for one in Incident.objects.order_by("pk")] == ["resolved", "open"]


def test_group_of_many_alerts_takes_no_query_for_each(portal: Company) -> None:
    many = group(*(alert(f"A{place}", "08:00:00") for place in range(300)))
    with CaptureQueriesContext(connection) as queries:
        hear("alertmanager", many)
        hear("alertmanager", {**many, "truncatedAlerts": 1})
    assert RemoteObject.objects.filter(kind="alert", thread=the_incident().number).count() == 300
    assert len(queries) < 150


def test_group_that_is_told_of_each_interval_is_one_delivery(portal: Company) -> None:
    assert [deliver("alertmanager", group(A)).status_code for _ in range(3)] == [202, 200, 200]
    assert deliver("alertmanager", group(A, B)).status_code == 202


def test_end_of_a_group_that_was_never_heard_of_records_nothing(portal: Company) -> None:
    hear("alertmanager", GROWING[3])
    assert not Incident.objects.exists()
    assert outcomes() == ["unlinked"]


# --- any order ----------------------------------------------------------------------------------
def begun(kind: str, clock_time: str, **values: Any) -> dict[str, Any]:
    return event(kind, clock_time, created_at=None, **values)


STORY = [
    begun("incident.triggered", "08:41:00", priority=None),
    begun("incident.acknowledged", "08:42:00"),
    note("08:43:00", "Rolling back."),
    begun("incident.priority_updated", "08:44:00", priority={"summary": "P2"}, title="Bump"),
    begun("incident.resolved", "08:50:00", status="resolved", priority={"summary": "P2"}),
    begun("incident.reopened", "08:55:00", service={"summary": "X"}),
    begun("incident.service_updated", "08:56:00", status="resolved", html_url="https://a.example"),
    begun("incident.resolved", "09:00:00", status="resolved", title="Bump, again"),
]


def final(incident: Incident) -> dict[str, Any]:
    """Return all of an incident but its number and when it was written down."""
    names = ("title", "description", "severity", "status", "source", "source_key", "source_url",
             "began_at", "resolved_at")  # fmt: skip
    return {
        **{name: getattr(incident, name) for name in names},
        "systems": sorted(str(link) for link in incident.affected.all()),
        "notes": sorted(notes(incident)),
    }


def ends(system: str, story: list[Any], order: list[int]) -> dict[str, Any]:
    """Return the incident after the events came in this order, each before the next."""
    with transaction.atomic():
        hear(system, *(story[place] for place in order))
        end = final(the_incident())
        transaction.set_rollback(True)
    return end


@pytest.fixture
def right(portal: Company) -> dict[str, Any]:
    """The incident after the events came once and in order."""
    return ends("pagerduty", STORY, list(range(len(STORY))))


ORDERS = st.lists(st.integers(0, len(STORY) - 1), max_size=4).flatmap(
    lambda more: st.permutations([*range(len(STORY)), *more])
)


@pytest.mark.once
@given(order=ORDERS)
@limits(
    max_examples=20,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_events_in_any_order_and_any_number_give_the_same_incident(
    portal: Company, right: dict[str, Any], order: list[int]
) -> None:
    assert ends("pagerduty", STORY, order) == right


def test_story_ends_as_it_was_told_last(right: dict[str, Any]) -> None:
    assert right["status"] == "resolved"
    assert right["resolved_at"] == at("09:00:00")
    assert right["began_at"] == at("08:41:00")
    assert (right["title"], right["severity"]) == ("Bump, again", 1)
    assert right["source_url"] == "https://acme.pagerduty.example.com/incidents/PGR0VU2"
    assert right["systems"] == ["checkout"]
    assert [words for words, _text in right["notes"]] == ["08:42:00", "08:43:00", "08:56:00"]


def test_notifications_of_a_group_in_any_order_give_the_same_incident(portal: Company) -> None:
    right = ends("alertmanager", GROWING, [0, 1, 2, 3])
    assert right["status"] == "resolved"
    for order in list(itertools.permutations(range(4)))[1::2]:
        assert ends("alertmanager", GROWING, list(order)) == right, order


def test_what_came_before_the_task_ran_is_worked_on_in_the_order_of_events(
    portal: Company,
) -> None:
    hear_at_once("pagerduty", reversed(STORY))
    rows = the_incident().history.order_by("history_id")
    turns = rows.exclude(history_verb__in=("revise", "note"))
    done = turns.values_list("history_verb", "history_happened_at")
    assert list(done) == [
        ("record", at("08:41:00")), ("resolve", at("08:50:00")),
        ("reopen", at("08:55:00")), ("resolve", at("09:00:00")),
    ]  # fmt: skip
    assert work_off() == 0
