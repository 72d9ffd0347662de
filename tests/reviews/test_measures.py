"""What the charts count: by the company's months, and only what the reader may see."""

from datetime import date, timedelta

from django.utils import timezone

from changes.models import EmergencyChange
from ecportal import clock
from reviews.measures import (
    decisions,
    median_minutes,
    months_until,
    reviews_by_month,
    share_by_month,
)
from reviews.models import Deadline
from tests.changes.deploying import told
from tests.reviews.test_trend import at
from tests.scenario import Company, Journey, a_change, a_draft

EVERYTHING = EmergencyChange.objects.all


def asked(company: Company, after: int | None, **values: object) -> EmergencyChange:
    """Return a change whose approval was asked for now, and given so many minutes later."""
    moment = clock.now()
    change = a_change(company, "submitted", **values)
    if after is not None:
        with clock.at(moment + timedelta(minutes=after)):
            Journey(company, change).approve()
    return change


def test_decision_counts_from_the_request_to_the_record(company: Company) -> None:
    with clock.at(at(3)):
        for after in (4, 22, None):
            asked(company, after)
    found = decisions(EVERYTHING(), at(3) + timedelta(minutes=6))
    assert [(d.minutes, d.waits, d.late) for d in found] == [
        (4, False, False), (22, False, True), (6, True, False),
    ]  # fmt: skip
    assert median_minutes(found) == 13


def test_median_of_none_is_none() -> None:
    assert median_minutes([]) is None


def test_request_that_was_taken_back_is_no_decision(company: Company) -> None:
    Journey(company, a_change(company, "submitted")).do("amend", company.engineer)
    assert decisions(EVERYTHING(), clock.now()) == []


def test_only_the_last_twelve_are_shown_the_oldest_first(company: Company) -> None:
    for day in range(1, 15):
        with clock.at(at(3, day)):
            asked(company, 5)
    found = [decision.number for decision in decisions(EVERYTHING(), at(4))]
    assert found == sorted(found)
    assert len(found) == 12
    assert found[-1] == EmergencyChange.objects.order_by("pk").last().number


def test_review_belongs_to_the_month_in_which_its_last_day_lies(company: Company) -> None:
    # Finished on Thursday the 30th of April: due at the midnight that ends Friday the 1st is May,
    # and what was finished a day earlier, due at the midnight that begins May, is still April.
    for day in (29, 30):
        with clock.at(at(4, day)):
            change = a_change(company, "implemented")
        due = Deadline.objects.get(change=change, kind="review").due_at
        assert (due.astimezone(timezone.get_default_timezone()).hour) == 0
    months = {m.first: (m.on_time, m.late) for m in reviews_by_month(EVERYTHING(), at(6))}
    assert sum(months[date(2099, 4, 1)]) + sum(months[date(2099, 5, 1)]) == 2
    assert sum(months[date(2099, 4, 1)]) == 1


def test_review_is_on_time_late_or_owed(company: Company) -> None:
    with clock.at(at(5, 4)):
        on_time, late, owed = (a_change(company, "implemented") for _ in range(3))
    for change, day in ((on_time, 4), (late, 15)):
        journey = Journey(company, change)
        journey.verify(at(5, 4, 14)).document(at(5, 4, 15)).review(at=at(5, day, 16))
    [may] = [m for m in reviews_by_month(EVERYTHING(), at(5, 20)) if m.on_time or m.late]
    assert (may.first, may.on_time, may.late) == (date(2099, 5, 1), 1, 2)
    assert Deadline.objects.running().filter(change=owed, kind="review").exists()
    early = reviews_by_month(EVERYTHING(), at(5, 4, 16))
    assert sum(m.late for m in early) == 1  # the one that is not due yet is neither


def test_confidential_change_counts_only_for_those_who_see_it(company: Company) -> None:
    with clock.at(at(5, 4)):
        secret = a_draft(company, confidential=True)
        Journey(company, secret).submit().approve().start().finish()
    for user, number in ((company.engineer2, 0), (company.lead, 1)):
        visible = EmergencyChange.objects.visible_to(user)
        assert len(decisions(visible, at(5, 20))) == number
        assert sum(m.late for m in reviews_by_month(visible, at(5, 20))) == number
        assert sum(m.opened for m in share_by_month(user, at(5, 20))) == number


# --- the share ----------------------------------------------------------------------------------
def test_share_is_not_known_where_no_deployment_was_told_of(company: Company) -> None:
    with clock.at(at(5)):
        a_draft(company)
        a_change(company, "cancelled")
    found = share_by_month(company.lead, at(6))
    assert [m.first for m in found] == months_until(at(6))
    assert [m.opened for m in found] == [0, 0, 0, 0, 1, 0]
    assert {m.percent for m in found} == {None}


def test_share_is_of_the_deployments_to_production_that_ran(company: Company) -> None:
    with clock.at(at(5)):
        change = a_change(company, "implementing")
        for key in range(3):
            told(key=f"{key}")
        told(key="with", mentions=[f"Roll back, {change.number}"])
        told(key="elsewhere", environment="staging")
        told(key="queued", status="pending")
    found = {m.first: m for m in share_by_month(company.lead, at(6))}
    may = found[date(2099, 5, 1)]
    assert (may.emergencies, may.deployments, may.percent) == (1, 4, 25)
    assert found[date(2099, 6, 1)].percent is None


def test_deployment_of_a_confidential_change_is_left_out(company: Company) -> None:
    with clock.at(at(5)):
        secret = a_draft(company, confidential=True)
        Journey(company, secret).submit().approve().start()
        told(key="open")
        told(key="secret", mentions=[secret.number])
    for user, numbers in ((company.engineer2, (0, 1)), (company.lead, (1, 2))):
        may = share_by_month(user, at(6))[4]
        assert (may.emergencies, may.deployments) == numbers
