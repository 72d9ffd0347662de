"""What pipelines tell: kept once, brought up to date in order, and evidence of its change."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from changes.forms import AttachForm
from changes.lifecycle import DEPLOYMENTS, enter_what_ran_before
from changes.models import Deployment, EmergencyChange, ExecutionEntry
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.hearing import tell
from ecportal.lifecycle import transitioned
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from reviews.completeness import five_items
from reviews.models import ControlException
from tests.changes.deploying import heard, told
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft

PENDING, RUNNING, SUCCEEDED, FAILED, CANCELED, ROLLED_BACK = Deployment.Status


def execution_item(change: Any) -> tuple[str, tuple[datetime, ...]]:
    item = five_items(type(change).objects.get(pk=change.pk))[3]
    return item.state, item.times


# --- recording ----------------------------------------------------------------------------------
def test_deployment_is_recorded_as_told(company: Company) -> None:
    at = clock.now() - timedelta(minutes=2)
    (said,) = tell(heard(at=at, finished_at=at, system_names=("Checkout", "unknown")))
    deployment = Deployment.objects.get()
    assert said == "Recorded Deployment 88213 to production."
    assert (deployment.status, deployment.environment) == ("succeeded", "production")
    assert deployment.is_production
    assert (deployment.commit, deployment.actor) == ("6dcb09b5b57875f3", "priya")
    assert (deployment.heard_at, deployment.finished_at) == (at, at)
    assert deployment.recorded_by == User.objects.system()
    assert [link.system for link in deployment.systems.all()] == [company.system]
    assert deployment.change is None


def test_same_news_twice_writes_nothing_more(company: Company) -> None:
    news = heard(mentions=(f"Fixes {a_change(company, 'approved').number}",))
    tell(news)
    before = Deployment.history.count(), ExecutionEntry.objects.count()
    assert tell(news) == []
    assert (Deployment.history.count(), ExecutionEntry.objects.count()) == before == (2, 1)


@pytest.mark.once
def test_newest_event_counts_in_whichever_order_they_arrive(company: Company) -> None:
    start = clock.now() - timedelta(hours=1)
    events = [
        heard(at=start, status=PENDING, environment="production"),
        heard(at=start + timedelta(minutes=1), status=RUNNING),
        heard(at=start + timedelta(minutes=2), status=SUCCEEDED),
        heard(at=start + timedelta(minutes=2), status=FAILED),  # two clocks, one moment
    ]
    for place, order in enumerate(permutations(events)):
        for news in order:
            tell(type(news)(**{**vars(news), "key": f"run-{place}"}))
        deployment = Deployment.objects.get(key=f"run-{place}")
        assert (deployment.status, deployment.heard_at) == (FAILED, events[3].at)


def test_late_news_is_no_refused_attempt_in_the_trail(company: Company) -> None:
    told()
    before = Deployment.history.count()
    old = heard(at=clock.now() - timedelta(days=1), status=RUNNING)
    assert tell(old) == []
    assert Deployment.history.count() == before
    assert Deployment.objects.get().status == SUCCEEDED


def test_what_was_not_said_again_stays(company: Company) -> None:
    told(status=RUNNING, at=clock.now() - timedelta(minutes=9))
    told(environment="", commit="", branch="", actor="", url="")
    deployment = Deployment.objects.get()
    assert deployment.status == SUCCEEDED
    assert (deployment.environment, deployment.commit) == ("production", "6dcb09b5b57875f3")
    assert deployment.url


def test_event_of_the_future_counts_as_one_of_now(company: Company) -> None:
    now = clock.now()
    with clock.at(now):
        deployment = told(at=now + timedelta(days=1))
    assert deployment.heard_at == now


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ({"actor": "a\0b\ud800"}, {"actor": "ab?"}),
        ({"branch": "b" * 900}, {"branch": "b" * 255}),
        ({"url": "javascript:alert(1)"}, {"url": ""}),
        ({"url": "https://ci.example.test/" + "x" * 3000}, {"url": ""}),
        ({"started_at": datetime(1, 1, 1, tzinfo=UTC)}, {"started_at": None}),
        ({"status": FAILED, "description": "d" * 9000}, {"description": "d" * 9000}),
    ],
)
def test_hostile_values_are_kept_as_far_as_they_can_be(
    company: Company, values: dict[str, Any], kept: dict[str, Any]
) -> None:
    deployment = Deployment.objects.get(pk=told(**values).pk)
    assert {name: getattr(deployment, name) for name in kept} == kept


def test_very_long_keys_stay_apart(company: Company) -> None:
    first, second = told(key="k" * 300 + "1"), told(key="k" * 300 + "2")
    assert first.pk != second.pk
    assert told(key="k" * 300 + "1").pk == first.pk


@pytest.mark.parametrize(
    ("environment", "expected"),
    [("production", True), ("PROD", True), (" live ", True), ("prod-eu", False),
     ("preprod", False), ("non-production", False), ("staging", False), ("", False)],
)  # fmt: skip
def test_production_is_what_the_setting_says(
    company: Company, environment: str, expected: bool
) -> None:
    assert told(environment=environment).is_production is expected


def test_production_may_be_a_pattern(company: Company, settings: Any) -> None:
    settings.PRODUCTION_ENVIRONMENTS = ("prod-*",)
    assert told(environment="Prod-EU").is_production
    assert not told(key="2", environment="production").is_production


# --- attaching by reference ---------------------------------------------------------------------
def test_first_number_that_stands_claims_the_deployment(company: Company) -> None:
    cancelled = a_change(company, "cancelled")
    change, other = a_draft(company), a_draft(company)
    numbers = [cancelled.number, "EC-2019-9999", change.number, other.number]
    deployment = told(mentions=("Nothing here", f"Roll back\n\n{' '.join(numbers)}\nSigned-off"))
    assert deployment.change == change
    assert deployment.attachment == "reference"
    assert deployment.reference == " ".join(numbers)
    assert deployment.attached_by == User.objects.system()


def test_later_event_may_bring_the_reference(company: Company) -> None:
    change = a_change(company, "approved")
    told(status=RUNNING, at=clock.now() - timedelta(minutes=9))
    deployment = told(mentions=(f"hotfix/{change.number.lower()}_rollback",))
    assert deployment.change == change


def test_confidential_change_gets_its_evidence_and_keeps_it_to_itself(company: Company) -> None:
    change = Journey(company, a_draft(company, confidential=True)).to("approved")
    deployment = told(mentions=(change.number,))
    assert deployment.change == change
    visible = Deployment.objects.visible_to
    assert not visible(company.engineer2).exists()
    assert visible(company.lead2).get() == deployment


# --- the execution log --------------------------------------------------------------------------
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED, ROLLED_BACK])
def test_production_deployment_is_one_line_of_the_execution_log(
    company: Company, status: str
) -> None:
    change = a_change(company, "implementing")
    at = clock.now().replace(microsecond=0)
    deployment = told(status=status, at=at, finished_at=at, mentions=(change.number,))
    entry = change.executions.get()
    assert (entry.source, entry.happened_at, entry.link) == ("deployment", at, deployment.url)
    assert entry.text.splitlines()[0].endswith(f"{status.replace('_', ' ')} (told by github)")
    assert f"finished {at:%Y-%m-%dT%H:%M:%SZ}" in entry.text
    assert execution_item(change) == ("present", (at,))


@pytest.mark.parametrize(
    "values", [{"environment": "staging"}, {"status": RUNNING}, {"status": CANCELED}]
)
def test_nothing_is_executed_elsewhere_or_before_the_end(
    company: Company, values: dict[str, Any]
) -> None:
    change = a_change(company, "implementing")
    told(mentions=(change.number,), **values)
    assert change.deployments.count() == 1
    assert not change.executions.exists()
    assert execution_item(change)[0] == "missing"


def test_line_follows_the_deployment(company: Company) -> None:
    change = a_change(company, "implementing")
    before = clock.now() - timedelta(minutes=10)
    told(mentions=(change.number,), at=before)
    later = clock.now()
    told(status=ROLLED_BACK, at=later)
    entry = change.executions.get()
    assert "rolled back" in entry.text
    assert entry.happened_at == later <= entry.recorded_at


@pytest.mark.parametrize("status", ["draft", "submitted", "rejected"])
def test_what_ran_without_approval_is_attached_and_entered_once_the_change_starts(
    company: Company, status: str
) -> None:
    change = a_change(company, status)
    deployment = told(mentions=(change.number,))
    assert deployment.change == change
    assert not change.executions.exists()
    Journey(company, change).start_unapproved()
    entry = change.executions.get()
    assert entry.source == "deployment"
    assert Deployment.objects.get().execution == entry
    assert ControlException.objects.get(change=change).kind == "unapproved"


def test_what_was_held_while_the_change_started_is_entered_when_it_is_told_again(
    company: Company,
) -> None:
    change = a_change(company, "submitted")
    news = heard(mentions=(change.number,))
    tell(news)
    transitioned.disconnect(enter_what_ran_before, sender=EmergencyChange)
    try:
        Journey(company, change).start_unapproved()  # as if another held the deployment
    finally:
        transitioned.connect(enter_what_ran_before, sender=EmergencyChange)
    assert not change.executions.exists()
    assert tell(news) == ["Entered Deployment 88213 to production in the execution log."]
    assert Deployment.objects.get().execution == change.executions.get()
    assert tell(news) == []


def test_deployment_before_the_approval_is_an_exception(company: Company) -> None:
    change = a_change(company, "submitted")
    told(mentions=(change.number,), at=clock.now() - timedelta(minutes=3))
    Journey(company, change).approve()
    exception = ControlException.objects.get(change=change)
    assert exception.kind == "unapproved"
    assert "is older than the approval" in exception.detail


def test_deployment_after_the_approval_is_none(company: Company) -> None:
    change = a_change(company, "approved")
    told(mentions=(change.number,), at=clock.now())
    assert change.executions.count() == 1
    assert not ControlException.objects.exists()


def test_what_ran_after_the_closing_is_no_part_of_the_change(company: Company) -> None:
    change = a_change(company, "closed")
    before = execution_item(change)
    with clock.at(change.closed_at + timedelta(days=3)):
        deployment = told(mentions=(f"Merge the hotfix of {change.number}",))
        assert deployment.change == change
        assert deployment.came_after_closing
        assert change.executions.count() == 1
        assert execution_item(change) == before
        DEPLOYMENTS.perform(deployment, "detach", by=company.lead, reason="Later work.")
    assert Deployment.objects.get().change is None


def test_what_ran_in_time_is_entered_though_told_after_the_closing(company: Company) -> None:
    change = a_change(company, "closed")
    ran = change.finished_at
    with clock.at(change.closed_at + timedelta(days=3)):
        told(mentions=(change.number,), finished_at=ran)
    assert change.executions.count() == 2


# --- by hand ------------------------------------------------------------------------------------
def test_person_attaches_and_the_line_is_written(company: Company) -> None:
    change, deployment = a_change(company, "implementing"), told()
    DEPLOYMENTS.perform(deployment, "attach", by=company.engineer, reason="Mine.", change=change)
    assert (deployment.attachment, deployment.attached_by) == ("person", company.engineer)
    assert change.executions.get().written_by == company.engineer


def test_change_closed_long_ago_is_offered_no_more(company: Company) -> None:
    now, deployment = clock.now(), told()
    with clock.at(now - timedelta(days=400)):
        old = [a_change(company, status) for status in ("closed", "implementing", "cancelled")]
    new = a_change(company, "closed")
    form = AttachForm(record=deployment, user=company.engineer)
    offered = form.fields["change"].queryset  # type: ignore[attr-defined]
    assert set(offered) == {old[1], new}


def test_detached_deployment_proves_nothing_and_stays_detached(company: Company) -> None:
    change = a_change(company, "implementing")
    told(mentions=(change.number,), status=RUNNING, at=clock.now() - timedelta(minutes=9))
    deployment = told()
    DEPLOYMENTS.perform(deployment, "detach", by=company.lead, reason="A wrong number.")
    entry = change.executions.get()
    assert (entry.source, entry.text.splitlines()[-1]) == (
        "detached", "Detached by Lead: A wrong number.",
    )  # fmt: skip
    assert execution_item(change)[0] == "missing"
    again = told(status=FAILED, at=clock.now(), mentions=(change.number,))
    assert (again.status, again.change, again.attachment) == (FAILED, None, "detached")
    assert change.executions.count() == 1


def test_attached_deployment_is_attached_to_no_second_change(company: Company) -> None:
    change, other = a_change(company, "approved"), a_draft(company)
    deployment = told(mentions=(change.number,))
    said = f"This deployment belongs to {change.number} already. Detach it first."
    assert_refused(DEPLOYMENTS, deployment, "attach", company.engineer, said, change=other)


def test_nothing_is_attached_to_a_cancelled_change(company: Company) -> None:
    change = a_change(company, "cancelled")
    said = f"{change.number} was cancelled. Choose another change."
    assert_refused(DEPLOYMENTS, told(), "attach", company.lead, said, change=change)


def test_nothing_is_taken_from_a_closed_change(company: Company) -> None:
    change = a_change(company, "closed")
    deployment = told(mentions=(change.number,), finished_at=change.finished_at)
    said = f"{change.number} is closed. Add a correction to it instead."
    assert_refused(DEPLOYMENTS, deployment, "detach", company.lead, said)


def test_confidential_change_is_claimed_for_by_those_who_see_it(company: Company) -> None:
    change = a_draft(company, confidential=True)
    said = "This change is confidential and was not shared with you."
    assert_refused(DEPLOYMENTS, told(), "attach", company.engineer2, said, change=change)
    deployment = told(mentions=(change.number,))
    assert_refused(DEPLOYMENTS, deployment, "detach", company.engineer2, said)


def test_older_report_is_refused_by_the_rule_itself(company: Company) -> None:
    deployment = told()
    said = "Something newer was told of this deployment already."
    early = clock.now() - timedelta(days=1)
    assert_refused(
        DEPLOYMENTS, deployment, "advance", User.objects.system(), said, happened_at=early,
        told={"status": RUNNING},
    )  # fmt: skip


def test_system_is_found_by_its_name_once(company: Company) -> None:
    SYSTEMS.perform(System(name="Search"), "register", by=company.lead, reason="We run it.")
    told(system_names=("search", "SEARCH"))
    told(at=clock.now(), status=FAILED, system_names=("search", "checkout"))
    links = Deployment.objects.get().systems.order_by("pk")
    assert [str(link) for link in links] == ["Search", "checkout"]


def test_system_out_of_use_is_not_deployed(company: Company) -> None:
    SYSTEMS.perform(company.system, "retire", by=company.lead, reason="Replaced.")
    assert not told(system_names=("checkout",)).systems.exists()
