"""What somebody is told to do now is what the rules let them do; nothing that they owe lacks."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from changes.lifecycle import CHANGES, POLICIES
from changes.models import EmergencyChange, Policy
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from reviews.agenda import agenda, needing, waiting_on
from reviews.lifecycle import FOLLOW_UPS, REVIEWS
from reviews.models import Deadline
from reviews.next_steps import NextStep
from reviews.owing import owed_by
from tests.changes.delegating import narrow_lead
from tests.reviews.test_owing import busy, follow_up  # noqa: F401 - a fixture
from tests.scenario import Company, Journey, a_change, a_draft, person

DECIDING = (
    "approve", "reject", "confirm_approval", "deny_approval", "approve_retroactively",
    "reject_retroactively",
)  # fmt: skip


def steps(user: User) -> list[NextStep]:
    return agenda(User.objects.get(pk=user.pk))


def verbs(user: User) -> list[str]:
    """Return the acts that the person's buttons lead to, the most urgent first."""
    found = (re.search(r"/act/(\w+)/$", step.url) for step in steps(user))
    return [match[1] if match else "decide" for match in found]


def refusals(step: NextStep, user: User) -> list[str | None]:
    """Ask the rules about every act that the button's page offers; None is no refusal."""
    change = EmergencyChange.objects.get(pk=step.change.pk)
    if step.url.endswith("/decide/"):
        return [
            CHANGES.refusal(change, verb, user)
            for verb in DECIDING
            if CHANGES.permitted(change, verb, user)
        ]
    match = re.search(r"/(\w+)/(\d+)/act/(\w+)/$", step.url)
    assert match
    model, pk, verb = match.groups()
    lifecycle = {"emergencychange": CHANGES, "followupaction": FOLLOW_UPS,
                 "retrospectivereview": REVIEWS}[model]  # fmt: skip
    record = lifecycle.model.objects.get(pk=pk)
    assert lifecycle.permitted(record, verb, user), (user, step.act)
    return [lifecycle.refusal(record, verb, user)]


@pytest.fixture
def full(busy: Company) -> Company:  # noqa: F811
    """Changes at every step beside, some of them of people who left."""
    for status in ("draft", "approved", "implementing", "verified", "documented", "rejected"):
        a_change(busy, status)
    done = {"outcome": "successful", "no_deviations": True, "source": "log"}
    Journey(busy, a_change(busy, "implementing")).do("finish", busy.engineer2, **done)
    User._base_manager.filter(pk=busy.engineer2.pk).update(is_active=False)
    return busy


def test_everything_on_anybodys_agenda_can_really_be_done(full: Company) -> None:
    acts = set()
    for user in User.objects.filter(is_system=False, is_active=True):
        for step in steps(user):
            assert None in refusals(step, user), (user.username, step.act, refusals(step, user))
            acts.add(step.act.split(" of ")[0])
    assert len(acts) >= 12, acts


def test_whatever_one_owes_and_can_do_is_on_the_agenda(full: Company) -> None:
    """The calendar shows documentation too soon, and reviews that must wait for it; no decision."""
    kinds = ("approval", "retroactive")
    for user in User.objects.filter(is_system=False, is_active=True):
        visible = EmergencyChange.objects.visible_to(user).values_list("pk", flat=True)
        owed = {d.change_id for d in owed_by(user) if d.kind in kinds and d.change_id in visible}
        listed = {
            step.change.pk
            for step in steps(user)
            if step.url.endswith("/decide/") and step.due_at and "verbal" not in step.act
        }
        assert owed <= listed, user.username


def test_single_system_lead_is_not_asked_for_what_another_decides(company: Company) -> None:
    narrow = narrow_lead()
    a_change(company, "submitted")
    assert verbs(company.lead2) == ["decide"]
    assert verbs(narrow) == []


def test_requester_and_implementer_are_not_asked_to_judge_themselves(company: Company) -> None:
    both = person("both", roles.ENGINEER, roles.LEAD)
    draft = a_draft(company)
    Journey(company, draft).do("revise", both, title="Rather this").submit()
    assert verbs(both) == []
    assert verbs(company.lead) == ["decide"]


@pytest.mark.parametrize(
    ("status", "asked"),
    [("draft", "submit"), ("approved", "start"), ("implementing", "finish"),
     ("implemented", "check_stability"), ("verified", "attach_evidence"), ("rejected", "rework")],
)  # fmt: skip
def test_engineer_is_asked_for_the_next_step_of_their_own_change(
    company: Company, status: str, asked: str
) -> None:
    change = a_change(company, status)
    with clock.at(change.finished_at or clock.now()):
        assert verbs(company.engineer) == [asked]
        assert verbs(company.engineer2) == []


def test_step_of_somebody_who_left_is_every_engineers(company: Company) -> None:
    a_change(company, "approved")
    User._base_manager.filter(pk=company.engineer.pk).update(is_active=False)
    assert verbs(company.engineer) == []
    assert verbs(company.engineer2) == ["start"]
    assert verbs(company.lead) == []


def test_draft_that_lacks_its_rollback_plan_is_completed_first(company: Company) -> None:
    a_draft(company, rollback_plan="")
    assert verbs(company.engineer) == ["revise"]


def test_verification_is_another_engineers_where_the_policy_wants_it(company: Company) -> None:
    POLICIES.perform(Policy.in_force(), "revise", by=company.lead, reason="Four eyes.",
                     verifier_differs=True)  # fmt: skip
    change = a_change(company, "implemented")
    assert change.finished_at
    with clock.at(change.finished_at + timedelta(minutes=31)):
        assert verbs(company.engineer) == []
        assert verbs(company.engineer2) == ["verify"]


def test_evidence_comes_before_the_results(company: Company) -> None:
    change = a_change(company, "verified")
    assert verbs(company.engineer) == ["attach_evidence"]
    Journey(company, change).do("attach_evidence", company.engineer, kind="other", description="d",
                                link="https://example.test/1")  # fmt: skip
    assert verbs(company.engineer) == ["document"]
    [step] = steps(company.engineer)
    assert step.due_at == Deadline.objects.get(kind="documentation").due_at


def test_review_is_asked_for_once_it_can_be_held(company: Company) -> None:
    change = a_change(company, "verified")
    assert verbs(company.lead) == []
    Journey(company, change).document()
    assert verbs(company.lead) == ["complete"]


def test_lead_who_approved_may_review_and_is_told_no_untruth(company: Company) -> None:
    a_change(company, "documented")
    [step] = steps(company.lead)
    assert step.why.endswith("You neither requested nor implemented it, so you may review it.")


def test_live_outage_comes_before_a_nearer_deadline(company: Company) -> None:
    over = a_change(company, "submitted")
    with clock.at(clock.now() + timedelta(minutes=1)):
        live = a_change(company, "submitted")
        incident = over.incident
        type(incident)._base_manager.filter(pk=incident.pk).update(
            status="resolved", resolved_at=clock.now()
        )
        found = steps(company.lead)
        assert found[0].outage == "Live outage, 5 min"
    assert [step.change for step in found] == [live, over]
    assert [step.is_live for step in found] == [True, False]


def test_verbal_approval_is_confirmed_by_its_approver_and_answered_by_others_when_they_left(
    company: Company,
) -> None:
    Journey(company, a_draft(company)).submit().claim()
    assert verbs(company.lead2) == []
    [step] = steps(company.lead)
    assert step.act.startswith("Confirm your verbal approval of ")
    assert step.why == "Engineer wrote down that you approved (phone)."
    User._base_manager.filter(pk=company.lead.pk).update(is_active=False)
    [step] = steps(company.lead2)
    assert step.act == "Decide instead of Lead"
    assert None in refusals(step, company.lead2)


def test_follow_up_is_finished_by_its_owner_and_passed_on_when_they_left(company: Company) -> None:
    action = follow_up(company, a_change(company, "documented"), company.engineer2)
    [step] = [one for one in steps(company.engineer2) if one.number == action.number]
    assert (step.button, step.title) == ("Mark as done", "Add an alert")
    User._base_manager.filter(pk=company.engineer2.pk).update(is_active=False)
    buttons = {one.button for one in steps(company.lead2) if one.number == action.number}
    assert buttons == {"Give it to somebody else"}


def test_confidential_change_is_on_no_agenda_of_those_who_may_not_see_it(company: Company) -> None:
    secret = a_draft(company, confidential=True)
    follow_up(company, secret, company.engineer2)
    assert steps(company.engineer2) == []
    User._base_manager.filter(pk=company.engineer.pk).update(is_active=False)
    assert steps(company.engineer2) == []


def test_navigation_counts_exactly_what_the_agenda_lists(full: Company) -> None:
    for user in User.objects.filter(is_system=False):
        counted = sum(found.count() for found in waiting_on(user))
        assert counted == len(steps(user)), user.username
        listed = set(EmergencyChange.objects.filter(needing(user)).values_list("pk", flat=True))
        assert listed == {step.change.pk for step in steps(user)}, user.username


@pytest.mark.parametrize("username", ["lead2", "narrow", "e1", "engineer", "both"])
def test_more_to_do_takes_no_more_queries(full: Company, username: str) -> None:
    def queries() -> int:
        user = User.objects.get(username=username)
        with CaptureQueriesContext(connection) as caught:
            agenda(user)
        return len(caught)

    agenda(full.lead)  # content types are kept after the first question
    before = queries()
    for status in ("draft", "submitted", "approved", "implemented", "documented"):
        follow_up(full, a_change(full, status), full.engineer)
    assert queries() == before <= 8
