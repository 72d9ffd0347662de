"""The task: each delivery once with its effect, what fails is tried again and then seen."""

import time
from collections import Counter
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection, connections
from django.test import override_settings

from ecportal import clock
from ecportal.integrations import hearing, working
from ecportal.integrations.facts import IncidentHeard
from ecportal.integrations.lifecycle import DELIVERIES
from ecportal.integrations.models import MOST_ATTEMPTS, Delivery
from ecportal.integrations.tasks import work_on_deliveries
from ecportal.lifecycle import TransitionRefused
from incidents.models import Incident
from tests.integrations.samples import PAGERDUTY
from tests.integrations.samples import pagerduty as event
from tests.integrations.samples import pagerduty_note as note
from tests.integrations.sending import SECRETS, deliver
from tests.integrations.working import NOW, outcomes, the_incident
from tests.scenario import Company


def failing(times: int) -> Any:
    """Let the hearer of incidents fail so often after it has done its work."""
    kept, left = hearing._hearers[IncidentHeard], [times]

    def fail(fact: IncidentHeard) -> str:
        done = " ".join(hearer(fact) for hearer in kept)
        if left[0] > 0:
            left[0] -= 1
            raise OperationalError("the server closed the connection\0")
        return done

    return patch.dict(hearing._hearers, {IncidentHeard: [fail]})


def test_task_works_on_what_waits_once(portal: Company) -> None:
    deliver("pagerduty", PAGERDUTY)
    work_on_deliveries()
    work_on_deliveries()
    delivery = Delivery.objects.get()
    assert (delivery.outcome, delivery.attempts, delivery.worked_at) == ("done", 1, NOW)
    assert the_incident().history.count() == 1


def test_failure_undoes_the_effect_and_is_tried_again_after_a_while(portal: Company) -> None:
    deliver("pagerduty", PAGERDUTY)
    with failing(2):
        assert working.work_off() == 1
        assert not Incident.objects.exists()
        delivery = Delivery.objects.get()
        assert (delivery.outcome, delivery.attempts) == ("waiting", 1)
        assert delivery.answer == "OperationalError: the server closed the connection"
        assert working.work_off() == 0
        with clock.at(NOW + timedelta(minutes=1)):
            assert working.work_off() == 1
            assert working.work_off() == 0
        with clock.at(NOW + timedelta(minutes=2)):
            assert working.work_off() == 0
        with clock.at(NOW + timedelta(minutes=3)):
            assert working.work_off() == 1
    assert outcomes() == ["done"]
    assert the_incident().history.count() == 1


def test_failure_does_not_hold_up_the_next_delivery(portal: Company) -> None:
    deliver("pagerduty", PAGERDUTY)
    deliver("pagerduty", event("incident.triggered", "08:45:00", "POTHER"))
    with failing(1):
        assert working.work_off() == 2
    assert outcomes() == ["waiting", "done"]


def fail_for_good() -> Delivery:
    deliver("pagerduty", PAGERDUTY)
    with failing(99):
        for attempt in range(20):
            with clock.at(NOW + timedelta(hours=attempt)):
                working.work_off()
    return Delivery.objects.get()


def test_delivery_that_fails_again_and_again_has_failed_and_waits_for_a_person(
    portal: Company,
) -> None:
    delivery = fail_for_good()
    assert (delivery.outcome, delivery.attempts) == ("failed", MOST_ATTEMPTS)
    DELIVERIES.perform(delivery, "retry", by=portal.lead, reason="The database is back.")
    assert working.work_off() == 1
    assert outcomes() == ["done"]
    row = delivery.history.first()
    assert (row.history_verb, row.history_user_id) == ("retry", portal.lead.pk)
    assert row.history_change_reason == "The database is back."


@pytest.mark.parametrize("who", ["engineer", "auditor", "roleadmin"])
def test_only_a_lead_has_a_delivery_worked_on_again(portal: Company, who: str) -> None:
    delivery = fail_for_good()
    with pytest.raises(TransitionRefused, match="Your role does not include"):
        DELIVERIES.perform(delivery, "retry", by=getattr(portal, who), reason="Please.")


def test_delivery_that_did_not_fail_is_not_worked_on_again(portal: Company) -> None:
    deliver("pagerduty", PAGERDUTY)
    with pytest.raises(TransitionRefused, match="possible only while the delivery is failed"):
        DELIVERIES.perform(Delivery.objects.get(), "retry", by=portal.lead, reason="Please.")


def test_clock_that_was_set_back_holds_nothing_up(portal: Company) -> None:
    deliver("pagerduty", PAGERDUTY)
    with failing(1):
        working.work_off()
    with clock.at(NOW - timedelta(hours=1)):
        working.work_off()
    assert outcomes() == ["done"]


on_postgresql = pytest.mark.skipif(
    connection.vendor == "sqlite", reason="SQLite lets one at a time write"
)


# --- several workers ----------------------------------------------------------------------------
STORY = [
    PAGERDUTY,
    event("incident.acknowledged", "08:42:00"),
    *(note(f"08:43:{second:02}", f"Note {second}.", note=f"N{second}") for second in range(12)),
    event("incident.resolved", "08:55:00", status="resolved"),
]


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_several_workers_work_on_each_delivery_once() -> None:
    with override_settings(**SECRETS):
        deliver("pagerduty", STORY[0])
        working.work_off()
        for payload in STORY[1:]:
            deliver("pagerduty", payload)
    barrier, told, errors = Barrier(3), Counter[tuple[str, str]](), []
    kept = hearing._hearers[IncidentHeard]

    def hear_slowly(fact: IncidentHeard) -> str:
        told[fact.event, fact.note_key] += 1
        time.sleep(0.05)  # so that another worker looks for work meanwhile
        return " ".join(hearer(fact) for hearer in kept)

    def run() -> None:
        try:
            barrier.wait(10)
            working.work_off()
        except Exception as error:  # noqa: BLE001 - told to the test, which expects none
            errors.append(repr(error))
        finally:
            connections.close_all()

    threads = [Thread(target=run) for _ in range(3)]
    with patch.dict(hearing._hearers, {IncidentHeard: [hear_slowly]}):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert errors == []
    assert sorted(told.values()) == [1] * (len(STORY) - 1)
    assert set(outcomes()) == {"done"}
    incident = the_incident()
    assert incident.status == "resolved"
    assert incident.notes.count() == 13


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_one_delivery_over_two_connections_at_once_is_stored_once() -> None:
    barrier, answers = Barrier(2), []

    def send() -> None:
        try:
            barrier.wait(10)
            answers.append(deliver("pagerduty", PAGERDUTY).status_code)
        finally:
            connections.close_all()

    with override_settings(**SECRETS):
        threads = [Thread(target=send) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(answers) == [200, 202]
    assert Delivery.objects.count() == 1
