"""The main tasks, each written once against a `Hand`: who does it, and what it may cost at most."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.utils import timezone

from changes.models import Delegation
from ecportal import clock
from ecportal.accounts import roles
from ecportal.integrations.facts import DeploymentHeard
from ecportal.integrations.hearing import tell
from reviews.models import (
    ControlException,
    EvidencePack,
    FollowUpAction,
    Population,
    ReconciliationItem,
    Sample,
)
from reviews.reconciliation import reconcile
from tests.browser.hands import Hand
from tests.pages.world import a_population
from tests.scenario import Company, Journey, a_change, a_draft, an_incident, person

CHANGES: Final = "/admin/changes/emergencychange"
LOG: Final = {"name": "errors.log", "mimeType": "text/plain", "buffer": b"0.1 %"}


class Task(NamedTuple):
    """Who does it, with how many clicks and required answers at most, and how.

    `do` begins at a link in a mail or message, or at the home page, and returns what it acted on;
    `after` says of that whether the task is done.
    """

    who: str
    clicks: int
    required: int
    do: Callable[[Hand, Company], Any]
    after: Callable[[Any], bool]


# --- Engineers ----------------------------------------------------------------------------------
def declare(hand: Hand, company: Company) -> Any:
    incident = an_incident(company)
    hand.open(f"/admin/incidents/incident/{incident.pk}/change/").press("Declare emergency")
    hand.pick(criterion="outage").write(why_not_normal="Every minute costs orders.")
    hand.write(scope="Roll back to 4.18.2.").pick(risk="low")
    hand.write(rollback_plan="Deploy 4.19.0.").pick(route="ask").press("Declare emergency")
    return incident.changes.get()


def declare_approved(hand: Hand, company: Company) -> Any:
    incident = an_incident(company)
    hand.open(f"/admin/incidents/incident/{incident.pk}/change/").press("Declare emergency")
    hand.pick(criterion="outage").write(why_not_normal="Every minute costs orders.")
    hand.write(scope="Roll back to 4.18.2.").pick(risk="low")
    hand.write(rollback_plan="Deploy 4.19.0.").pick(route="claim")
    hand.pick(said_by=str(company.lead.pk), channel="phone").write(said="“Roll it back.”")
    hand.press("Declare emergency")
    return incident.changes.get()


def finish(hand: Hand, company: Company) -> Any:
    change = a_change(company, "implementing")
    hand.open(f"{CHANGES}/{change.pk}/change/").press("Finish implementing")
    hand.pick(outcome="successful").write(reason="02:31 deployment 88213 finished.")
    hand.pick(source="log").tick("no_deviations").press("Finish implementing")
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


def follow_up(hand: Hand, company: Company) -> Any:
    due = timezone.localdate() + timedelta(days=9)
    row = {"title": "Add an alert", "owner": company.engineer, "due_on": due}
    change = a_change(company, "documented")
    Journey(company, change).review(follow_ups=[row])
    action = FollowUpAction.objects.get(change=change)
    hand.open(f"/admin/reviews/followupaction/{action.pk}/change/").press("Mark as done")
    hand.write(reason="The alert is in place.").press("Mark as done")
    return action


# --- Engineering Leads --------------------------------------------------------------------------
def approve(hand: Hand, company: Company) -> Any:
    change = a_change(company, "submitted")
    hand.open(f"{CHANGES}/{change.pk}/decide/").press("Approve")
    return change


def confirm(hand: Hand, company: Company) -> Any:
    change = Journey(company, a_draft(company)).submit().claim().change
    hand.open(f"{CHANGES}/{change.pk}/decide/").press("Confirm: I approved", exact=False)
    return change


def reject(hand: Hand, company: Company) -> Any:
    change = a_change(company, "submitted")
    hand.open(f"{CHANGES}/{change.pk}/decide/").press("Reject…")
    hand.pick(rejection="sent_back").write(reason="Name the nodes.").press("Reject this change")
    return change


def review(hand: Hand, company: Company) -> Any:
    change = a_change(company, "documented")
    hand.open(f"/admin/reviews/retrospectivereview/of/{change.pk}/")
    hand.pick(genuine="yes", procedure_followed="yes").write(reason="It was right.")
    hand.write(no_follow_up_reason="One-off.").press("Hold the review")
    return change


def assign(hand: Hand, company: Company) -> Any:
    change = a_change(company, "documented")
    hand.open(f"/admin/reviews/followupaction/add/?change={change.pk}")
    hand.write(title="Add an alert").pick(owner=str(company.engineer.pk))
    hand.press("Assign a follow-up action")
    return change


def answer(hand: Hand, company: Company) -> Any:
    change = Journey(company, a_draft(company)).start_unapproved().change
    exception = ControlException.objects.get(change=change)
    hand.open(f"/admin/reviews/controlexception/{exception.pk}/change/")
    hand.press("Answer for management").write(reason="The rota is mended.")
    hand.press("Answer for management")
    return exception


def unclaimed(company: Company, **of: Any) -> ReconciliationItem:
    """Return the one item that waits; those of earlier ways are settled."""
    reconcile()
    item: ReconciliationItem = ReconciliationItem.objects.unsettled().get(**of)
    return item


def match(hand: Hand, company: Company) -> Any:
    change = a_change(company, "implemented")
    assert change.started_at
    tell(DeploymentHeard(system="github", key=f"run-{change.pk}", at=clock.now(),
                         status="succeeded", environment="production", system_names=("checkout",),
                         started_at=change.started_at, finished_at=clock.now()))  # fmt: skip
    item = unclaimed(company, deployment__key=f"run-{change.pk}")
    hand.open("/admin/reviews/reconciliationitem/").press("Match to EC-", exact=False)
    return item


def dismiss(hand: Hand, company: Company) -> Any:
    incident = an_incident(company, severity=1)
    item = unclaimed(company, incident=incident)
    hand.open("/admin/reviews/reconciliationitem/").press("No change was made…")
    hand.write(reason="It resolved itself.").press("No change was made")
    return item


def delegate(hand: Hand, company: Company) -> Any:
    before = Delegation.objects.count()
    hand.open("/admin/").press("Delegate decisions").pick(delegate=str(company.engineer2.pk))
    hand.write(reason="On leave until Monday.").press("Delegate decisions")
    return before


# --- Auditors and Role Administrators -----------------------------------------------------------
def population(hand: Hand, company: Company) -> Any:
    number = Population.objects.count()
    hand.open("/admin/").press("Generate a population").press("Generate a population")
    return number


def sample(hand: Hand, company: Company) -> Any:
    a_change(company, "submitted")
    drawn_from = a_population(company)
    hand.open(f"/admin/reviews/population/{drawn_from.pk}/change/").write(size="1", seed="apple")
    hand.press("Draw the sample")
    return Sample.objects.filter(population=drawn_from)


def pack(hand: Hand, company: Company) -> Any:
    change = a_change(company, "submitted")
    hand.open(f"/admin/reviews/evidencepack/request/?numbers={change.number}")
    hand.press("Build the pack")
    return EvidencePack.objects.filter(numbers=change.number)


def give_role(hand: Hand, company: Company) -> Any:
    newcomer = person(f"newcomer-{hand.way.replace(' ', '-')}")
    hand.open("/admin/").press("Give a role")
    role = hand.page.locator("select[name=role] option", has_text=roles.ENGINEER)
    hand.pick(role=role.first.get_attribute("value")).write(reason="Hired.").press("Give a role")
    return newcomer


TASKS: Final = {
    "declare from the incident": Task("engineer", 2, 6, declare,
                                      lambda change: change.status == "submitted"),
    "declare, approved by voice": Task("engineer", 2, 9, declare_approved,
                                       lambda change: change.status == "approved"),
    # One answer more than the design allows: how it went is part of the record.
    "implementation by hand": Task("engineer", 2, 3, finish, lambda c: c.status == "implemented"),
    "verify stability": Task("engineer", 2, 2, verify, lambda c: c.status == "verified"),
    "attach evidence": Task("engineer", 2, 2, attach, lambda c: c.evidence.count() == 1),
    "finish a follow-up": Task("engineer", 2, 1, follow_up, lambda a: a.status == "done"),
    "approve": Task("lead", 2, 0, approve, lambda c: c.status == "approved"),
    "confirm a verbal approval": Task("lead", 2, 0, confirm,
                                      lambda c: c.approvals.get().status == "confirmed"),
    "reject": Task("lead", 3, 2, reject, lambda c: c.status == "rejected"),
    "review": Task("lead2", 3, 4, review, lambda c: c.status == "closed"),
    "assign a follow-up": Task("lead", 1, 3, assign, lambda c: c.follow_ups.count() == 1),
    "answer an exception": Task("lead", 2, 2, answer, lambda e: e.status == "answered"),
    "match a strong suggestion": Task("lead", 1, 0, match, lambda i: i.status == "matched"),
    "dismiss without a change": Task("lead", 2, 1, dismiss, lambda i: i.status == "dismissed"),
    "delegate decisions": Task("lead", 2, 4, delegate,
                               lambda before: Delegation.objects.count() == before + 1),
    "population of a period": Task("auditor", 2, 2, population,
                                   lambda number: Population.objects.count() == number + 1),
    "draw a sample": Task("auditor", 1, 2, sample, lambda samples: samples.count() == 1),
    "evidence pack": Task("auditor", 1, 0, pack, lambda packs: packs.count() == 1),
    "give a role": Task("roleadmin", 2, 3, give_role,
                        lambda who: [g.name for g in who.groups.all()] == [roles.ENGINEER]),
}  # fmt: skip
"""Budgets: what the design allows; where a task is shorter, the test prints by how much."""
