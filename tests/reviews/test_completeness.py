"""The auditor's five items: present, partial, missing or late, and who owes what is missing."""

from datetime import timedelta

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from reviews.completeness import WITH_ITEMS, five_items
from tests.changes.delegating import delegated
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

TITLES = [
    "Created date and emergency flag",
    "Linked incident with timestamps",
    "Approver’s name and time",
    "Execution timestamp from a deployment or system log",
    "Review dated within one business day",
]


def states(change: EmergencyChange) -> str:
    """Return the five states, by their first letters as the table below has them."""
    fresh = EmergencyChange.objects.get(pk=change.pk)
    return " ".join(item.state for item in five_items(fresh))


def test_there_are_five_in_the_auditors_order(company: Company) -> None:
    assert [item.title for item in five_items(a_draft(company))] == TITLES


@pytest.mark.parametrize(
    ("status", "agreed"),
    [
        ("draft", "present present missing missing missing"),
        ("submitted", "present present missing missing missing"),
        ("rejected", "present present missing missing missing"),
        ("cancelled", "present present missing missing missing"),
        ("approved", "present present present missing missing"),
        ("implementing", "present present present missing missing"),
        ("implemented", "present present present present missing"),
        ("verified", "present present present present missing"),
        ("documented", "present present present present missing"),
        ("closed", "present present present present present"),
    ],
)
def test_items_fill_step_by_step(company: Company, status: str, agreed: str) -> None:
    assert states(a_change(company, status)) == agreed


def test_first_two_are_there_from_the_first_minute(company: Company) -> None:
    change = a_draft(company)
    created, incident, *_ = five_items(change)
    assert (created.found, created.times) == ("Emergency change", (change.opened_at,))
    assert incident.found == str(change.incident)
    assert incident.times == (change.incident.began_at, change.incident.recorded_at)


def approval_of(change: EmergencyChange) -> tuple[str, str, str]:
    item = five_items(EmergencyChange.objects.get(pk=change.pk))[2]
    return item.state, item.found, item.owed_by


def test_approval_that_waits_is_owed_by_the_lead_who_was_asked(company: Company) -> None:
    change = a_change(company, "submitted")
    assert approval_of(change) == ("missing", "Nobody has approved", "Lead")
    assert five_items(change)[2].due_at == change.deadlines.get().due_at


def test_unconfirmed_claim_is_partly_there(company: Company) -> None:
    change = Journey(company, a_draft(company)).submit().claim().change
    assert approval_of(change) == ("partial", "Lead, verbal, not confirmed", "Lead")
    Journey(company, change).do("confirm_approval", company.lead)
    assert approval_of(change) == ("present", "Lead, verbal", "")


def test_denied_claim_is_missing_and_owed_by_a_lead(company: Company) -> None:
    change = Journey(company, a_draft(company)).submit().claim().start().change
    Journey(company, change).do("deny_approval", company.lead)
    assert approval_of(change) == ("missing", "Nobody has approved", "A Lead of the systems")


def test_retroactive_approval_is_late(company: Company) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    data = {"fingerprint": change.fingerprint()}
    Journey(company, change).do("approve_retroactively", company.lead, **data)
    assert approval_of(change) == ("late", "Lead, retroactive", "")


def test_delegated_approval_names_both(company: Company) -> None:
    delegation = delegated(company.lead, company.engineer2)
    change = a_change(company, "submitted")
    Journey(company, change).approve(company.engineer2)
    found = f"Engineer2 for Lead (delegation {delegation.pk}), in the portal"
    assert approval_of(change) == ("present", found, "")


@pytest.mark.parametrize(
    ("source", "state"), [("log", "present"), ("deployment", "present"), ("hand", "partial")]
)
def test_execution_written_by_hand_is_only_partly_there(
    company: Company, source: str, state: str
) -> None:
    change = a_change(company, "implementing")
    Journey(company, change).finish(source=source)
    item = five_items(change)[3]
    assert (item.state, item.is_there) == (state, state == "present")
    assert item.owed_by == ("" if item.is_there else "Engineer")


def test_review_held_late_is_late_but_there(company: Company) -> None:
    change = a_change(company, "documented")
    Journey(company, change).review(at=clock.now() + timedelta(days=14))
    item = five_items(EmergencyChange.objects.get())[4]
    assert (item.state, item.found, item.is_there) == ("late", "Lead2", True)


def test_items_of_many_take_no_query_more_than_of_one(
    company: Company, django_assert_max_num_queries: object
) -> None:
    for _ in range(4):
        a_change(company, "implemented")
    people = ("requester", "approver", "implementer", "incident", "review__reviewer")
    changes = EmergencyChange.objects.select_related(*people).prefetch_related(*WITH_ITEMS)
    with django_assert_max_num_queries(1 + 7):
        assert len([five_items(change) for change in changes]) == 4
