"""The history of a change: one row an act, with actor, reason, verb and both clocks."""

from datetime import timedelta

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from tests.scenario import Company, Journey, a_change

pytestmark = pytest.mark.once

ORDINARY_WAY = [
    ("open", "engineer"),
    ("submit", "engineer"),
    ("approve", "lead"),
    ("start", "engineer"),
    ("finish", "engineer"),
    ("verify", "engineer"),
    ("attach_evidence", "engineer"),
    ("document", "engineer"),
    ("close", "lead2"),
]


def test_history_tells_every_act_in_order(company: Company) -> None:
    change = a_change(company, "closed")
    rows = [(row.history_verb, row.history_user.username) for row in change.history.order_by("pk")]
    assert rows == ORDINARY_WAY


def test_every_history_row_has_reason_and_both_clocks(company: Company) -> None:
    change = a_change(company, "closed")
    for row in change.history.all():
        assert row.history_change_reason
        assert row.history_happened_at <= row.history_date


def test_history_row_has_the_claimed_time_and_the_servers(company: Company) -> None:
    change = a_change(company, "approved")
    recorded = clock.now() + timedelta(hours=1)
    claimed = recorded - timedelta(minutes=50)
    with clock.at(recorded):
        Journey(company, change).do(
            "start", company.engineer2, "We were in a hurry.", happened_at=claimed
        )
    row = change.history.first()
    assert (row.history_verb, row.history_user) == ("start", company.engineer2)
    assert row.history_change_reason == "We were in a hurry."
    assert (row.history_happened_at, row.history_date) == (claimed, recorded)
    assert row.status == "implementing"


@pytest.mark.parametrize(
    ("status", "verb", "data"),
    [
        ("submitted", "correct", {}),
        ("implementing", "log_execution", {}),
        ("implementing", "record_deviation", {"skipped": "Load test"}),
        ("implemented", "check_stability", {"watched": "CPU"}),
        ("closed", "correct", {}),
    ],
)
def test_act_that_moves_nothing_leaves_its_row_too(
    company: Company, status: str, verb: str, data: dict[str, str]
) -> None:
    change = a_change(company, status)
    before = change.history.count()
    Journey(company, change).do(verb, company.engineer, "For the record.", **data)
    assert change.history.count() == before + 1
    assert change.history.latest("pk").history_verb == verb


def test_record_beside_the_change_names_the_same_act(company: Company) -> None:
    change = a_change(company, "implemented")
    row, entry = change.history.first(), change.executions.get().history.get()
    names = ("history_verb", "history_user_id", "history_change_reason", "history_date")
    assert [getattr(row, name) for name in names] == [getattr(entry, name) for name in names]


def test_system_that_is_no_longer_named_stays_in_the_history(company: Company) -> None:
    change = a_change(company)
    link = change.systems.get()
    history = type(link).history
    Journey(company, change).do("revise", company.engineer, "Not that one.", systems=[])
    assert not change.systems.exists()
    rows = history.filter(system=company.system).order_by("pk")
    assert [(row.history_type, row.history_verb) for row in rows] == [
        ("+", "open"),
        ("-", "revise"),
    ]
    assert rows.last().history_user == company.engineer


def test_deleting_is_refused_by_the_database(company: Company) -> None:
    change = a_change(company, "approved")
    with pytest.raises(Exception, match="protected"):
        change.delete()
    assert EmergencyChange.objects.filter(pk=change.pk).exists()
