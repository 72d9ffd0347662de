"""Implementing, verifying and documenting: what is recorded, and what does not go through."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from changes.lifecycle import CHANGES, POLICIES
from changes.models import EmergencyChange, Policy
from ecportal import clock
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
EVIDENCE = {"kind": "execution", "description": "Deployment log"}


def implementing(company: Company) -> EmergencyChange:
    with clock.at(NOON - timedelta(minutes=10)):
        return a_change(company, "implementing")


def finish(company: Company, change: EmergencyChange, at: datetime = NOON, **data: object) -> None:
    with clock.at(at):
        Journey(company, change).finish(**data)


# --- finishing and deviations -------------------------------------------------------------------
def test_finish_says_none_of_the_standard_tests_was_skipped(company: Company) -> None:
    change = implementing(company)
    finish(company, change)
    assert change.no_deviations
    assert (change.finished_at, change.outcome) == (NOON, "successful")
    entry = change.executions.get()
    assert (entry.source, entry.text) == ("log", "Deployment 88213 finished.")
    assert (entry.happened_at, entry.written_by) == (NOON, company.engineer)


def test_finish_says_what_was_skipped_why_and_when_it_is_caught_up(company: Company) -> None:
    change, day = implementing(company), NOON.date() + timedelta(days=5)
    skipped = {"skipped": "Load test", "why": "No time.", "catch_up_on": day}
    finish(company, change, no_deviations=False, **skipped)
    deviation = change.deviations.get()
    assert (deviation.skipped, deviation.why, deviation.catch_up_on) == (*skipped.values(),)
    assert not change.no_deviations
    assert change.deadlines.running().get(kind="catch_up").deviation == deviation


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "Say which standard tests were skipped, or tick “none”."),
        ({"no_deviations": True, "skipped": "Load test", "why": "No time."}, "“none” is not true"),
        ({"skipped": "Load test"}, "Say why it was skipped."),
        ({"skipped": "Load test", "why": "No time.", "catch_up_on": NOON.date() - timedelta(1)},
         "Choose a day that has not passed."),
        ({"no_deviations": True, "outcome": ""}, "Choose how it went."),
        ({"no_deviations": True, "outcome": "great"}, "Choose how it went."),
        ({"no_deviations": True, "happened_at": NOON - timedelta(minutes=11)},
         "It cannot finish before it started at"),
    ],
)  # fmt: skip
def test_finish_is_refused(company: Company, data: dict[str, object], said: str) -> None:
    change = implementing(company)
    with clock.at(NOON):
        data = {"outcome": "successful", **data}
        assert_refused(CHANGES, change, "finish", company.engineer, said, **data)


def test_none_is_not_true_once_a_skipped_test_is_written_down(company: Company) -> None:
    change = implementing(company)
    Journey(company, change).do("record_deviation", company.engineer, skipped="Load test")
    said, data = "“none” is not true", {"outcome": "successful", "no_deviations": True}
    assert_refused(CHANGES, change, "finish", company.engineer, said, **data)
    finish(company, change, clock.now(), no_deviations=False)


def test_skipped_test_remembered_later_takes_the_none_back(company: Company) -> None:
    change = implementing(company)
    finish(company, change)
    Journey(company, change).do("record_deviation", company.engineer, skipped="Smoke test")
    assert not change.no_deviations


def test_skipped_test_is_caught_up_on_once(company: Company) -> None:
    change, day = implementing(company), NOON.date() + timedelta(days=5)
    skipped = {"skipped": "Load test", "why": "No time.", "catch_up_on": day}
    finish(company, change, no_deviations=False, **skipped)
    deviation = change.deviations.get()
    with clock.at(NOON + timedelta(hours=2)):
        Journey(company, change).do(
            "catch_up", company.engineer2, "It passed.", deviation=deviation
        )
        said = "No skipped test waits to be caught up on."
        assert_refused(CHANGES, change, "catch_up", company.engineer, said, deviation=deviation)
    deviation.refresh_from_db()
    assert (deviation.caught_up_by, deviation.result) == (company.engineer2, "It passed.")
    assert change.deadlines.get(kind="catch_up").met_at == NOON + timedelta(hours=2)


def test_skipped_test_of_another_change_is_not_caught_up_on(company: Company) -> None:
    one, other = implementing(company), implementing(company)
    for change in (one, other):
        skipped = {"skipped": "Load test", "catch_up_on": clock.now().date()}
        Journey(company, change).do("record_deviation", company.engineer, **skipped)
    said, data = "This one is not open any more.", {"deviation": other.deviations.get()}
    assert_refused(CHANGES, one, "catch_up", company.engineer, said, **data)


# --- stability ----------------------------------------------------------------------------------
def test_stability_is_verified_when_the_window_is_over_to_the_second(company: Company) -> None:
    change = implementing(company)
    finish(company, change)
    ends = NOON + timedelta(minutes=30)
    with clock.at(ends - timedelta(seconds=1)):
        said, data = "The observation window of 30 minutes ends at", {"watched": "Errors"}
        assert_refused(CHANGES, change, "verify", company.engineer, said, **data)
    Journey(company, change).verify(at=ends)
    assert (change.verifier, change.verified_at) == (company.engineer, ends)
    assert change.checks.get().stable


def test_length_of_the_window_is_the_policys(company: Company) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"observation_minutes": 120})
    change = implementing(company)
    finish(company, change)
    with clock.at(NOON + timedelta(minutes=119)):
        said, data = "The observation window of 120 minutes ends at", {"watched": "Errors"}
        assert_refused(CHANGES, change, "verify", company.engineer, said, **data)
    Journey(company, change).verify(at=NOON + timedelta(minutes=120))


def test_another_than_the_implementer_verifies_where_the_policy_wants_it(company: Company) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"verifier_differs": True})
    change = implementing(company)
    finish(company, change)
    Journey(replace(company, engineer=company.engineer2), change).verify()
    assert change.verifier == company.engineer2
    assert not change.exceptions.exists()


@pytest.mark.parametrize("status", ["implemented", "verified"])
def test_failed_check_sends_back_to_implementing(company: Company, status: str) -> None:
    change = a_draft(company)
    Journey(company, change).to(status)
    review_due = change.deadlines.get(kind="review").due_at
    with clock.at(clock.now() + timedelta(days=1)):
        Journey(company, change).do(
            "report_instability", company.engineer2, "Errors again.", watched="Error rate"
        )
        assert (change.status, change.outcome, change.no_deviations) == ("implementing", "", False)
        assert (change.finished_at, change.verifier, change.verified_at) == (None, None, None)
        assert not change.checks.last().stable
        ended = change.deadlines.filter(kind__in=["documentation", "review"])
        assert all(deadline.voided_at for deadline in ended)
        Journey(company, change).finish()
        assert change.deadlines.running().get(kind="review").due_at > review_due
    assert change.executions.count() == 2


def test_check_during_the_window_moves_nothing(company: Company) -> None:
    change = a_change(company, "implemented")
    Journey(company, change).do("check_stability", company.engineer2, "Calm.", watched="CPU")
    assert (change.status, change.checks.get().checked_by) == ("implemented", company.engineer2)


# --- documenting --------------------------------------------------------------------------------
def test_documentation_keeps_results_and_rollback_actions(company: Company) -> None:
    change = a_change(company, "verified")
    Journey(company, change).do(
        "attach_evidence", company.engineer, link="https://ci.example.test/88213", **EVIDENCE
    )
    Journey(company, change).do(
        "document", company.engineer2, "Checkout works.", rollback_actions="None were needed."
    )
    assert (change.results, change.documenter) == ("Checkout works.", company.engineer2)
    assert change.rollback_actions == "None were needed."


@pytest.mark.parametrize("status", ["draft", "approved", "closed", "rejected"])
def test_evidence_is_attached_at_any_step(company: Company, status: str) -> None:
    change = a_change(company, status)
    text = {"text": "ok: 12 nodes", "sha256": "0" * 64}
    Journey(company, change).do("attach_evidence", company.engineer, **EVIDENCE, **text)
    evidence = change.evidence.last()
    assert (evidence.attached_by, evidence.text) == (company.engineer, "ok: 12 nodes")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"link": "https://ci.example.test/1", "text": "and a text", "sha256": "0" * 64},
        {"link": "not a link"},
        {"link": "https://ci.example.test/1", "kind": "hearsay"},
    ],
    ids=["nothing", "two at once", "no link", "no kind"],
)
def test_evidence_that_is_not_one_proper_thing_is_refused(
    company: Company, data: dict[str, str]
) -> None:
    change = a_draft(company)
    assert_refused(CHANGES, change, "attach_evidence", company.engineer, **{**EVIDENCE, **data})


def test_evidence_of_another_change_is_not_superseded(company: Company) -> None:
    one, other = a_draft(company), a_draft(company)
    link = {"link": "https://ci.example.test/1", **EVIDENCE}
    for change in (one, other):
        Journey(company, change).do("attach_evidence", company.engineer, **link)
    said, data = "belongs to another change", {"supersedes": other.evidence.get(), **link}
    assert_refused(CHANGES, one, "supersede_evidence", company.engineer, said, **data)


def test_evidence_is_superseded_once(company: Company) -> None:
    change = a_draft(company)
    link = {"link": "https://ci.example.test/1", **EVIDENCE}
    Journey(company, change).do("attach_evidence", company.engineer, **link)
    data = {"supersedes": change.evidence.get(), **link}
    Journey(company, change).do("supersede_evidence", company.engineer, **data)
    said = "superseded this one already"
    assert_refused(CHANGES, change, "supersede_evidence", company.engineer, said, **data)


# --- corrections and the policy -----------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "after"),
    [("submitted", False), ("approved", True), ("implementing", True), ("closed", True)],
)
def test_correction_stands_beside_what_it_corrects(
    company: Company, status: str, after: bool
) -> None:
    change = a_change(company, status)
    scope = change.scope
    Journey(company, change).do("correct", company.lead, "It was 4.18.3.", part="scope")
    note = change.corrections.get()
    assert (note.part, note.text, note.after_approval) == ("scope", "It was 4.18.3.", after)
    assert note.written_by == company.lead
    assert EmergencyChange.objects.get().scope == scope


@pytest.mark.parametrize("status", ["submitted", "approved", "closed"])
def test_text_is_frozen_once_submitted(company: Company, status: str) -> None:
    change = a_change(company, status)
    data = {"scope": "Something else.", "systems": []}
    assert_refused(CHANGES, change, "revise", company.engineer, **data)


def test_lead_revises_the_policy(company: Company) -> None:
    policy = Policy.in_force()
    POLICIES.perform(
        policy, "revise", by=company.lead, reason="Agreed in March.", observation_minutes=45
    )
    assert Policy.in_force().observation_minutes == 45
    assert policy.history.first().history_change_reason == "Agreed in March."


def test_revised_policy_moves_no_deadline_that_runs(company: Company) -> None:
    change = a_change(company, "submitted")
    due = change.deadlines.get().due_at
    Policy.objects.update_or_create(pk=1, defaults={"approval_minutes": 1})
    change.deadlines.get().refresh_from_db()
    assert change.deadlines.get().due_at == due
