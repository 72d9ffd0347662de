"""Claimed times, voided deadlines and rewritten requests hide nothing."""

from datetime import timedelta

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.lifecycle import TransitionRefused
from incidents.lifecycle import INCIDENTS
from reviews.completeness import LATE, five_items
from tests.scenario import Company, Journey, a_change, a_draft, the_review

MINUTE = timedelta(minutes=1)


def kinds(change: EmergencyChange) -> set[str]:
    return set(change.exceptions.values_list("kind", flat=True))


def test_approver_is_shown_corrections_and_old_fingerprint_is_refused(company: Company) -> None:
    change = a_change(company, "submitted")
    seen = change.fingerprint()
    Journey(company, change).do("correct", company.engineer, "Also drop the cache.", part="scope")
    assert change.shown()["corrections"] == ["Also drop the cache."]
    with pytest.raises(TransitionRefused, match="not what you were shown"):
        Journey(company, change).do("approve", company.lead, fingerprint=seen)


@pytest.mark.parametrize("verb", ["amend", "start_unapproved"])
def test_late_decision_stays_late_when_nothing_is_owed_any_more(
    company: Company, verb: str
) -> None:
    with clock.at(clock.now() - timedelta(hours=5)):
        journey = Journey(company, a_change(company, "submitted"))
    journey.do(verb, company.engineer)
    assert "approval_late" in kinds(journey.change)


def test_claim_that_was_overdue_stays_an_exception_when_approved_instead(company: Company) -> None:
    with clock.at(clock.now() - timedelta(hours=30)):
        journey = Journey(company, a_change(company, "submitted")).claim()
    journey.approve(company.lead2)
    assert "unconfirmed" in kinds(journey.change)


def test_review_clock_that_starts_again_does_not_make_a_late_review_timely(
    company: Company,
) -> None:
    with clock.at(clock.now() - timedelta(days=9)):
        journey = Journey(company, a_change(company, "implemented"))
    journey.do("report_instability", company.engineer, watched="Errors").finish()
    journey.verify().document().review()
    assert journey.change.closed_late
    assert five_items(journey.change)[4].state == LATE
    assert {"review_late", "documentation_late"} <= kinds(journey.change)


def test_finish_cannot_be_claimed_before_the_check_that_failed(company: Company) -> None:
    begin = clock.now() - timedelta(hours=2)
    with clock.at(begin):
        journey = Journey(company, a_change(company, "implemented"))
    with clock.at(begin + 20 * MINUTE):
        journey.do("report_instability", company.engineer, watched="Errors")
    with pytest.raises(TransitionRefused, match="It was not stable at"):
        journey.finish(happened_at=begin + 10 * MINUTE)


def test_check_cannot_be_claimed_before_the_finish(company: Company) -> None:
    change = a_change(company, "implemented")
    with pytest.raises(TransitionRefused, match="after the implementation"):
        Journey(company, change).do(
            "report_instability", company.engineer, watched="Errors",
            happened_at=change.finished_at - MINUTE,
        )  # fmt: skip


def test_review_cannot_be_claimed_before_the_work_ended(company: Company) -> None:
    journey = Journey(company, a_change(company, "documented"))
    with pytest.raises(TransitionRefused, match="before the work ended"):
        journey.review(happened_at=journey.change.finished_at - MINUTE)
    assert the_review(journey.change).status == "scheduled"


@pytest.mark.parametrize(("source", "raised"), [("deployment", True), ("hand", False)])
def test_log_older_than_the_approval_is_an_exception(
    company: Company, source: str, raised: bool
) -> None:
    change = a_change(company, "implementing")
    Journey(company, change).do(
        "log_execution", company.engineer, "Deployed.", source=source,
        happened_at=change.approved_at - 5 * MINUTE,
    )  # fmt: skip
    assert ("unapproved" in kinds(change)) is raised


def test_change_is_not_approved_once_its_incident_is_no_emergency(company: Company) -> None:
    change = a_change(company, "submitted")
    INCIDENTS.perform(
        change.incident, "determine", by=company.lead, reason="It can wait.",
        verdict="not_emergency",
    )  # fmt: skip
    assert change.incident.determinations.last().why_not_normal == "It can wait."
    with pytest.raises(TransitionRefused, match="not to be an emergency"):
        Journey(company, change).approve()


def test_claim_of_an_approver_who_left_can_be_denied_by_another_lead(company: Company) -> None:
    journey = Journey(company, a_draft(company)).submit().claim().start()
    with pytest.raises(TransitionRefused, match="Only Lead"):
        journey.do("deny_approval", company.lead2)
    company.lead.is_active = False
    company.lead.save()
    with pytest.raises(TransitionRefused, match="Only Lead"):
        journey.do("confirm_approval", company.lead2)
    journey.do("deny_approval", company.lead2, "Lead left and cannot be asked.")
    assert journey.change.without_approval
    assert journey.change.deadlines.running().filter(kind="retroactive").exists()
