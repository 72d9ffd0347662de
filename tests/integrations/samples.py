"""Small deliveries of each system, written from the shapes that the systems document."""

from typing import Any

INCIDENT = {
    "id": "PGR0VU2",
    "type": "incident",
    "html_url": "https://acme.pagerduty.example.com/incidents/PGR0VU2",
    "number": 2,
    "status": "triggered",
    "created_at": "2026-11-23T08:40:00Z",
    "title": "A little bump in the road",
    "service": {"id": "PF9KMXH", "summary": "Checkout", "type": "service_reference"},
    "assignees": [{"id": "PTUXL6G", "summary": "Ada", "type": "user_reference"}],
    "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
    "urgency": "high",
    "resolve_reason": None,
}


def pagerduty(event: str, at: str, /, key: str = "PGR0VU2", **values: Any) -> dict[str, Any]:
    """Return the webhook of an event of an incident at this time of the day."""
    return _event(event, at, {**INCIDENT, "id": key, **values})


def pagerduty_note(at: str, words: str, key: str = "PGR0VU2", note: str = "N1") -> dict[str, Any]:
    incident = {"id": key, "type": "incident_reference", "summary": None}
    return _event(
        "incident.annotated", at,
        {"id": note, "type": "incident_note", "content": words, "incident": incident},
    )  # fmt: skip


def _event(event: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": {
            "id": f"01-{event}-{at}-{data['id']}",
            "event_type": event,
            "resource_type": "incident",
            "occurred_at": f"2026-11-23T{at}Z",
            "agent": {"id": "PLH1HKV", "type": "user_reference", "summary": "Grace"},
            "client": None,
            "data": data,
        }
    }


PAGERDUTY = pagerduty("incident.triggered", "08:41:00.169")


def alert(name: str, began: str, ended: str | None = None, **labels: str) -> dict[str, Any]:
    """Return an alert of this name in a group; `ended` where it is over."""
    return {
        "status": "resolved" if ended else "firing",
        "labels": {"alertname": name, "service": "checkout", "severity": "critical", **labels},
        "annotations": {"summary": f"{name}: 5xx > 20%", "description": "Since the release."},
        "startsAt": f"2026-11-23T{began}Z",
        "endsAt": f"2026-11-23T{ended}Z" if ended else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus.example.com/graph",
        "fingerprint": f"fp-{name}",
    }


def group(*alerts: dict[str, Any], version: str = "4") -> dict[str, Any]:
    """Return the notification of Alertmanager about a group; version 1 is Grafana's."""
    firing = [one for one in alerts if one["status"] == "firing"]
    found: dict[str, Any] = {
        "receiver": "ecportal",
        "status": "firing" if firing else "resolved",
        "alerts": list(alerts),
        "groupLabels": {"service": "checkout"},
        "commonLabels": {"service": "checkout"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": version,
        "groupKey": '{}:{service="checkout"}',
        "truncatedAlerts": 0,
    }
    if version == "1":
        found |= {"orgId": 1, "title": "[FIRING:1] checkout", "state": "alerting", "message": "…"}
    return found


ALERTMANAGER = group(alert("CheckoutDown", "08:25:15.936748945"))
GRAFANA = group(alert("CheckoutDown", "08:25:15"), version="1")


# --- tickets ------------------------------------------------------------------------------------
def jira(event: str = "jira:issue_created", **values: Any) -> dict[str, Any]:
    """Return the webhook of an issue of Jira Cloud; values stand in for fields of the issue."""
    fields = {
        "summary": "Roll checkout back",
        "issuetype": {"id": "10001", "name": "Emergency Change"},
        "labels": ["emergency"],
        "status": {"name": "To Do"},
        "created": "2026-11-23T09:01:52.971+0100",
        "description": "For EC-2026-0042.",
        "customfield_10073": {"id": "10035", "value": "Emergency"},
        **values,
    }
    return {
        "timestamp": 1795420913023,
        "webhookEvent": event,
        "user": {"accountId": "5c5f88", "displayName": "Grace"},
        "issue": {
            "id": "10040",
            "self": "https://acme.example.com/jira/rest/api/2/issue/10040",
            "key": "OPS-41",
            "fields": fields,
        },
        "changelog": {"items": [{"field": "labels", "fromString": "", "toString": "emergency"}]},
    }


JIRA_COMMENT = {
    "timestamp": 1795420913023,
    "webhookEvent": "comment_created",
    "comment": {
        "id": "10019",
        "updateAuthor": {"name": "grace", "displayName": "Grace"},
        "body": {
            "type": "doc",
            "version": 1,
            "content": [
                {"type": "paragraph", "content": [{"type": "text", "text": "See EC-2026-0042."}]},
                {"type": "paragraph", "content": [{"type": "text", "text": "Thanks."}]},
            ],
        },
    },
    "issue": {
        "id": "10040",
        "key": "OPS-41",
        "self": "https://acme.example.com/rest/api/2/issue/1",
    },
}

# --- deployments --------------------------------------------------------------------------------
REPOSITORY = {
    "name": "checkout",
    "full_name": "acme/checkout",
    "html_url": "https://github.example.com/acme/checkout",
}
GITHUB_DEPLOYMENT = {
    "action": "created",
    "deployment": {
        "id": 145988746,
        "sha": "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
        "ref": "fix/EC-2026-0042",
        "task": "deploy",
        "payload": {"change": "EC-2026-0042"},
        "environment": "production",
        "description": None,
        "creator": {"login": "grace"},
        "created_at": "2026-11-23T09:00:00Z",
    },
    "repository": REPOSITORY,
}
GITHUB_STATUS = {
    **GITHUB_DEPLOYMENT,
    "deployment_status": {
        "id": 209916254,
        "state": "success",
        "description": "Done",
        "environment": "production",
        "log_url": "https://github.example.com/acme/checkout/actions/runs/1",
        "created_at": "2026-11-23T09:05:00Z",
    },
}
GITHUB_RUN = {
    "action": "completed",
    "workflow": {"name": "Deploy to production"},
    "workflow_run": {
        "id": 289782451,
        "name": "Deploy to production",
        "path": ".github/workflows/deploy.yml",
        "head_branch": "main",
        "head_sha": "3484a3fb816e0859fd6e1cea078d76385ff50625",
        "head_commit": {"message": "Roll back\n\nEC-2026-0042"},
        "status": "completed",
        "conclusion": "success",
        "html_url": "https://github.example.com/acme/checkout/actions/runs/289782451",
        "run_started_at": "2026-11-23T09:00:00Z",
        "updated_at": "2026-11-23T09:04:00Z",
        "actor": {"login": "grace"},
    },
    "repository": REPOSITORY,
}
GITLAB = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2026-11-23 10:05:16 +0100",
    "deployment_id": 988572802,
    "deployable_url": "https://gitlab.example.com/acme/checkout/-/jobs/9905389091",
    "environment": "production",
    "project": {"id": 7, "name": "checkout", "path_with_namespace": "acme/checkout"},
    "short_sha": "58793660",
    "user": {"username": "grace", "name": "Grace"},
    "commit_url": "https://gitlab.example.com/acme/checkout/-/commit/58793660b22d6ceacbdc23b28a056",
    "commit_title": "Roll back for EC-2026-0042",
    "ref": "main",
}


def cdevent(kind: str, content: dict[str, Any], /, **custom: Any) -> dict[str, Any]:
    """Return an event of this kind, such as service.deployed, about myApp."""
    return {
        "context": {
            "specversion": "0.5.0",
            "id": "271069a8-fc18-44f1-b38f-9d70a1695819",
            "source": "/jenkins/prod",
            "type": f"dev.cdevents.{kind}.0.2.0",
            "timestamp": "2026-11-23T09:06:00.315384Z",
        },
        "subject": {"id": "platform/checkout", "source": "/jenkins/prod", "content": content},
        **({"customData": custom} if custom else {}),
    }


CDEVENTS_DEPLOYED = cdevent(
    "service.deployed",
    {"environment": {"id": "production"}, "artifactId": "pkg:oci/checkout@sha256%3A0b31"},
    commit="58793660",
    actor="grace",
    url="https://jenkins.example.com/job/1",
    change="EC-2026-0042",
)
CDEVENTS_INCIDENT = cdevent(
    "incident.detected",
    {
        "description": "Response time above 100 ms",
        "environment": {"id": "prod1"},
        "service": {"id": "checkout", "source": "/cluster"},
    },
    severity="critical",
)
CDEVENTS_RESOLVED = cdevent("incident.resolved", {"description": "Fine again", "environment": {}})
CDEVENTS_TICKET = cdevent(
    "ticket.created",
    {"summary": "New CVE", "ticketType": "task", "creator": "Grace", "labels": ["emergency"],
     "uri": "https://tickets.example.com/7"},
)  # fmt: skip
CDEVENTS_RUN = cdevent(
    "pipelinerun.finished",
    {"pipelineName": "deploy", "uri": "https://jenkins.example.com/job/1", "outcome": "failure",
     "errors": "Timed out"},
)  # fmt: skip

ALL: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("pagerduty", PAGERDUTY, {}),
    ("pagerduty", pagerduty("incident.resolved", "09:00:00", resolve_reason={"type": "merge",
                            "incident": {"id": "PX"}}), {}),
    ("pagerduty", pagerduty_note("09:00:00", "A note."), {}),
    ("alertmanager", ALERTMANAGER, {}),
    ("alertmanager", GRAFANA, {}),
    ("alertmanager", group(alert("A", "08:00:00", "08:20:00")), {}),
    ("jira", jira(), {}),
    ("jira", JIRA_COMMENT, {}),
    ("github", GITHUB_DEPLOYMENT, {"X-GitHub-Event": "deployment"}),
    ("github", GITHUB_STATUS, {"X-GitHub-Event": "deployment_status"}),
    ("github", GITHUB_RUN, {"X-GitHub-Event": "workflow_run"}),
    ("gitlab", GITLAB, {"X-Gitlab-Event": "Deployment Hook"}),
    ("cdevents", CDEVENTS_DEPLOYED, {}),
    ("cdevents", CDEVENTS_INCIDENT, {}),
    ("cdevents", CDEVENTS_RESOLVED, {}),
    ("cdevents", CDEVENTS_TICKET, {}),
    ("cdevents", CDEVENTS_RUN, {}),
]  # fmt: skip
"""System, payload and headers of one delivery of each shape."""
