"""Reference numbers: one after the other, none left out, in the company's year."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connections, transaction
from django.utils import timezone

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.lifecycle import TransitionRefused
from ecportal.models import NumberSequence
from ecportal.numbering import take_number
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident
from tests.scenario import Company, a_draft, an_incident, determined

MARCH = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_numbers_begin_at_one_and_follow_each_other(company: Company) -> None:
    with clock.at(MARCH):
        numbers = [a_draft(company).number for _ in range(3)]
    assert numbers == ["EC-2026-0001", "EC-2026-0002", "EC-2026-0003"]


def test_each_series_counts_for_itself(company: Company) -> None:
    with clock.at(MARCH):
        first, second = an_incident(company), an_incident(company)
        change = a_draft(company, incident=second)
    assert [first.number, second.number] == ["INC-2026-0001", "INC-2026-0002"]
    assert change.number == "EC-2026-0001"


def test_rolled_back_number_is_given_out_again(company: Company) -> None:
    with clock.at(MARCH):
        with transaction.atomic():
            assert a_draft(company).number == "EC-2026-0001"
            transaction.set_rollback(True)
        assert a_draft(company).number == "EC-2026-0001"


def test_refused_act_takes_no_number(company: Company) -> None:
    with clock.at(MARCH):
        incident = determined(company, an_incident(company), verdict="not_emergency")
        change = EmergencyChange(incident=incident, determination=incident.determinations.get())
        with pytest.raises(TransitionRefused):
            CHANGES.perform(change, "open", by=company.engineer, reason="It is urgent.")
        assert a_draft(company).number == "EC-2026-0001"


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (datetime(2026, 12, 31, 22, 59, 59, tzinfo=UTC), "EC-2026-0001"),
        (datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC), "EC-2027-0001"),
    ],
)
@pytest.mark.parametrize("reader", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_year_is_the_companys_whoever_asks(
    company: Company, moment: datetime, number: str, reader: str
) -> None:
    """The company is in Berlin: its new year begins at 23:00 UTC."""
    with timezone.override(reader), clock.at(moment):
        assert a_draft(company).number == number


def test_new_year_begins_at_one_again(company: Company) -> None:
    with clock.at(MARCH):
        a_draft(company)
    with clock.at(MARCH + timedelta(days=365)):
        assert a_draft(company).number == "EC-2027-0001"
    with clock.at(MARCH):
        assert a_draft(company).number == "EC-2026-0002"


def test_ten_thousandth_number_has_five_digits(db: None) -> None:
    NumberSequence.objects.create(series="EC-2026", last=9999)
    with clock.at(MARCH), transaction.atomic():
        assert take_number("EC") == "EC-2026-10000"


@pytest.mark.django_db(transaction=True)
def test_numbers_taken_at_the_same_moment_are_neighbors(company: Company) -> None:
    people, rounds = 6, 4
    barrier = Barrier(people)

    def record(place: int) -> None:
        try:
            barrier.wait(10)
            for turn in range(rounds):
                incident = Incident(title=f"{place}, {turn}", began_at=MARCH)
                with clock.at(MARCH):
                    INCIDENTS.perform(incident, "record", by=company.engineer, reason="Paged.")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(people) as pool:
        list(pool.map(record, range(people)))
    numbers = sorted(Incident.objects.values_list("number", flat=True))
    assert numbers == [f"INC-2026-{n:04d}" for n in range(1, people * rounds + 1)]
