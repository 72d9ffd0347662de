"""The ladders: each rung is reached once, at its time, and tells those who can act, nobody else."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError

from changes.lifecycle import DELEGATIONS
from changes.models import DelegatedSystem, Delegation, EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from reviews.business_days import company_calendar
from reviews.ladder import due_time
from reviews.lifecycle import HOLIDAYS, RUNGS
from reviews.models import CompanyHoliday, Deadline, Escalation, EscalationRung, Notice
from reviews.sweep import sweep
from tests.scenario import Company, Journey, a_change, a_draft, person

BERLIN = ZoneInfo("Europe/Berlin")


def november(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=BERLIN)


FRIDAY = november(20, 23)
MINUTE = timedelta(minutes=1)
LEADS = ["lead", "lead2"]

# The default ladders, written out a second time for a change whose every step is on Friday 23:00;
# the skipped test is due on the 28th, a Saturday, the follow-up action on the 27th, a Friday.
LADDERS: dict[str, list[tuple[datetime, list[str]]]] = {
    "approval": [
        (FRIDAY, ["lead"]), (november(20, 23, 15), ["lead2"]), (november(20, 23, 30), LEADS),
    ],
    "confirmation": [
        (FRIDAY, ["lead"]), (november(21, 7), ["lead"]), (november(21, 10), ["lead"]),
        (november(21, 11), LEADS),
    ],
    "retroactive": [
        (november(23), LEADS), (november(23, 20), LEADS), (november(24), LEADS),
    ],
    "documentation": [
        (november(21, 19), ["engineer"]), (november(21, 23), ["engineer"]),
        (november(22, 3), LEADS),
    ],
    "review": [
        (november(23), LEADS), (november(23, 16), LEADS), (november(24), LEADS),
        (november(25), LEADS),
    ],
    "catch_up": [
        (november(27), ["engineer"]), (november(29), ["engineer"]),
        (november(30) + timedelta(days=1), LEADS),
    ],
    "follow_up": [
        (november(27), ["engineer2"]), (november(28), ["engineer2"]),
        (november(30) + timedelta(days=1), LEADS),
    ],
}  # fmt: skip


def begin(company: Company, kind: str) -> EmergencyChange:
    """Make a change of Friday 23:00 on which a deadline of this kind runs."""
    with clock.at(FRIDAY):
        journey = Journey(company, a_draft(company))
        if kind == "retroactive":
            return journey.start_unapproved().change
        journey.submit()
        if kind == "approval":
            return journey.change
        if kind == "confirmation":
            return journey.claim().change
        skipped = {"skipped": "Load test", "why": "No time.", "catch_up_on": date(2026, 11, 28)}
        journey.approve().start()
        journey.finish(**(skipped if kind == "catch_up" else {}), no_deviations=kind != "catch_up")
        if kind == "follow_up":
            action = {"title": "Alert", "owner": company.engineer2, "due_on": date(2026, 11, 27)}
            journey.verify().document().review(no_follow_up_reason="", follow_ups=[action])
        return journey.change


def told(kind: str, moment: datetime) -> list[str]:
    """Sweep at that moment and return who is told of a deadline of this kind."""
    last = Escalation.objects.order_by("pk").last()
    with clock.at(moment):
        sweep()
    notices = Notice.objects.filter(
        escalation__deadline__kind=kind, escalation__pk__gt=last.pk if last else 0
    )
    return sorted(notice.address.removesuffix("@example.test") for notice in notices)


def define(company: Company, **values: Any) -> EscalationRung:
    return RUNGS.perform(
        EscalationRung(), "define", by=company.lead, reason="We want it so.",
        **{"kind": "approval", "offset": 0, "unit": "minutes", "audience": "owner", **values},
    )  # fmt: skip


def delegate(company: Company, to: User, *systems: System, **dates: datetime) -> Delegation:
    values = {"begins_at": FRIDAY - MINUTE, "ends_at": november(30) + timedelta(days=30), **dates}
    with clock.at(FRIDAY):
        return DELEGATIONS.perform(
            Delegation(delegate=to, **values), "delegate", by=company.lead, reason="Leave.",
            systems=systems,
        )  # fmt: skip


def make_lead(user: User) -> None:
    user.groups.add(Group.objects.get(name=roles.LEAD))


@pytest.mark.parametrize("kind", LADDERS)
def test_each_default_rung_is_reached_once_at_its_time(company: Company, kind: str) -> None:
    change = begin(company, kind)
    for moment, people in LADDERS[kind]:
        if moment > FRIDAY:
            assert told(kind, moment - MINUTE) == []
        assert told(kind, moment) == people
        assert told(kind, moment) == []
    assert told(kind, november(30) + timedelta(days=20)) == []
    reached = Escalation.objects.filter(deadline__kind=kind, deadline__change=change)
    assert reached.count() == len(LADDERS[kind])


def test_ladder_of_every_kind_is_listed_here() -> None:
    assert set(LADDERS) == set(Deadline.Kind.values)


# --- whom a rung tells --------------------------------------------------------------------------
def test_requester_is_never_asked_to_approve_though_a_lead(company: Company) -> None:
    make_lead(company.engineer)
    begin(company, "approval")
    assert told("approval", FRIDAY + 30 * MINUTE) == ["lead", "lead", "lead2", "lead2"]


@pytest.mark.parametrize("kind", ["approval", "retroactive", "review"])
def test_requester_and_implementer_are_never_asked_as_somebodys_delegate(
    company: Company, kind: str
) -> None:
    delegate(company, company.engineer)
    begin(company, kind)
    assert set(told(kind, november(27))) == set(LEADS)


def test_implementer_is_never_asked_to_review_though_a_lead(company: Company) -> None:
    make_lead(company.engineer2)
    with clock.at(FRIDAY):
        journey = Journey(company, a_change(company, "approved")).start(company.engineer2)
        journey.do("finish", company.engineer2, outcome="successful", no_deviations=True)
    assert set(told("review", november(27))) == set(LEADS)


@pytest.mark.parametrize("kind", ["approval", "retroactive"])
def test_delegate_is_asked_with_the_lead_they_stand_in_for(company: Company, kind: str) -> None:
    delegate(company, company.engineer2)
    begin(company, kind)
    assert "engineer2" in told(kind, LADDERS[kind][0][0])


@pytest.mark.parametrize("kind", ["confirmation", "documentation", "review", "catch_up"])
def test_delegate_is_not_told_of_what_cannot_be_delegated(company: Company, kind: str) -> None:
    delegate(company, company.engineer2)
    begin(company, kind)
    assert "engineer2" not in told(kind, november(30) + timedelta(days=5))


def test_delegation_for_another_system_or_that_is_over_asks_nobody(company: Company) -> None:
    other = SYSTEMS.perform(System(name="billing"), "register", by=company.lead, reason="New.")
    delegate(company, company.engineer2, other)
    delegate(company, person("late", roles.ENGINEER), ends_at=FRIDAY + MINUTE)
    assert DelegatedSystem.objects.count() == 1
    begin(company, "approval")
    assert set(told("approval", FRIDAY + 30 * MINUTE)) == set(LEADS)


@pytest.mark.parametrize("leaving", [{"is_active": False}, {"access_until": FRIDAY + MINUTE}])
@pytest.mark.parametrize(
    ("kind", "owner", "moment", "instead"),
    [
        ("approval", "lead", FRIDAY + MINUTE, ["lead2"]),
        ("confirmation", "lead", FRIDAY + MINUTE, ["lead2"]),
        ("documentation", "engineer", november(21, 19), LEADS),
        ("follow_up", "engineer2", november(27), LEADS),
    ],
)
def test_duty_of_somebody_who_left_goes_to_the_leads(
    company: Company, leaving: dict[str, Any], kind: str, owner: str, moment: datetime,
    instead: list[str],
) -> None:  # fmt: skip
    begin(company, kind)
    User._base_manager.filter(username=owner).update(**leaving)
    assert told(kind, moment) == instead


def test_lead_who_lost_the_role_is_not_asked(company: Company) -> None:
    begin(company, "approval")
    company.lead.groups.clear()
    assert set(told("approval", FRIDAY + 30 * MINUTE)) == {"lead2"}


def test_lead_of_other_systems_is_not_asked(company: Company) -> None:
    """With LEAD_SCOPE=granted a Lead decides for the systems granted to them alone."""
    Group.objects.get(name=roles.LEAD).permissions.remove(
        Permission.objects.get(codename=roles.SYSTEM_SCOPE)
    )
    SYSTEMS.perform(
        company.system, "grant", by=company.roleadmin, reason="Hers.", person=company.lead2
    )
    begin(company, "retroactive")
    assert set(told("retroactive", november(27))) == {"lead2"}


def test_rung_is_reached_though_nobody_is_left_to_tell(company: Company) -> None:
    begin(company, "review")
    User._base_manager.filter(username__in=LEADS).update(is_active=False)
    assert told("review", november(27)) == [""] * 4
    assert {notice.result for notice in Notice.objects.all()} >= {"Nobody could act on it"}
    assert Escalation.objects.filter(deadline__kind="review").count() == 4


def test_named_addresses_are_told(company: Company) -> None:
    define(company, audience="addresses", addresses="ciso@example.test,\nduty@example.test, ,")
    begin(company, "approval")
    assert told("approval", FRIDAY + 15 * MINUTE) == ["ciso", "duty", "lead", "lead2"]


def test_approver_named_is_told_where_somebody_else_owes_it(company: Company) -> None:
    define(company, kind="documentation", audience="approver", offset=-24, unit="hours")
    begin(company, "documentation")  # approved by that Lead
    assert told("documentation", FRIDAY) == ["lead"]


def test_approver_named_in_a_claim_is_who_is_said_to_have_approved(company: Company) -> None:
    EscalationRung._base_manager.update(status="retired")
    define(company, kind="confirmation", audience="approver", offset=-12, unit="hours")
    with clock.at(FRIDAY):
        Journey(company, a_draft(company)).submit().claim(company.lead2)
    assert told("confirmation", FRIDAY) == ["lead2"]


def test_every_lead_is_told_whatever_their_systems_but_not_the_requester(
    company: Company,
) -> None:
    Group.objects.get(name=roles.LEAD).permissions.remove(
        Permission.objects.get(codename=roles.SYSTEM_SCOPE)
    )
    make_lead(company.engineer)
    EscalationRung._base_manager.update(status="retired")
    define(company, audience="every_lead")
    begin(company, "approval")
    assert told("approval", FRIDAY + 15 * MINUTE) == LEADS


# --- ladders that change ------------------------------------------------------------------------
def test_rung_that_is_added_later_is_reached_by_deadlines_that_run(company: Company) -> None:
    begin(company, "approval")
    assert told("approval", FRIDAY + 5 * MINUTE) == ["lead"]
    define(company, offset=-5)
    assert told("approval", FRIDAY + 9 * MINUTE) == []
    assert told("approval", FRIDAY + 10 * MINUTE) == ["lead"]


def test_rung_before_the_start_of_a_short_deadline_is_due_at_the_start(company: Company) -> None:
    deadline = begin(company, "approval").deadlines.get()
    rung = define(company, offset=-1, unit="business_days")
    assert due_time(deadline, rung, company_calendar()) == FRIDAY


def test_retired_rung_is_silent_and_a_reinstated_one_is_not(company: Company) -> None:
    begin(company, "approval")
    rung = EscalationRung.objects.get(kind="approval", offset=-15)
    RUNGS.perform(rung, "retire", by=company.lead, reason="Too much.")
    assert told("approval", FRIDAY) == []
    RUNGS.perform(rung, "reinstate", by=company.lead, reason="Too little.")
    assert told("approval", FRIDAY) == ["lead"]


def test_reminder_before_a_long_shutdown_comes_before_it(company: Company) -> None:
    for day in range(23, 50):
        closed = date(2026, 11, 1) + timedelta(days=day - 1)
        HOLIDAYS.perform(
            CompanyHoliday(day=closed, name="Shutdown"), "declare", by=company.lead, reason="So."
        )
    begin(company, "review")  # due at the end of the first business day after it, 21 December
    define(company, kind="review", offset=-2, unit="business_days")
    assert told("review", FRIDAY) == LEADS


@pytest.mark.parametrize("unit", EscalationRung.Unit.values)
@pytest.mark.parametrize("offset", [2**31 - 1, -(2**31)])
def test_rung_farther_away_than_time_itself_is_refused(
    company: Company, unit: str, offset: int
) -> None:
    """One slip of a finger would otherwise stop every reminder of every change."""
    with pytest.raises(ValidationError):
        define(company, offset=offset, unit=unit)
