"""Two reports at once, or a report while the change starts: one row, and one line of the log."""

import pytest
from django.db import connection  # noqa: F401 - the mark asks for it

from changes.lifecycle import DEPLOYMENTS
from changes.models import Deployment, EmergencyChange
from tests.changes.deploying import told
from tests.scenario import Company, a_change
from tests.test_race import WON, Attempt, act, at_the_same_moment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor == 'sqlite'",
        reason="SQLite serializes writers; a missing lock cannot show",
    ),
]


def assert_one_line(change: EmergencyChange) -> None:
    deployment = Deployment.objects.get()
    assert deployment.change == change
    assert deployment.execution == change.executions.get()


def test_same_key_at_once_is_one_deployment(company: Company) -> None:
    change = a_change(company, "approved")

    def tell() -> None:
        told(mentions=(change.number,))

    assert at_the_same_moment(tell, tell) == [WON, WON]
    assert_one_line(change)
    verbs = list(Deployment.history.values_list("history_verb", flat=True))
    assert (verbs.count("record"), verbs.count("attach")) == (1, 1)


def test_two_reports_at_once_end_with_the_newer(company: Company) -> None:
    first = told(status="pending")
    attempts = [lambda: told(status="running"), lambda: told(status="succeeded", at=first.heard_at)]
    assert at_the_same_moment(*attempts) == [WON, WON]
    deployment = Deployment.objects.get()
    assert deployment.status == "running"
    assert deployment.heard_at > first.heard_at


@pytest.mark.parametrize("turned", [False, True])
def test_report_and_start_at_once_leave_one_line(company: Company, turned: bool) -> None:
    change = a_change(company, "submitted")
    told(status="running", mentions=(change.number,))
    attempts: list[Attempt] = [told, act(change, "start_unapproved", company.engineer)]
    assert at_the_same_moment(*(reversed(attempts) if turned else attempts)) == [WON, WON]
    assert_one_line(change)


@pytest.mark.parametrize("turned", [False, True])
def test_attachment_and_start_at_once_leave_one_line(company: Company, turned: bool) -> None:
    change, deployment = a_change(company, "submitted"), told()

    def attach() -> None:
        DEPLOYMENTS.perform(
            deployment, "attach", by=company.engineer, reason="Mine.", change=change
        )

    attempts: list[Attempt] = [attach, act(change, "start_unapproved", company.engineer)]
    assert at_the_same_moment(*(reversed(attempts) if turned else attempts)) == [WON, WON]
    assert_one_line(change)
