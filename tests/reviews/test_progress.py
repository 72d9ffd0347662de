"""How far a change is: one dot for each of the seven steps, and what is wrong in words."""

from datetime import timedelta

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from reviews.models import Deadline
from reviews.progress import Progress, progress
from reviews.stepper import seven_steps
from tests.scenario import Company, Journey, a_change, a_draft

DOTS = {"done": "o", "flagged": "!", "now": "+", "overdue": "x", "ahead": "."}


def fresh(journey: Journey) -> EmergencyChange:
    return EmergencyChange.objects.get(pk=journey.change.pk)


def shown(found: Progress) -> str:
    return "".join(DOTS[dot] for dot in found.dots)


@pytest.mark.parametrize(
    ("status", "dots", "words"),
    [
        ("draft", "o+.....", "2 of 7, Open"),
        ("submitted", "oo+....", "3 of 7, Approve"),
        ("approved", "ooo+...", "4 of 7, Implement"),
        ("implementing", "ooo+...", "4 of 7, Implement"),
        ("implemented", "oooo+..", "5 of 7, Verify"),
        ("verified", "ooooo+.", "6 of 7, Document"),
        ("documented", "oooooo+", "7 of 7, Review"),
        ("closed", "ooooooo", "7 of 7, Review"),
    ],
)
def test_each_status_stands_at_its_step(
    company: Company, status: str, dots: str, words: str
) -> None:
    found = progress(a_change(company, status), clock.now())
    assert (shown(found), found.words, found.remark) == (dots, words, "")


@pytest.mark.parametrize(
    ("status", "kind"),
    [("submitted", "approval"), ("implemented", "documentation"), ("verified", "documentation"),
     ("documented", "review")],
)  # fmt: skip
def test_step_is_overdue_once_its_own_deadline_has_passed(
    company: Company, status: str, kind: str
) -> None:
    change = a_change(company, status)
    due_at = Deadline.objects.get(change=change, kind=kind).due_at
    assert "x" not in shown(progress(change, due_at))
    late = progress(change, due_at + timedelta(seconds=1))
    assert shown(late).count("x") == 1
    assert late.remark == "Overdue"


def test_unconfirmed_approval_stays_flagged_until_it_is_confirmed(company: Company) -> None:
    journey = Journey(company, a_draft(company)).submit().claim().start()
    found = progress(fresh(journey), clock.now())
    assert (shown(found), found.remark) == ("oo!+...", "Approve: Verbal, not confirmed")
    journey.do("confirm_approval", company.lead)
    assert shown(progress(fresh(journey), clock.now())) == "ooo+..."


def test_work_without_approval_is_flagged_also_when_it_is_approved_afterwards(
    company: Company,
) -> None:
    journey = Journey(company, a_draft(company)).start_unapproved()
    assert progress(fresh(journey), clock.now()).remark == "Approve: Started without it"
    shown_now = journey.change.fingerprint()
    journey.do("approve_retroactively", company.lead, fingerprint=shown_now)
    found = progress(fresh(journey), clock.now())
    assert (shown(found), found.remark) == ("oo!+...", "Approve: After the work began")


def test_change_that_was_sent_back_says_so(company: Company) -> None:
    found = progress(a_change(company, "rejected"), clock.now())
    assert (shown(found), found.words) == ("oo!....", "3 of 7, Approve")
    assert found.remark == "Approve: Sent back"


def test_late_decision_and_failed_check_are_flagged(company: Company) -> None:
    journey = Journey(company, a_change(company, "submitted"))
    with clock.at(clock.now() + timedelta(minutes=20)):
        journey.approve().start().finish()
        journey.do("report_instability", company.engineer2, "Errors again.", watched="Errors")
        found = progress(fresh(journey), clock.now())
    assert (shown(found), found.words) == ("oo!+!..", "4 of 7, Implement")
    assert found.remark == "Approve: 5 min late. Verify: Not stable"


def test_flag_and_what_is_overdue_are_both_said(company: Company) -> None:
    journey = Journey(company, a_draft(company)).start_unapproved()
    found = progress(fresh(journey), clock.now() + timedelta(days=5))
    assert (shown(found), found.remark) == ("oo!x...", "Overdue. Approve: Started without it")


def test_dots_are_those_of_the_steps_page(company: Company) -> None:
    """A list says nothing of a change that its own page does not say, and the same of it."""
    for status in ("draft", "approved", "verified", "closed", "cancelled"):
        change = a_change(company, status)
        states = [step.state for step in seven_steps(change)]
        ahead = [dot == "ahead" for dot in progress(change, clock.now()).dots]
        assert ahead == [state in ("to-come", "skipped") for state in states]
