"""Who owes a deadline: exactly those whom the rules of deciding name, in so many queries."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changes.authority import deciders_on, involved_in, systems_of, takes_part, with_delegates
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from reviews.lifecycle import FOLLOW_UPS
from reviews.models import Deadline, FollowUpAction
from reviews.owing import owed_by
from tests.changes.delegating import delegated, narrow_lead
from tests.scenario import Company, Journey, a_change, a_draft, person


def expected(user: User) -> set[int]:
    """Return what the user owes, asked one deadline after the other."""
    if not takes_part(user):
        return set()
    return {d.pk for d in Deadline.objects.running() if user in debtors(d)}


def debtors(deadline: Deadline) -> list[User]:
    change = EmergencyChange.objects.get(pk=deadline.change_id)
    leads = deciders_on(change)
    if deadline.kind in ("approval", "retroactive"):
        return with_delegates(leads, systems_of(change), besides=involved_in(change))
    if deadline.kind == "review" or deadline.owner is None or not deadline.owner.may_sign_in:
        return leads
    return [deadline.owner]


def owed(user: User) -> set[int]:
    return {deadline.pk for deadline in owed_by(User.objects.get(pk=user.pk))}


def follow_up(company: Company, change: EmergencyChange, owner: User) -> FollowUpAction:
    due = clock.now().date() + timedelta(days=9)
    action = FollowUpAction(change=change, title="Add an alert", owner=owner, due_on=due)
    return FOLLOW_UPS.perform(action, "assign", by=company.lead, reason="Found in the review.")


@pytest.fixture
def busy(company: Company) -> Company:
    """Two systems, Leads with all, some and delegated rights, and a deadline of each kind."""
    other = SYSTEMS.perform(
        System(name="ledger"), "register", by=company.lead, reason="We run it too."
    )
    narrow = narrow_lead(company.system)
    limited, wide, of_narrow = (person(f"e{place}", roles.ENGINEER) for place in range(3))
    delegated(company.lead, limited, systems=[other])
    delegated(company.lead2, wide)
    delegated(narrow, of_narrow)
    delegated(company.lead, company.engineer)  # who requests, and may therefore not decide
    both = person("both", roles.ENGINEER, roles.LEAD)
    delegated(both, person("e3", roles.ENGINEER))
    gone, over, later = (person(name, roles.ENGINEER) for name in ("gone", "over", "later"))
    for systems in ([company.system], [other], [company.system, other]):
        a_change(company, "submitted", systems=systems)
        a_change(company, "implemented", systems=systems)
        Journey(company, a_draft(company, systems=systems)).submit().claim()
        unapproved = a_draft(company, systems=systems)
        Journey(company, unapproved).do("revise", both, title="Seen by both").start_unapproved()
        skipped = {"skipped": "Load test", "why": "No time.",
                   "catch_up_on": clock.now().date() + timedelta(days=3)}  # fmt: skip
        Journey(company, unapproved).do("record_deviation", company.engineer2, **skipped)
        for owner in (company.engineer2, gone, over, later):
            follow_up(company, unapproved, owner)
    now = clock.now()
    User._base_manager.filter(pk=gone.pk).update(is_active=False)
    User._base_manager.filter(pk=over.pk).update(access_until=now)
    User._base_manager.filter(pk=later.pk).update(access_from=now + timedelta(days=1))
    secret = a_draft(company, confidential=True)
    Journey(company, secret).start_unapproved().finish()
    return company


def test_everybody_owes_what_the_rules_of_deciding_say(busy: Company) -> None:
    # A delegate who does not see a confidential change cannot decide on it.
    hidden = set(
        Deadline.objects.filter(
            change__confidential=True, kind__in=["approval", "retroactive"]
        ).values_list("pk", flat=True)
    )
    for user in User.objects.filter(is_system=False):
        wanted = expected(user)
        if user.username not in ("lead", "lead2", "both", "narrow"):
            wanted -= hidden
        assert owed(user) == wanted, user.username
    sizes = {user.username: len(owed(user)) for user in User.objects.filter(is_system=False)}
    assert sizes["auditor"] == sizes["roleadmin"] == sizes["gone"] == 0
    assert 0 < sizes["narrow"] < sizes["lead2"]
    assert sizes["e0"]  # by the limited delegation
    assert sizes["e2"]  # by the narrow Lead's


def test_kinds_are_all_there(busy: Company) -> None:
    kinds = set(Deadline.objects.running().values_list("kind", flat=True))
    assert kinds == set(Deadline.Kind.values)


def test_delegation_that_ended_takes_its_decisions_along(busy: Company) -> None:
    user = User.objects.get(username="e1")
    assert owed(user)
    with clock.at(clock.now() + timedelta(days=2)):
        assert not owed(user)


@pytest.mark.parametrize("username", ["both", "e3"])
def test_lead_who_worked_on_a_change_does_not_decide_on_it_nor_lets_it_be_decided(
    busy: Company, username: str
) -> None:
    found = Deadline.objects.filter(pk__in=owed(User.objects.get(username=username)))
    assert found.filter(kind="approval").exists()
    assert not found.filter(change__title="Seen by both").exists()


def test_nearest_deadline_comes_first(busy: Company) -> None:
    due = [deadline.due_at for deadline in owed_by(busy.lead2)]
    assert due == sorted(due)


@pytest.mark.parametrize("username", ["lead2", "narrow", "e1", "engineer"])
def test_more_deadlines_take_no_more_queries(busy: Company, username: str) -> None:
    def queries() -> int:
        user = User.objects.get(username=username)
        with CaptureQueriesContext(connection) as caught:
            list(owed_by(user))
        return len(caught)

    list(owed_by(busy.lead))  # content types are kept after the first question
    before = queries()
    for _place in range(5):
        change = a_change(busy, "implemented")
        follow_up(busy, change, busy.engineer)
        a_change(busy, "submitted")
    assert queries() == before <= 7  # two about the person, three about who lent, the deadlines
