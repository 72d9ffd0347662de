"""Main tasks within their budget of clicks and answers, by mouse and in the other ways."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import pytest
from django.utils import timezone

from ecportal import clock
from reviews.models import ControlException, FollowUpAction, ReconciliationItem
from reviews.reconciliation import reconcile
from tests.browser.conftest import Visit
from tests.browser.hands import WAYS, Hand
from tests.scenario import Company, Journey, a_change, a_draft, an_incident

pytestmark = [pytest.mark.once, pytest.mark.slow]

CHANGES = "/admin/changes/emergencychange"
LOG = {"name": "errors.log", "mimeType": "text/plain", "buffer": b"0.1 %"}


class Task(NamedTuple):
    """Who does it, with how many clicks and required answers at most, and how."""

    who: str
    clicks: int
    required: int
    do: Callable[[Hand, Company], Any]
    after: Callable[[Any], bool]


def declare(hand: Hand, company: Company) -> Any:
    incident = an_incident(company)
    hand.open(f"/admin/incidents/incident/{incident.pk}/change/").press("Declare emergency")
    hand.pick(criterion="outage").write(why_not_normal="Every minute costs orders.")
    hand.write(scope="Roll back to 4.18.2.").pick(risk="low")
    hand.write(rollback_plan="Deploy 4.19.0.").pick(route="ask").press("Declare emergency")
    return incident.changes.get()


def decided(verb: str) -> Callable[[Hand, Company], Any]:
    def decide(hand: Hand, company: Company) -> Any:
        change = a_change(company, "submitted")
        hand.open(f"{CHANGES}/{change.pk}/decide/").press(verb)
        return change

    return decide


def confirm(hand: Hand, company: Company) -> Any:
    change = Journey(company, a_draft(company)).submit().claim().change
    hand.open(f"{CHANGES}/{change.pk}/decide/").press("Confirm: I approved", exact=False)
    return change


def verify(hand: Hand, company: Company) -> Any:
    change = a_change(company, "implemented")
    hand.open(f"{CHANGES}/{change.pk}/change/").press("Verify stability")
    hand.write(watched="Error rate", reason="0.1 % errors.").press("Verify stability")
    return change


def attach(hand: Hand, company: Company) -> Any:
    change = a_change(company, "implementing")
    hand.open(f"{CHANGES}/{change.pk}/act/attach_evidence/").write(description="Error rate")
    hand.give("file", LOG).press("Attach evidence")
    return change


def review(hand: Hand, company: Company) -> Any:
    change = a_change(company, "documented")
    hand.open(f"/admin/reviews/retrospectivereview/of/{change.pk}/")
    hand.pick(genuine="yes", procedure_followed="yes").write(reason="It was right.")
    hand.write(no_follow_up_reason="One-off.").press("Hold the review")
    return change


def follow_up(hand: Hand, company: Company) -> Any:
    due = timezone.localdate() + timedelta(days=9)
    row = {"title": "Add an alert", "owner": company.engineer, "due_on": due}
    Journey(company, a_change(company, "documented")).review(follow_ups=[row])
    action = FollowUpAction.objects.get()
    hand.open(f"/admin/reviews/followupaction/{action.pk}/change/").press("Mark as done")
    hand.write(reason="The alert is in place.").press("Mark as done")
    return action


def answer(hand: Hand, company: Company) -> Any:
    Journey(company, a_draft(company)).start_unapproved()
    exception = ControlException.objects.get()
    hand.open(f"/admin/reviews/controlexception/{exception.pk}/change/")
    hand.press("Answer for management").write(reason="The rota is mended.")
    hand.press("Answer for management")
    return exception


def dismiss(hand: Hand, company: Company) -> Any:
    an_incident(company, severity=1)
    reconcile()
    item = ReconciliationItem.objects.get()
    hand.open("/admin/reviews/reconciliationitem/").press("No change was made…")
    hand.write(reason="It resolved itself.").press("No change was made")
    return item


TASKS = {
    "declare from the incident": Task("engineer", 2, 6, declare,
                                      lambda change: change.status == "submitted"),
    "approve": Task("lead", 2, 0, decided("Approve"), lambda c: c.status == "approved"),
    "confirm a verbal approval": Task("lead", 2, 0, confirm,
                                      lambda c: c.approvals.get().status == "confirmed"),
    "verify stability": Task("engineer", 2, 2, verify, lambda c: c.status == "verified"),
    "attach evidence": Task("engineer", 2, 2, attach, lambda c: c.evidence.count() == 1),
    "review": Task("lead2", 3, 4, review, lambda c: c.status == "closed"),
    "finish a follow-up": Task("engineer", 2, 1, follow_up, lambda a: a.status == "done"),
    "answer an exception": Task("lead", 2, 2, answer, lambda e: e.status == "answered"),
    "dismiss without a change": Task("lead", 2, 1, dismiss, lambda i: i.status == "dismissed"),
}  # fmt: skip


RUNS = [(name, "mouse") for name in TASKS]
RUNS += [(name, way) for name in ("declare from the incident", "approve") for way in WAYS
         if way != "mouse"]  # fmt: skip
"""All by mouse; what is done at 3 am in the other ways as well."""


@pytest.mark.parametrize(("name", "way"), RUNS)
def test_task_stays_within_its_budget(
    quick_company: Company, visit: Visit, name: str, way: str
) -> None:
    task = TASKS[name]
    with clock.at(clock.now() - timedelta(minutes=5)):
        hand = Hand.of(visit, getattr(quick_company, task.who), way)
    done = task.do(hand, quick_company)
    if hasattr(done, "refresh_from_db"):
        done.refresh_from_db()
    assert task.after(done), hand.visitor.text()[:600]
    print(
        f"{name}, {way}: {hand.clicks} of {task.clicks} clicks, "
        f"{len(hand.required)} of {task.required} required answers, {len(hand.typed)} typed"
    )
    assert hand.clicks <= task.clicks
    assert len(hand.required) <= task.required
    assert hand.visitor.errors == []
