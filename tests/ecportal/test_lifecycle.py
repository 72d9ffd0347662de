"""The one door: what every act needs, and what a refusal leaves behind."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from changes.lifecycle import CHANGES
from ecportal import clock
from ecportal.accounts.models import User
from incidents.lifecycle import INCIDENTS
from tests.changes.around_the_door import assert_refused_by, constraints_of, refusal
from tests.changes.refusals import assert_refused
from tests.scenario import Company, a_change, a_draft

pytestmark = pytest.mark.once


@pytest.mark.parametrize("reason", ["", " \n\t ", "\u00a0"])
def test_blank_reason_is_refused(company: Company, reason: str) -> None:
    change = a_draft(company)
    said = "Say why, in a sentence."
    assert_refused(CHANGES, change, "submit", company.engineer, said, reason=reason)


def test_reason_of_ten_thousand_characters_is_kept_and_one_more_refused(company: Company) -> None:
    change = a_draft(company)
    said = "Shorten this to 10000 characters; attach longer text as evidence."
    assert_refused(CHANGES, change, "submit", company.engineer, said, reason="x" * 10_001)
    CHANGES.perform(change, "submit", by=company.engineer, reason="x" * 10_000)
    assert change.history.first().history_change_reason == "x" * 10_000


@pytest.mark.parametrize(
    "reason",
    ["🔥🧯👩‍🚒 rolled back", "خادم الدفع معطل", "שרת \u202eתשלום\u202c", "支付服务中断", "e\u0301"],
)
def test_reason_in_any_script_is_kept_as_written(company: Company, reason: str) -> None:
    change = a_draft(company)
    CHANGES.perform(change, "submit", by=company.engineer, reason=reason)
    assert change.history.first().history_change_reason == reason


def test_happened_at_in_the_future_is_refused(company: Company) -> None:
    change = a_draft(company)
    now = clock.now()
    with clock.at(now):
        assert_refused(
            CHANGES, change, "submit", company.engineer, "This time is in the future.",
            happened_at=now + timedelta(microseconds=1),
        )  # fmt: skip


def test_both_clocks_are_kept(company: Company) -> None:
    change = a_change(company, "approved")
    recorded = clock.now() + timedelta(hours=2)
    happened = recorded - timedelta(minutes=90)
    with clock.at(recorded):
        CHANGES.perform(
            change, "start", by=company.engineer, reason="At my desk now.", happened_at=happened
        )
    row = change.history.first()
    assert (row.history_happened_at, row.history_date) == (happened, recorded)
    assert change.started_at == happened


def test_naive_time_is_a_mistake_of_the_caller(company: Company) -> None:
    with pytest.raises(ValueError, match="aware"):
        CHANGES.perform(
            a_draft(company), "submit", by=company.engineer, reason="Now.",
            happened_at=datetime(2026, 1, 1),
        )  # fmt: skip


def test_unknown_verb_is_a_mistake_of_the_caller(company: Company) -> None:
    with pytest.raises(LookupError, match="no verb 'bless'"):
        CHANGES.perform(a_draft(company), "bless", by=company.engineer, reason="Amen.")


@pytest.mark.parametrize("missing", ["by", "reason"])
def test_actor_and_reason_have_no_default(company: Company, missing: str) -> None:
    given = {"by": company.engineer, "reason": "Now."}
    del given[missing]
    with pytest.raises(TypeError, match=missing):
        CHANGES.perform(a_draft(company), "submit", **given)


def test_value_that_no_field_takes_is_refused(company: Company) -> None:
    with pytest.raises(ValidationError, match="title"):
        a_draft(company, title="x" * 201)


def test_inactive_account_holds_no_verb(company: Company) -> None:
    company.engineer.is_active = False
    said = "Your role does not include “Ask for approval” for emergency changes."
    assert_refused(CHANGES, a_draft_before(company), "submit", company.engineer, said)


def a_draft_before(company: Company) -> Any:
    company.engineer.is_active = True
    change = a_draft(company)
    company.engineer.is_active = False
    return change


def test_stale_record_is_judged_by_what_is_stored(company: Company) -> None:
    change = a_change(company, "submitted")
    stale = type(change).objects.get(pk=change.pk)
    CHANGES.perform(change, "cancel", by=company.engineer, reason="Recorded twice.")
    said = "is possible only while the emergency change is submitted; this one is cancelled."
    assert_refused(CHANGES, stale, "reject", company.lead, said)
    stale.title = "Typed over"
    assert_refused(CHANGES, stale, "submit", company.engineer)
    assert type(change).objects.get(pk=change.pk).title == change.title


def test_refusal_tells_what_the_button_says(company: Company) -> None:
    change = a_draft(company, rollback_plan="")
    said = "Say how you go back if it makes things worse."
    assert CHANGES.refusal(change, "submit", company.engineer) == said
    options = {o.transition.verb: o.refusal for o in CHANGES.options(change, company.engineer)}
    assert options["submit"] == said
    assert options["cancel"] is None
    assert "approve" not in options
    assert list(CHANGES.options(change, company.auditor)) == []


def test_receiver_that_refuses_undoes_the_whole_act(company: Company) -> None:
    change = a_draft(company)
    assert_refused(INCIDENTS, change.incident, "cancel", company.engineer, "Cancel that first.")
    change.incident.refresh_from_db()
    assert change.incident.status == "open"


def test_database_keeps_one_system_account_and_dates_in_order(company: Company) -> None:
    people = User.objects.filter(pk=company.auditor.pk)
    assert "_system" in refusal(people, is_system=True)
    now = clock.now()
    name = "access_ends_after_it_begins"
    assert_refused_by(name, people, access_from=now, access_until=now)
    of_tokens = {"token_expires_after_its_issue", "revoked_token_says_when"}  # tried beside them
    of_services = {"service_account_is_nothing_else"}
    assert constraints_of("accounts") == {"one_system_account", name} | of_tokens | of_services
