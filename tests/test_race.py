"""Two people, one decision, the same moment: one act counts, the other gets a sentence."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.db.models import QuerySet

from changes.lifecycle import CHANGES
from changes.models import Deployment, EmergencyChange, Ticket
from ecportal.accounts.models import User
from ecportal.lifecycle import transitioned
from incidents.models import Incident
from reviews.lifecycle import REVIEWS
from reviews.models import RetrospectiveReview
from tests.scenario import Company, Journey, a_change, a_draft, the_review

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor == 'sqlite'",
        reason="SQLite serializes writers; a missing lock cannot show",
    ),
]

Attempt = Callable[[], Any]
WON = "won"
RACED = (Deployment, EmergencyChange, Incident, RetrospectiveReview, Ticket)


def at_the_same_moment(*attempts: Attempt) -> list[str]:
    """Run each attempt in a thread and connection of its own; return how each ended."""
    barrier, ended = Barrier(len(attempts)), ["did not end"] * len(attempts)

    def run(place: int, attempt: Attempt) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            attempt()
            ended[place] = WON
        except ValidationError as refusal:
            ended[place] = refusal.messages[0]
        except Exception as error:  # noqa: BLE001 - told to the test, which expects none
            ended[place] = repr(error)
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair) for pair in enumerate(attempts)]
    with slow_winner():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    return ended


def act(change: EmergencyChange, verb: str, by: User, **data: Any) -> Attempt:
    """Return an attempt on a copy of the record, as another process would have it."""
    copy = EmergencyChange.objects.get(pk=change.pk)
    data.setdefault("fingerprint", copy.fingerprint())

    def attempt() -> None:
        CHANGES.perform(copy, verb, by=by, reason="At once.", **data)

    return attempt


def wait_for_somebody_waiting() -> None:
    """Hold this transaction open until another connection waits for one of its locks."""
    patience = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < patience:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.01)


@contextmanager
def slow_winner() -> Iterator[None]:
    """Let the first of two acts wait, written but not committed, until the second meets it."""
    first: list[bool] = []

    def receiver(**_: Any) -> None:
        if not first:
            first.append(True)
            wait_for_somebody_waiting()

    for model in RACED:
        transitioned.connect(receiver, sender=model)
    yield
    for model in RACED:
        transitioned.disconnect(receiver, sender=model)
    assert first


def assert_one_won(change: EmergencyChange, ended: list[str], acts: int = 1) -> None:
    before = change.history.count()
    assert sorted(said == WON for said in ended) == [False, True], ended
    loser = next(said for said in ended if said != WON)
    assert loser[-1] in ".”"
    assert " " in loser
    assert before == acts


def rejection(change: EmergencyChange, by: User) -> Attempt:
    return act(change, "reject", by, rejection="refused")


def test_of_two_leads_who_approve_one_does(company: Company) -> None:
    change = a_change(company, "submitted")
    ended = at_the_same_moment(
        act(change, "approve", company.lead), act(change, "approve", company.lead2)
    )
    assert_one_won(change, ended, acts=3)
    assert change.approvals.count() == 1
    change.refresh_from_db()
    assert change.approver == change.approvals.get().approver


def test_of_approval_and_rejection_one_counts(company: Company) -> None:
    change = a_change(company, "submitted")
    ended = at_the_same_moment(
        act(change, "approve", company.lead), rejection(change, company.lead2)
    )
    assert_one_won(change, ended, acts=3)
    change.refresh_from_db()
    assert change.approvals.get().status == change.status


def test_of_confirmation_and_denial_one_counts(company: Company) -> None:
    change = Journey(company, a_draft(company)).submit().claim().change
    ended = at_the_same_moment(
        act(change, "confirm_approval", company.lead), act(change, "deny_approval", company.lead)
    )
    assert_one_won(change, ended, acts=4)
    assert change.approvals.get().status in ("confirmed", "denied")


def test_change_is_not_amended_and_started_at_once(company: Company) -> None:
    change = a_change(company, "approved")
    ended = at_the_same_moment(
        act(change, "start", company.engineer), act(change, "amend", company.engineer2)
    )
    assert_one_won(change, ended, acts=4)
    change.refresh_from_db()
    assert change.has_started == (change.status == "implementing") == (change.approver is not None)


def test_of_two_retroactive_decisions_one_counts(company: Company) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    ended = at_the_same_moment(
        act(change, "approve_retroactively", company.lead),
        act(change, "reject_retroactively", company.lead2),
    )
    assert_one_won(change, ended, acts=3)
    assert change.approvals.count() == 1


def test_of_two_reviews_one_is_held(company: Company) -> None:
    change = a_change(company, "documented")
    answers = {"genuine": True, "procedure_followed": True, "no_follow_up_reason": "One-off."}

    def hold(by: User) -> Attempt:
        review = the_review(change)
        return lambda: REVIEWS.perform(review, "complete", by=by, reason="It was right.", **answers)

    before = change.history.count()
    ended = at_the_same_moment(hold(company.lead), hold(company.lead2))
    assert_one_won(change, ended, acts=before + 1)
    change.refresh_from_db()
    assert change.reviewer == the_review(change).reviewer


def test_without_the_lock_approval_and_rejection_would_both_count(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof that the tests above can fail: the same, with Django's row lock taken away."""
    change = a_change(company, "submitted")
    attempts = act(change, "approve", company.lead), rejection(change, company.lead2)
    monkeypatch.setattr(QuerySet, "select_for_update", lambda self, **_: self.all())
    assert at_the_same_moment(*attempts) == [WON, WON]
    assert sorted(change.approvals.values_list("status", flat=True)) == ["approved", "rejected"]
