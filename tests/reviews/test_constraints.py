"""The database refuses bad reviews, deadlines, exceptions and reminders around every rule."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from ecportal import clock
from reviews.lifecycle import HOLIDAYS
from reviews.models import (
    CompanyHoliday,
    ControlException,
    Deadline,
    Escalation,
    EscalationRung,
    EvidencePack,
    FollowUpAction,
    Notice,
    Population,
    PopulationRow,
    ReconciliationItem,
    RetrospectiveReview,
    Sample,
    SampleItem,
)
from reviews.reconciliation import reconcile
from reviews.sweep import sweep
from reviews.working_papers import SAMPLE_ITEMS
from tests.changes.around_the_door import assert_copy_refused_by, constraints_of, refusal
from tests.pages.world import a_pack
from tests.reviews.populations import generated, sampled
from tests.scenario import Company, Journey, a_draft, an_incident


def closed_with_everything(company: Company) -> None:
    """Close a change with a follow-up action, an exception, and a reminder that was sent."""
    change = Journey(company, a_draft(company)).submit().change
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()
        Journey(company, change).approve().start().finish().verify().document()
        follow_up = {"title": "Alarm", "owner": company.engineer, "due_on": timezone.localdate()}
        Journey(company, change).review(follow_ups=[follow_up])
    assert Notice.objects.exists()
    sample = sampled(company, generated(company), seed="s", size=1)
    item = sample.items.get()
    SAMPLE_ITEMS.perform(item, "request", by=company.auditor, reason="Why?")
    SAMPLE_ITEMS.perform(item, "answer", by=company.lead, reason="Because.")
    a_pack(change, company)
    an_item(company)


def an_item(company: Company) -> None:
    an_incident(company, severity=1)
    reconcile()


NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
BAD: list[tuple[str, Any, dict[str, Any]]] = [
    ("reconciliation_is_of_one_thing", ReconciliationItem, {"incident": None}),
    ("reconciliation_is_of_one_thing", ReconciliationItem, {"kind": "ticket"}),
    ("settled_reconciliation_says_by_whom", ReconciliationItem, {"status": "dismissed"}),
    ("settled_reconciliation_says_by_whom", ReconciliationItem, {"settled_at": NOON}),
    (
        "matched_reconciliation_names_a_change",
        ReconciliationItem,
        {"status": "matched", "settled_by": 1, "settled_at": NOON, "reason": "So."},
    ),
    (
        "dismissed_reconciliation_names_no_change",
        ReconciliationItem,
        {"status": "dismissed", "settled_by": 1, "settled_at": NOON, "reason": "So.", "change": 1},
    ),
    ("completed_review_says_by_whom_and_what", RetrospectiveReview, {"reviewer": None}),
    ("completed_review_says_by_whom_and_what", RetrospectiveReview, {"held_at": None}),
    ("completed_review_says_by_whom_and_what", RetrospectiveReview, {"genuine": None}),
    ("completed_review_says_by_whom_and_what", RetrospectiveReview, {"procedure_followed": None}),
    ("completed_review_says_by_whom_and_what", RetrospectiveReview, {"appropriateness": ""}),
    ("nobody_reviews_their_own_work", RetrospectiveReview, {"requester": F("reviewer")}),
    ("nobody_reviews_their_own_work", RetrospectiveReview, {"implementer": F("reviewer")}),
    ("finished_follow_up_says_how", FollowUpAction, {"status": "done"}),
    ("finished_follow_up_says_how", FollowUpAction, {"status": "dropped"}),
    ("due_after_it_started", Deadline, {"due_at": datetime(2001, 1, 1, tzinfo=UTC)}),
    ("met_or_void_not_both", Deadline, {"met_at": F("due_at"), "voided_at": F("due_at")}),
    ("named_addresses_are_named", EscalationRung, {"audience": "addresses", "addresses": ""}),
    ("answered_exception_says_by_whom", ControlException, {"status": "answered"}),
    ("pack_finished_or_failed", EvidencePack, {"finished_at": NOON, "failed_at": NOON}),
    ("period_ends_after_it_begins", Population, {"last_day": date(2001, 1, 1)}),
    ("draw_names_its_seed", Sample, {"seed": ""}),
    ("sample_is_not_empty", Sample, {"size": 0}),
    ("request_says_by_whom", SampleItem, {"requested_by": None}),
    ("request_says_by_whom", SampleItem, {"request": ""}),
    ("answer_says_by_whom", SampleItem, {"answered_at": None}),
    ("answer_says_by_whom", SampleItem, {"answer": ""}),
]
ONCE: list[tuple[str, Any, dict[str, Any]]] = [
    ("one_running_deadline_a_kind", Deadline, {"met_at": None}),
    ("each_rung_once_a_deadline", Escalation, {}),
    ("one_notice_a_recipient", Notice, {}),
    ("one_notice_a_named_address", Notice, {"person": None}),
    ("each_exception_once", ControlException, {}),
    ("incident_id", ReconciliationItem, {}),
    ("each_change_listed_once", PopulationRow, {}),
    ("each_change_once_a_sample", SampleItem, {}),
    ("number", Population, {}),
    ("number", Sample, {}),
    ("change_id", RetrospectiveReview, {}),
    ("number", FollowUpAction, {}),
]


def test_database_refuses_bad_rows(company: Company) -> None:
    closed_with_everything(company)
    holes = [
        (name, values)
        for name, model, values in BAD
        if name not in refusal(model.objects.all(), **values)
    ]
    assert holes == []


@pytest.mark.parametrize(("name", "model", "values"), ONCE)
def test_database_refuses_a_second_row(
    company: Company, name: str, model: Any, values: dict[str, Any]
) -> None:
    closed_with_everything(company)
    row = model.objects.first()
    model._base_manager.filter(pk=row.pk).update(**values)
    row.refresh_from_db()
    assert_copy_refused_by(name, row)


def test_day_is_declared_a_holiday_once(company: Company) -> None:
    day = CompanyHoliday(day=date(2026, 5, 4), name="Company day")
    HOLIDAYS.perform(day, "declare", by=company.lead, reason="Agreed.")
    assert_copy_refused_by("day", day)


def test_every_constraint_was_tried() -> None:
    tried = {name for name, *_ in [*BAD, *ONCE]} - {"change_id", "incident_id", "number"}
    assert constraints_of("reviews") == tried
