"""A record's past in words: what was done, what changed, page by page."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changes.lifecycle import CHANGES
from ecportal import clock
from ecportal.audit import sealer
from ecportal.audit.words import act_in_words
from ecportal.lifecycle import Lifecycle
from ecportal.timeline import ACTS_PER_PAGE, Difference, history_page, timeline
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

DONE = """
reviews.Population
    generate: generated a population
reviews.Sample
    draw: drew a sample
reviews.SampleItem
    answer: answered the auditor
    request: asked about this change
outbox.Message
    retry: sent it again
integrations.Delivery
    retry: worked on it again
incidents.Incident
    record: recorded incident
    determine: determined
    note: added note
    revise: changed details
    resolve: marked as resolved
    reopen: reopened
    cancel: cancelled
incidents.System
    register: added system
    revise: changed details
    grant: let a Lead decide
    withdraw: took the decision right away
    retire: retired
    reinstate: reinstated
changes.EmergencyChange
    open: opened
    submit: asked for approval
    approve: approved
    confirm_approval: confirmed approval
    deny_approval: denied approval
    reject: rejected
    claim_approval: claimed approval
    rework: worked on it again
    start: started implementing
    start_unapproved: started without approval
    finish: finished implementing
    approve_retroactively: approved retroactively
    reject_retroactively: rejected retroactively
    verify: verified stability
    report_instability: reported instability
    check_stability: added a stability check
    document: documented and sent to review
    attach_evidence: attached evidence
    supersede_evidence: replaced evidence
    log_execution: added execution log
    record_deviation: added a skipped test
    catch_up: caught up on a test
    close: closed
    revise: changed the text
    amend: amended the scope
    correct: added a correction
    share: shared
    cancel: cancelled the change
changes.Deployment
    record: recorded deployment
    advance: reported on deployment
    attach: attached to a change
    detach: detached from the change
    enter: entered in the execution log
changes.Ticket
    record: recorded ticket
    advance: reported on ticket
    delete: reported its deletion
    link: linked to a change
    unlink: unlinked from the change
changes.Delegation
    delegate: delegated decisions
    end: ended early
changes.Policy
    adopt: adopted
    revise: changed the policy
reviews.RetrospectiveReview
    schedule: scheduled
    complete: held the review
reviews.FollowUpAction
    assign: assigned a follow-up action
    complete: marked as done
    reassign: gave it to somebody else
    drop: dropped it
reviews.ControlException
    register: registered
    answer: answered for management
reviews.ReconciliationItem
    find: found
    match: matched to a change
    dismiss: dismissed
    settle: settled itself
    reopen: opened it again
    return: returned to the inbox
reviews.EscalationRung
    define: added a rung
    revise: changed it
    retire: retired
    reinstate: reinstated
reviews.CompanyHoliday
    declare: added a company holiday
    withdraw: withdrew
accounts.ApiToken
    issue: issued token
    revoke: revoked
accounts.User
    enroll: added person
    revise: changed details
    assign_role: gave a role
    withdraw_role: took a role away
    deactivate: deactivated
    reactivate: reactivated
"""


def test_every_verb_reads_as_what_was_done() -> None:
    told = []
    for lifecycle in Lifecycle.registry.values():
        told.append(lifecycle.model._meta.label)
        for verb, row in lifecycle.verbs.items():
            told.append(f"    {verb}: {act_in_words(verb, row.words)}")
    assert sorted(told) == sorted(DONE.strip("\n").splitlines())


def test_verb_that_the_table_no_longer_has_still_reads_as_an_act() -> None:
    assert act_in_words("withdraw_claim") == "withdrew claim"
    assert act_in_words("notify") == "notified"


# --- what changed -------------------------------------------------------------------------------
def revise(change: object, company: Company, **values: object) -> None:
    CHANGES.perform(change, "revise", by=company.engineer, reason="Said better.", **values)


def test_first_act_sets_and_the_next_shows_old_and_new(company: Company) -> None:
    change = a_draft(company, title="Old title")
    revise(change, company, title="New title", risk="high")
    newest, oldest = history_page(change, None)
    assert [(d.label, d.before, d.after) for d in newest.differences] == [
        ("Title", "Old title", "New title"),
        ("Risk", "Medium", "High"),
    ]
    first = {d.label: (d.before, d.after) for d in oldest.differences}
    assert first["Title"] == ("", "Old title")
    assert first["Incident"] == ("", str(change.incident))
    assert "No deviations" not in first


def test_value_taken_away_reads_as_empty(company: Company) -> None:
    change = a_draft(company)
    revise(change, company, rollback_plan="")
    (difference,) = history_page(change, None)[0].differences
    assert (difference.before, difference.after) == ("Deploy 4.19.0 again.", "")


def test_short_is_one_line_of_sixty_characters() -> None:
    assert Difference("Scope", "a" * 60, "").is_short
    assert not Difference("Scope", "", "a" * 61).is_short
    assert not Difference("Scope", "a\nb", "a").is_short


def test_delegation_and_claimed_time_stand_in_the_entry(company: Company) -> None:
    change = a_change(company, "approved")
    recorded = clock.now() + timedelta(hours=2)
    with clock.at(recorded):
        Journey(company, change).do(
            "start", company.engineer, happened_at=recorded - timedelta(minutes=61)
        )
    entry = history_page(change, None)[0]
    assert entry.is_late
    assert entry.lag == timedelta(minutes=61)


def test_row_without_an_act_says_what_became_of_it(company: Company) -> None:
    company.engineer.first_name = "Priya"
    company.engineer.save()
    newest = history_page(company.engineer, None)[0]
    assert (newest.who, newest.did) == ("Nobody signed in", "changed it")


# --- the seal -----------------------------------------------------------------------------------
@pytest.mark.usefixtures("log_key")
def test_each_act_says_its_leaf_or_that_it_has_none(company: Company) -> None:
    change = a_draft(company)
    sealer.seal()
    revise(change, company, title="New title")
    newest, oldest = history_page(change, None)
    assert newest.leaf is None
    assert oldest.leaf is not None


# --- pages --------------------------------------------------------------------------------------
def test_long_history_comes_in_pages_of_fifty_and_compares_across_them(company: Company) -> None:
    change = a_draft(company, title="Title 0")
    for number in range(1, ACTS_PER_PAGE + 3):
        revise(change, company, title=f"Title {number}")
    first, second = history_page(change, "1"), history_page(change, "2")
    assert (len(first.object_list), len(second.object_list)) == (ACTS_PER_PAGE, 3)
    oldest_of_first = first[ACTS_PER_PAGE - 1].differences[0]
    assert (oldest_of_first.before, oldest_of_first.after) == ("Title 2", "Title 3")
    assert second[2].did == "opened"


@pytest.mark.parametrize(("asked", "shown"), [("0", 1), ("-1", 1), ("x", 1), ("99999", 1)])
def test_page_that_is_none_leads_to_one_that_is(company: Company, asked: str, shown: int) -> None:
    assert history_page(a_draft(company), asked).number == shown


@pytest.mark.usefixtures("log_key")
def test_page_takes_as_many_queries_for_fifty_acts_as_for_two(company: Company) -> None:
    change = a_draft(company)

    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            history_page(change, None)
        return len(caught)

    revise(change, company, title="Title 0")
    few = queries()
    for number in range(1, ACTS_PER_PAGE + 5):
        revise(change, company, title=f"Title {number}")
    sealer.seal()
    assert queries() == few == 5


def test_acts_of_a_record_take_one_query(company: Company) -> None:
    change = a_change(company, "implemented")
    with CaptureQueriesContext(connection) as caught:
        acts = timeline(change)
    assert [entry.did for entry in acts] == [
        "opened", "asked for approval", "approved", "started implementing", "finished implementing",
    ]  # fmt: skip
    assert len(caught) == 1
