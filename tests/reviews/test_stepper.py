"""The seven steps as a change's page tells them: at each status, and after each wrong turn."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changes.admin import WHOLE
from changes.models import EmergencyChange
from ecportal import clock
from reviews.stepper import seven_steps
from reviews.steps import Step
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

NOON = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

# The states of the seven, on the ordinary way and off it.
STATES = {
    "draft": "done now to-come to-come to-come to-come to-come",
    "submitted": "done done now to-come to-come to-come to-come",
    "approved": "done done done now to-come to-come to-come",
    "implementing": "done done done now to-come to-come to-come",
    "implemented": "done done done done now to-come to-come",
    "verified": "done done done done done now to-come",
    "documented": "done done done done done done now",
    "closed": "done done done done done done done",
    "rejected": "done done rejected to-come to-come to-come to-come",
    "cancelled": "done done skipped skipped skipped skipped skipped",
}


def draft(company: Company) -> Journey:
    return Journey(company, a_draft(company))


def fresh(change: EmergencyChange) -> EmergencyChange:
    return EmergencyChange.objects.get(pk=change.pk)


def steps(journey: Journey) -> list[Step]:
    return seven_steps(fresh(journey.change))


def states(found: list[Step]) -> str:
    return " ".join(step.state for step in found)


@pytest.fixture(autouse=True)
def _noon() -> None:
    with clock.at(NOON):
        yield  # type: ignore[misc]


# --- the ordinary way ---------------------------------------------------------------------------
@pytest.mark.parametrize("status", STATES)
def test_each_status_has_one_place(company: Company, status: str) -> None:
    found = seven_steps(fresh(a_change(company, status)))
    assert [step.number for step in found] == [1, 2, 3, 4, 5, 6, 7]
    assert states(found) == STATES[status]


def test_closed_change_tells_who_did_each_step_and_one_thing_of_it(company: Company) -> None:
    with clock.at(NOON):
        change = a_change(company, "closed")
    assert [(step.verb, step.person, step.note) for step in seven_steps(fresh(change))] == [
        ("Determine", "Engineer", "Service outage, SEV-1"),
        ("Open", "Engineer", "5 min after it began"),
        ("Approve", "Lead", "In the portal"),
        ("Implement", "Engineer", "Successful"),
        ("Verify", "Engineer", "Stable for 31 min"),
        ("Document", "Engineer", "1 piece of evidence"),
        ("Review", "Lead2", "In time"),
    ]


def test_time_between_two_steps_stands_with_the_later_one(company: Company) -> None:
    journey = draft(company)
    with clock.at(NOON + 3 * MINUTE):
        journey.submit()
    with clock.at(NOON + 8 * MINUTE):
        journey.approve()
    with clock.at(NOON + 10 * MINUTE):
        journey.start()
    assert [step.since for step in steps(journey)] == ["", "+0 min", "+8 min", "+2 min", "", "", ""]


def test_step_says_its_day_only_where_it_is_another(company: Company) -> None:
    journey = draft(company).submit().approve()
    with clock.at(NOON + 30 * HOUR):
        journey.start()
        found = steps(journey)
        whens = [step.when for step in found[:4]]
    assert whens == ["Wed 18 Nov 12:00", "12:00", "12:00", "18:00"]
    with clock.at(NOON + 300 * 24 * HOUR):
        assert found[0].when == "Wed 18 Nov 2026 12:00"
        assert found[3].when == "Thu 19 Nov 2026 18:00"


def test_steps_ahead_say_who_owes_them_by_when(company: Company) -> None:
    journey = draft(company).submit()
    approve = steps(journey)[2]
    assert (approve.person, approve.when) == ("Lead", "due 12:15")
    journey.approve().start().finish()
    document, review = steps(journey)[5:]
    assert (document.person, document.when) == ("Engineer", "due Thu 19 Nov 12:00")
    assert (review.person, review.when) == ("A Lead", "due Thu 19 Nov 24:00")


def test_steps_take_no_query_where_all_is_loaded(company: Company) -> None:
    change = a_change(company, "closed")
    loaded = EmergencyChange.objects.select_related(
        "determination__decided_by", "incident", "requester", "implementer", "verifier",
        "documenter", "asked_approver", "review__reviewer",
    ).prefetch_related(*WHOLE, "deadlines").get(pk=change.pk)  # fmt: skip
    with CaptureQueriesContext(connection) as caught:
        seven_steps(loaded)
    assert len(caught) == 0


# --- off the ordinary way -----------------------------------------------------------------------
def test_claimed_approval_is_flagged_until_it_is_confirmed(company: Company) -> None:
    journey = draft(company).submit().claim().start()
    assert states(steps(journey)) == "done done flagged now to-come to-come to-come"
    assert steps(journey)[2].note == "Verbal, not confirmed"
    journey.do("confirm_approval", company.lead)
    assert (steps(journey)[2].state, steps(journey)[2].note) == ("done", "Verbal, confirmed")


def test_claim_confirmed_after_its_deadline_stays_flagged(company: Company) -> None:
    journey = draft(company).submit().claim().start()
    with clock.at(NOON + 14 * HOUR):
        journey.do("confirm_approval", company.lead)
    approve = steps(journey)[2]
    assert (approve.state, approve.note) == ("flagged", "Confirmed 2 h late")


def test_approval_after_its_deadline_is_flagged_as_late(company: Company) -> None:
    journey = draft(company).submit()
    with clock.at(NOON + 20 * MINUTE):
        journey.approve()
    approve = steps(journey)[2]
    assert (approve.state, approve.note) == ("flagged", "5 min late")


def test_denied_claim_asks_again_before_the_work(company: Company) -> None:
    journey = draft(company).submit().claim().do("deny_approval", company.lead)
    approve = steps(journey)[2]
    assert (approve.state, approve.note) == ("now", "Claim denied, asked again")


def test_denied_claim_during_the_work_flags_approval_and_implementation(company: Company) -> None:
    journey = draft(company).submit().claim().start().finish().do("deny_approval", company.lead)
    _determine, _open, approve, implement, *_rest = steps(journey)
    assert (approve.state, approve.note) == ("flagged", "Verbal approval denied")
    assert approve.person == "Lead"
    assert (implement.state, implement.note) == ("flagged", "Without approval")


def test_start_without_approval_is_flagged_and_says_when_the_decision_is_due(
    company: Company,
) -> None:
    journey = draft(company).start_unapproved()
    approve, implement = steps(journey)[2:4]
    assert (approve.state, approve.note) == ("flagged", "Started without it")
    assert (approve.person, approve.when) == ("A Lead", "due Thu 19 Nov 24:00")
    assert (implement.state, implement.note) == ("now", "Without approval")


def test_retroactive_approval_stays_flagged_and_has_no_time_between(company: Company) -> None:
    journey = draft(company).start_unapproved().finish()
    with clock.at(NOON + 2 * HOUR):
        seen = journey.change.fingerprint()
        journey.do("approve_retroactively", company.lead, fingerprint=seen)
    approve, implement = steps(journey)[2:4]
    assert (approve.state, approve.note) == ("flagged", "After the work began")
    assert (implement.state, implement.since) == ("flagged", "")


def test_retroactive_rejection_reads_as_one(company: Company) -> None:
    journey = draft(company).start_unapproved().finish()
    seen = journey.change.fingerprint()
    journey.do("reject_retroactively", company.lead, fingerprint=seen)
    approve = steps(journey)[2]
    assert (approve.state, approve.person) == ("rejected", "Lead")
    assert approve.note == "After the work began"


@pytest.mark.parametrize(
    ("kind", "note", "rest"),
    [
        ("sent_back", "Sent back", "to-come"),
        ("refused", "Refused", "skipped"),
        ("not_emergency", "Not an emergency", "skipped"),
    ],
)
def test_rejection_says_which_kind_and_what_is_not_reached(
    company: Company, kind: str, note: str, rest: str
) -> None:
    journey = draft(company).submit()
    seen = journey.change.fingerprint()
    journey.do("reject", company.lead, rejection=kind, fingerprint=seen)
    _determine, _open, approve, *after = steps(journey)
    assert (approve.state, approve.person, approve.note) == ("rejected", "Lead", note)
    assert {step.state for step in after} == {rest}


def test_work_in_spite_of_a_rejection_reads_so(company: Company) -> None:
    journey = Journey(company, a_change(company, "rejected")).start_unapproved()
    approve = steps(journey)[2]
    assert (approve.state, approve.note) == ("rejected", "Started all the same")


def test_amended_change_says_that_its_approval_was_withdrawn(company: Company) -> None:
    journey = Journey(company, a_change(company, "approved")).do("amend", company.engineer)
    found = steps(journey)
    assert states(found).split()[1:3] == ["now", "to-come"]
    assert found[2].note == "Withdrawn"


def test_cancelled_change_says_where_it_ended(company: Company) -> None:
    journey = Journey(company, a_change(company, "approved")).do("cancel", company.engineer)
    assert [step.note for step in steps(journey)[2:5]] == ["Cancelled", "", ""]


def test_failed_check_flags_verification_and_goes_back_to_implementing(company: Company) -> None:
    journey = Journey(company, a_change(company, "implemented"))
    journey.do("report_instability", company.engineer2, "Errors again.", watched="Errors")
    implement, verify = steps(journey)[3:5]
    assert (implement.state, implement.note) == ("now", "Again, as it was not stable")
    assert (verify.state, verify.person, verify.note) == ("flagged", "Engineer2", "Not stable")
    with clock.at(NOON + HOUR):
        journey.finish().verify(NOON + 2 * HOUR)
    assert states(steps(journey)[3:5]) == "done done"


def test_late_documentation_and_late_review_are_flagged(company: Company) -> None:
    journey = Journey(company, a_change(company, "verified"))
    journey.document(NOON + 25 * HOUR).review(at=NOON + 50 * HOUR)
    document, review = steps(journey)[5:]
    assert (document.state, document.note) == ("flagged", "1 h late")
    assert (review.state, review.note) == ("flagged", "14 h late")


def test_review_that_found_no_emergency_is_flagged(company: Company) -> None:
    journey = Journey(company, a_change(company, "documented")).review(genuine=False)
    assert (steps(journey)[6].state, steps(journey)[6].note) == (
        "flagged", "Not a genuine emergency",
    )  # fmt: skip
