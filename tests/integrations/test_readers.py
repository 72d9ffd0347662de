"""What each reader makes of what its system sends: facts, none, or one sentence."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.datastructures import CaseInsensitiveMapping

from ecportal.integrations.facts import DeploymentHeard, IncidentHeard, TicketHeard
from ecportal.integrations.jira import plain_text
from ecportal.integrations.readers import READERS
from ecportal.integrations.reading import Unreadable
from tests.integrations import samples as its
from tests.integrations.vendors import samples, vendor

pytestmark = pytest.mark.once


def read(system: str, payload: Any, **headers: str) -> list[Any]:
    return READERS[system].facts(payload, CaseInsensitiveMapping(headers))


def the(system: str, payload: Any, **headers: str) -> Any:
    [fact] = read(system, payload, **headers)
    return fact


def moment(clock_time: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-23T{clock_time}+00:00")


# --- Jira ---------------------------------------------------------------------------------------
def test_jira_issue_is_a_ticket() -> None:
    fact = the("jira", its.jira())
    assert isinstance(fact, TicketHeard)
    assert (fact.key, fact.event) == ("OPS-41", "opened")
    assert fact.url == "https://acme.example.com/jira/browse/OPS-41"
    assert (fact.issue_type, fact.labels, fact.status) == (
        "Emergency Change", ("emergency",), "To Do",
    )  # fmt: skip
    assert fact.at == datetime.fromtimestamp(1795420913.023, UTC)
    assert fact.created_at == moment("08:01:52.971")
    assert fact.person == "Grace"
    assert {"For EC-2026-0042.", "Emergency"} <= set(fact.mentions)


def test_jira_events_of_an_issue() -> None:
    kinds = {"jira:issue_updated": "changed", "jira:issue_deleted": "deleted"}
    for kind, event in kinds.items():
        assert the("jira", its.jira(kind)).event == event
    for kind in ("sprint_started", "jira:version_released", "user_created", ""):
        assert read("jira", its.jira(kind)) == []


def test_jira_comment_has_a_thin_issue_or_none_at_all() -> None:
    fact = the("jira", its.JIRA_COMMENT)
    assert (fact.key, fact.event, fact.person) == ("OPS-41", "commented", "Grace")
    assert (fact.summary, fact.labels, fact.status) == ("", (), "")
    assert "See EC-2026-0042." in fact.mentions
    assert read("jira", {**its.JIRA_COMMENT, "issue": None}) == []


def test_text_of_jira_is_wiki_text_or_a_document() -> None:
    assert plain_text("h1. Title") == ["h1. Title"]
    assert plain_text(its.JIRA_COMMENT["comment"]["body"]) == [  # type: ignore[index]
        "See EC-2026-0042.", "Thanks.",
    ]  # fmt: skip
    for nothing in (None, 7, [], {}, {"content": {"text": 7}}, [[["x"]]]):
        assert plain_text(nothing) == []


# --- deployments --------------------------------------------------------------------------------
def test_github_deployment_and_its_status() -> None:
    begun = the("github", its.GITHUB_DEPLOYMENT, **{"X-GitHub-Event": "deployment"})
    assert isinstance(begun, DeploymentHeard)
    assert (begun.key, begun.status) == ("deployments/145988746", "pending")
    done = the("github", its.GITHUB_STATUS, **{"X-GitHub-Event": "deployment_status"})
    assert (done.key, done.status, done.environment) == (
        "deployments/145988746", "succeeded", "production",
    )  # fmt: skip
    assert (done.at, done.finished_at) == (moment("09:05:00"), moment("09:05:00"))
    assert done.commit == "f95f852bd8fca8fcc58a9a2d6c842781e32a215e"
    assert (done.branch, done.actor) == ("fix/EC-2026-0042", "grace")
    assert done.url == "https://github.example.com/acme/checkout/actions/runs/1"
    assert done.system_names == ("checkout", "acme/checkout")
    assert "EC-2026-0042" in done.mentions


@pytest.mark.parametrize(
    ("state", "status"),
    [("in_progress", "running"), ("queued", "pending"), ("failure", "failed"), ("error", "failed"),
     ("inactive", None), ("something new", None)],
)  # fmt: skip
def test_github_states(state: str, status: str | None) -> None:
    payload = {
        **its.GITHUB_STATUS,
        "deployment_status": {**its.GITHUB_STATUS["deployment_status"], "state": state},  # type: ignore[dict-item]
    }
    facts = read("github", payload, **{"X-GitHub-Event": "deployment_status"})
    assert [fact.status for fact in facts] == ([status] if status else [])


def run(**values: Any) -> dict[str, Any]:
    workflow = {"name": values.get("name", "Deploy to production")}
    found: Any = its.GITHUB_RUN["workflow_run"]
    return {**its.GITHUB_RUN, "workflow": workflow, "workflow_run": {**found, **values}}


def test_github_run_that_deploys_or_names_a_change_is_a_deployment() -> None:
    fact = the("github", its.GITHUB_RUN, **{"X-GitHub-Event": "workflow_run"})
    assert (fact.key, fact.status, fact.environment) == ("runs/289782451", "succeeded", "")
    assert (fact.started_at, fact.finished_at) == (moment("09:00:00"), moment("09:04:00"))
    assert fact.commit == "3484a3fb816e0859fd6e1cea078d76385ff50625"
    tests = {"name": "Tests", "path": ".github/workflows/tests.yml"}
    assert the("github", run(**tests)).description == "Tests"
    assert read("github", run(**tests, head_commit={"message": "Rename a thing"})) == []
    for words in ("hotfix_EC-2026-0042", "hotfix/ec-2026-0042_rollback", "For EC–2026–0042"):
        assert the("github", run(**tests, head_branch=words, head_commit=None)).branch == words
    assert the("github", run(conclusion="cancelled")).status == "canceled"
    assert the("github", run(status="in_progress", conclusion=None)).status == "running"


def test_github_says_much_that_is_not_for_the_portal() -> None:
    for event in ("ping", "push", "check_run", "release", "workflow_job", "star"):
        assert read("github", its.GITHUB_STATUS, **{"X-GitHub-Event": event}) == []


def test_gitlab_deployment_with_either_kind_of_time() -> None:
    fact = the("gitlab", its.GITLAB)
    assert (fact.key, fact.status, fact.environment) == (
        "deployments/988572802", "succeeded", "production",
    )  # fmt: skip
    assert fact.at == moment("09:05:16")
    assert fact.commit == "58793660b22d6ceacbdc23b28a056"
    assert (fact.actor, fact.branch) == ("grace", "main")
    assert "Roll back for EC-2026-0042" in fact.mentions
    for words in (
        "2026-11-23T09:05:16Z",
        "2026-11-23 09:05:16 UTC",
        "2026-11-23T10:05:16.000+01:00",
    ):
        assert the("gitlab", {**its.GITLAB, "status_changed_at": words}).at == moment("09:05:16")


@pytest.mark.parametrize(
    ("status", "mapped"),
    [("running", "running"), ("failed", "failed"), ("canceled", "canceled"),
     ("blocked", "pending"), ("rejected", "canceled"), ("new one", None)],
)  # fmt: skip
def test_gitlab_statuses(status: str, mapped: str | None) -> None:
    facts = read("gitlab", {**its.GITLAB, "status": status})
    assert [fact.status for fact in facts] == ([mapped] if mapped else [])


def test_gitlab_says_nothing_else_to_the_portal() -> None:
    for kind in ("push", "pipeline", "build", "merge_request"):
        assert read("gitlab", {**its.GITLAB, "object_kind": kind}) == []


def test_cdevents_deployment() -> None:
    fact = the("cdevents", its.CDEVENTS_DEPLOYED)
    assert (fact.status, fact.environment) == ("succeeded", "production")
    assert (fact.commit, fact.actor) == ("58793660", "grace")
    assert fact.url == "https://jenkins.example.com/job/1"
    assert fact.finished_at == moment("09:06:00.315384")
    assert "checkout" in fact.system_names
    assert "EC-2026-0042" in fact.mentions
    content = its.CDEVENTS_DEPLOYED["subject"]["content"]
    assert the("cdevents", its.cdevent("service.upgraded", content)).status == "succeeded"
    assert the("cdevents", its.cdevent("service.rolledback", content)).status == "rolled_back"


def test_cdevents_pipeline() -> None:
    fact = the("cdevents", its.CDEVENTS_RUN)
    assert (fact.status, fact.description) == ("failed", "deploy\nTimed out")
    assert fact.key == "/jenkins/prod platform/checkout"
    begun = its.cdevent("pipelinerun.started", {"pipelineName": "deploy"})
    assert (the("cdevents", begun).key, the("cdevents", begun).status) == (fact.key, "running")


def test_cdevents_incident_and_ticket() -> None:
    begun, ended = the("cdevents", its.CDEVENTS_INCIDENT), the("cdevents", its.CDEVENTS_RESOLVED)
    assert isinstance(begun, IncidentHeard)
    assert (begun.event, begun.title, begun.severity) == ("opened", "Response time above 100 ms", 1)
    assert begun.system_names == ("checkout",)
    assert (ended.key, ended.event, ended.title) == (begun.key, "resolved", "")
    assert ended.note.endswith("Fine again")
    ticket = the("cdevents", its.CDEVENTS_TICKET)
    assert (ticket.event, ticket.labels, ticket.person) == ("opened", ("emergency",), "Grace")


def test_cdevent_may_be_the_data_of_a_cloudevent() -> None:
    wrapped = {"specversion": "1.0", "id": "7", "type": "x", "data": its.CDEVENTS_DEPLOYED}
    assert the("cdevents", wrapped) == the("cdevents", its.CDEVENTS_DEPLOYED)
    envelope = READERS["cdevents"].envelope
    assert envelope(wrapped, {}) == envelope(its.CDEVENTS_DEPLOYED, {})


@pytest.mark.parametrize(
    "kind", ["artifact.published", "change.merged", "approval.created", "incident.new", "x"]
)
def test_other_cdevents_are_none(kind: str) -> None:
    assert read("cdevents", its.cdevent(kind, {})) == []


# --- envelopes ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("system", "payload", "headers", "found"),
    [
        ("pagerduty", its.PAGERDUTY, {"X-Webhook-Id": "w1"},
         ("w1", "incident.triggered", "08:41:00.169", "PGR0VU2")),
        ("pagerduty", its.pagerduty_note("09:00:00", "x"), {},
         ("01-incident.annotated-09:00:00-N1", "incident.annotated", "09:00:00", "PGR0VU2")),
        ("github", its.GITHUB_STATUS,
         {"X-GitHub-Delivery": "g1", "X-GitHub-Event": "deployment_status"},
         ("g1", "deployment_status.created", "09:05:00", "145988746")),
        ("gitlab", its.GITLAB, {"Idempotency-Key": "k", "X-Gitlab-Event": "Deployment Hook"},
         ("k", "Deployment Hook", "09:05:16", "988572802")),
        ("cdevents", its.CDEVENTS_TICKET, {},
         ("/jenkins/prod 271069a8-fc18-44f1-b38f-9d70a1695819 dev.cdevents.ticket.created.0.2.0",
          "ticket.created.0.2.0", "09:06:00.315384", "/jenkins/prod platform/checkout")),
    ],
)  # fmt: skip
def test_envelope(system: str, payload: Any, headers: dict[str, str], found: Any) -> None:
    envelope = READERS[system].envelope(payload, CaseInsensitiveMapping(headers))
    identity, event, clock_time, about = found
    assert (envelope.delivery_id, envelope.event, envelope.about) == (identity, event, about)
    assert envelope.at == moment(clock_time)


def test_jira_names_its_deliveries() -> None:
    headers = CaseInsensitiveMapping({"X-Atlassian-Webhook-Identifier": "a1"})
    envelope = READERS["jira"].envelope(its.jira(), headers)
    assert (envelope.delivery_id, envelope.event) == ("a1", "jira:issue_created")
    assert (envelope.about, envelope.at) == ("OPS-41", datetime.fromtimestamp(1795420913.023, UTC))


@pytest.mark.parametrize("system", READERS)
def test_envelope_of_anything_is_empty_at_worst(system: str) -> None:
    odd: Any
    for odd in (
        {},
        {"event": 7},
        {"event": {"data": []}},
        {"issue": [], "timestamp": 10**39},
        {"timestamp": -1},
        {"alerts": [1, {"startsAt": 3}], "groupKey": []},
        {"context": "x", "subject": None},
        {"deployment": 7, "workflow_run": []},
    ):
        assert READERS[system].envelope(odd, {}).at is None


# --- what the systems really send ---------------------------------------------------------------
EXPECTED = {
    "pagerduty/webhooks/composed-incident.acknowledged.json": ["acknowledged"],
    "pagerduty/webhooks/composed-incident.annotated.json": ["noted"],
    "pagerduty/webhooks/composed-incident.resolved.json": ["resolved"],
    "pagerduty/webhooks/composed-incident.triggered.json": ["opened"],
    "pagerduty/webhooks/incident.priority_updated.json": ["changed"],
    "pagerduty/webhooks/service.updated.json": [],
    "pagerduty/events-v2/acknowledge.json": [],
    "pagerduty/events-v2/resolve.json": [],
    "pagerduty/events-v2/trigger.json": ["opened"],
    "alertmanager/0-firing.json": ["opened"],
    "alertmanager/1-resolved.json": ["resolved"],
    "jira/webhooks/webhook-cloud-comment-created.json": ["commented"],
    "jira/webhooks/webhook-cloud-comment-updated.json": ["commented"],
    "jira/webhooks/webhook-cloud-issue-created-many-fields.json": ["opened"],
    "jira/webhooks/webhook-issue-created.json": ["opened"],
    "jira/webhooks/webhook-issue-deleted.json": ["deleted"],
    "jira/webhooks/webhook-issue-updated-attachments.json": ["changed"],
    "jira/webhooks/webhook-issue-updated-labels.json": ["changed"],
    "jira/webhooks/webhook-issue-updated-raised-priority.json": ["changed"],
    "jira/webhooks/webhook-issue-updated-resolved.json": ["changed"],
    "jira/webhooks/webhook-server-comment-created.json": [],
    "jira/webhooks/webhook-server-issue-updated-commented-2.json": ["changed"],
    "jira/webhooks/webhook-server-issue-updated-in-progress.json": ["changed"],
    "github/check_run.1.json": [],
    "github/deployment.0.json": ["pending"],
    "github/deployment.1.json": ["pending"],
    "github/deployment_status.0.json": ["succeeded"],
    "github/deployment_status.1.json": ["running"],
    "github/ping.0.json": [],
    "github/release.0.json": [],
    "github/workflow_job.1.json": [],
    "github/workflow_job.7.json": [],
    "github/workflow_run.1.json": [],
    "github/workflow_run.4.json": [],
    "gitlab/deployment-success.json": ["succeeded"],
    "cdevents/approval_created.json": [],
    "cdevents/artifact_published.json": [],
    "cdevents/change_merged.json": [],
    "cdevents/incident_detected.json": ["opened"],
    "cdevents/pipelinerun_finished.json": ["failed"],
    "cdevents/service_deployed.json": ["succeeded"],
    "cdevents/ticket_created.json": ["opened"],
}


@pytest.mark.parametrize("path", EXPECTED)
def test_sample_of_a_system_is_read_as_it_is_meant(path: str) -> None:
    payload = vendor(path)
    system, _folder, name = path.replace("webhooks/", "").partition("/")
    headers = {"X-GitHub-Event": name.partition(".")[0]} if system == "github" else {}
    if system == "alertmanager":
        payload = payload["body"]
    facts = read(system, payload, **headers)
    heard = [fact.status if isinstance(fact, DeploymentHeard) else fact.event for fact in facts]
    assert heard == EXPECTED[path]
    assert READERS[system].envelope(payload, headers).event or system == "pagerduty"


@pytest.mark.parametrize("path", samples())
def test_every_sample_of_every_system_is_read_by_every_reader_or_refused_in_words(
    path: str,
) -> None:
    payload = vendor(path)
    for reader in READERS.values():
        reader.envelope(payload, {})
        with contextlib.suppress(Unreadable):
            reader.facts(payload, {})
