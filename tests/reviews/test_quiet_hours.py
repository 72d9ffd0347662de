"""Quiet hours: where the recipient lives, never while an outage is live, told once afterwards."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.exceptions import ValidationError

from changes.lifecycle import POLICIES
from changes.models import EmergencyChange, Policy
from ecportal import clock
from incidents.lifecycle import INCIDENTS
from reviews.models import Deadline, EscalationRung, Notice, OpenReminder
from reviews.quiet_hours import next_waking
from reviews.sweep import sweep
from tests.reviews.test_ladder import define
from tests.scenario import Company, Journey, a_change

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")


def november(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        (november(18, 12), BERLIN, november(18, 12)),
        (november(18, 6, 59), BERLIN, november(18, 7)),
        (november(18, 7), BERLIN, november(18, 7)),
        (november(18, 19, 59), BERLIN, november(18, 19, 59)),
        (november(18, 20), BERLIN, november(19, 7)),
        (november(20, 23), BERLIN, november(23, 7)),  # Friday night: Monday
        (november(21, 12), BERLIN, november(23, 7)),
        (november(18, 12), TOKYO, datetime(2026, 11, 19, 7, tzinfo=TOKYO)),  # 20:00 there
        (datetime(2026, 3, 28, 23, tzinfo=BERLIN), BERLIN, datetime(2026, 3, 30, 7, tzinfo=BERLIN)),
    ],
)
def test_quiet_hours_end_where_the_recipient_lives(
    moment: datetime, zone: ZoneInfo, expected: datetime
) -> None:
    assert next_waking(moment.astimezone(UTC), zone, Policy(pk=1)) == expected


def test_quiet_hours_within_a_day_and_none_at_all() -> None:
    noon = Policy(pk=1, quiet_from=time(12), quiet_until=time(14))
    assert next_waking(november(18, 13), BERLIN, noon) == november(18, 14)
    assert next_waking(november(18, 3), BERLIN, noon) == november(18, 3)
    assert next_waking(november(21, 3), BERLIN, noon) == november(23, 0)
    none = Policy(pk=1, quiet_from=time(7), quiet_until=time(7), reminder_days="Sat Sun")
    assert next_waking(november(18, 3), BERLIN, none) == november(21, 0)


def test_policy_with_a_day_that_is_none_is_refused(company: Company) -> None:
    policy, never = Policy.objects.get(), {"reminder_days": "Someday"}
    with pytest.raises(ValidationError, match="at least one weekday"):
        POLICIES.perform(policy, "revise", by=company.lead, reason="Peace.", **never)


# --- in a sweep ---------------------------------------------------------------------------------
NIGHT, MORNING = november(18, 23), november(19, 7)


def sweep_at(moment: datetime) -> list[str]:
    """Sweep then, and return whom the mails of that sweep went to, receipts left out."""
    mail.outbox.clear()
    with clock.at(moment):
        sweep()
    told = [mail for mail in mail.outbox if "ledger of each change" in mail.body]
    return sorted(message.to[0].removesuffix("@example.test") for message in told)


def resolve(company: Company, change: EmergencyChange) -> None:
    INCIDENTS.perform(change.incident, "resolve", by=company.engineer, reason="It is over.")


def asked_at_night(company: Company, *, over: bool = True, **values: Any) -> EmergencyChange:
    """Ask for a decision at 23:00, by rungs that respect quiet hours."""
    EscalationRung._base_manager.update(respects_quiet_hours=True)
    with clock.at(NIGHT):
        change = a_change(company, "submitted", **values)
        if over:
            resolve(company, change)
    return change


def test_reminder_is_held_until_the_quiet_hours_end_and_says_what_is_true_then(
    company: Company,
) -> None:
    change = asked_at_night(company)
    assert sweep_at(NIGHT) == []
    assert OpenReminder.objects.get().held_until == MORNING
    assert sweep_at(MORNING - timedelta(seconds=1)) == []
    assert sweep_at(MORNING) == ["lead", "lead2"]
    [message] = [message for message in mail.outbox if message.to == ["lead@example.test"]]
    assert message.subject.startswith(f"Approve {change.number}: 7 h 45 min late")
    assert Notice.objects.filter(person=company.lead).values("message").distinct().count() == 1


def test_live_outage_leaves_nobody_in_peace(company: Company) -> None:
    asked_at_night(company, over=False)
    assert sweep_at(NIGHT) == ["lead"]


def test_outage_that_is_live_again_ends_the_quiet(company: Company) -> None:
    change = asked_at_night(company)
    assert sweep_at(NIGHT) == []
    with clock.at(NIGHT):
        INCIDENTS.perform(change.incident, "reopen", by=company.engineer, reason="Down again.")
    assert sweep_at(NIGHT + timedelta(minutes=1)) == ["lead"]


def test_rung_that_does_not_respect_quiet_hours_is_told_at_once(company: Company) -> None:
    with clock.at(NIGHT):
        resolve(company, a_change(company, "submitted"))
    assert sweep_at(NIGHT) == ["lead"]


def test_time_zone_of_the_person_counts(company: Company) -> None:
    company.lead.time_zone = "America/Los_Angeles"
    company.lead.save()
    asked_at_night(company)  # 14:00 there
    assert sweep_at(NIGHT) == ["lead"]


def test_deadline_met_in_the_night_is_not_told_in_the_morning_and_the_ledger_says_so(
    company: Company,
) -> None:
    change = asked_at_night(company)
    assert sweep_at(NIGHT) == []
    with clock.at(NIGHT + timedelta(minutes=5)):
        Journey(company, change).approve()
    assert sweep_at(MORNING) == []
    assert Notice.objects.get().result == "Not sent: there was no more need by then"
    assert not OpenReminder.objects.exists()


def test_change_of_policy_is_in_the_history_and_moves_no_running_deadline(
    company: Company,
) -> None:
    asked_at_night(company)
    before = Deadline.objects.values_list("pk", "due_at", "rule").get()
    policy = Policy.objects.get()
    changed = {"quiet_from": time(1), "quiet_until": time(2), "approval_minutes": 90}
    POLICIES.perform(policy, "revise", by=company.lead, reason="Louder.", **changed)
    define(company, offset=-5)
    assert Deadline.objects.values_list("pk", "due_at", "rule").get() == before
    assert policy.history.latest().quiet_from == time(1)
    assert sweep_at(NIGHT) == ["lead"]
