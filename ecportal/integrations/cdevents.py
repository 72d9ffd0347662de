"""What CDEvents 0.4 to 0.6 say: deployments, pipelines, incidents and tickets, of any tool."""

import re
from datetime import datetime
from typing import Any, Final

from ecportal.integrations.facts import DeploymentHeard, Fact, IncidentHeard, TicketHeard
from ecportal.integrations.mappings import (
    CDEVENTS_OUTCOME,
    CDEVENTS_SERVICE,
    LABEL,
    PRIORITY,
    UNSTATED_SEVERITY,
)
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    Envelope,
    Headers,
    Holder,
    holder,
    lenient_text,
    lenient_time,
    part,
    text,
    texts_in,
    time,
)

TYPE: Final = re.compile(r"dev\.cdevents\.([a-z]+)\.([a-z]+)\.[0-9].*")
RUNS: Final = {"queued": "pending", "started": "running", "finished": ""}
INCIDENTS: Final = {"detected": "opened", "reported": "opened", "resolved": "resolved"}
TICKETS: Final = {"created": "opened", "updated": "changed", "closed": "changed"}


def _event(payload: Holder) -> Holder:
    """Return the event, which a structured CloudEvent has for its data."""
    data = payload.get("data")
    return data if "context" not in payload and isinstance(data, dict) else payload


def envelope(payload: Holder, headers: Headers) -> Envelope:
    found = _event(payload)
    source, identity, kind = (
        lenient_text(found, "context", one) for one in ("source", "id", "type")
    )
    return Envelope(
        delivery_id=f"{source} {identity} {kind}" if identity else "",
        event=kind.removeprefix("dev.cdevents."),
        at=lenient_time(found, "context", "timestamp"),
        about=_name(lenient_text(found, "subject", "source"), lenient_text(found, "subject", "id")),
    )


def _name(source: str, identity: str) -> str:
    return f"{source} {identity}".strip()


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return the facts of an event, or raise Unreadable; of most kinds of event there are none."""
    event = _event(payload)
    context = holder(event.get("context"), "context")
    kind = TYPE.fullmatch(text(context, "type", "context", required=True))
    what, how = kind.groups() if kind else ("", "")
    known = {
        "service": CDEVENTS_SERVICE, "pipelinerun": RUNS, "incident": INCIDENTS, "ticket": TICKETS,
    }  # fmt: skip
    if how not in known.get(what, {}):
        return []
    subject = holder(event.get("subject"), "subject")
    content = part(subject, "content")
    source = text(subject, "source", "subject") or text(context, "source", "context")
    common: dict[str, Any] = {
        "system": System.CDEVENTS,
        "key": _name(source, text(subject, "id", "subject", required=True)),
        "at": time(context, "timestamp", "context"),
    }
    if what == "incident":
        if how == "resolved":
            return [_resolved(common, text(context, "id", "context"), content)]
        return [_incident(how, common, subject, content, event.get("customData"))]
    if what == "ticket":
        return [_ticket(how, common, content)]
    if what == "pipelinerun":
        return [_run(how, common, content, event.get("customData"))]
    common["key"] = _name(common["key"], text(context, "id", "context"))
    return [_service(how, common, subject, content, event.get("customData"))]


def _service(
    how: str, common: dict[str, Any], subject: Holder, content: Holder, custom: object
) -> DeploymentHeard:
    artifact = text(content, "artifactId", "content")
    name = text(subject, "id", "subject")
    return DeploymentHeard(
        **common,
        **_custom(custom),
        status=CDEVENTS_SERVICE[how],
        environment=text(part(content, "environment"), "id", "environment"),
        description=artifact,
        finished_at=common["at"],
        system_names=tuple(dict.fromkeys(filter(None, (name, _last(name), _package(artifact))))),
        mentions=(name, artifact, *texts_in(custom)),
    )


def _run(how: str, common: dict[str, Any], content: Holder, custom: object) -> DeploymentHeard:
    name = text(content, "pipelineName", "content")
    outcome = CDEVENTS_OUTCOME.get(text(content, "outcome", "content").lower(), "failed")
    errors = text(content, "errors", "content")
    told = _custom(custom)
    at: datetime = common["at"]
    told["url"] = text(content, "uri", "content") or text(content, "url", "content") or told["url"]
    return DeploymentHeard(
        **common,
        **told,
        status=RUNS[how] or outcome,
        description="\n".join(filter(None, (name, errors))),
        started_at=at if how == "started" else None,
        finished_at=at if how == "finished" else None,
        system_names=(name,) if name else (),
        mentions=(name, *texts_in(custom)),
    )


def _custom(custom: object) -> dict[str, Any]:
    """Return what the event says beside the specification, under the usual names."""
    names = {
        "commit": ("commit", "sha", "revision"),
        "branch": ("branch", "ref"),
        "tag": ("tag",),
        "actor": ("actor", "user"),
        "url": ("url", "uri"),
    }
    return {
        field: next(filter(None, (lenient_text(custom, name) for name in usual)), "")
        for field, usual in names.items()
    }


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]


def _package(artifact: str) -> str:
    """Return the name in a package URL: "myapp" of pkg:oci/myapp@sha256…"""
    return _last(artifact.partition("@")[0].partition("?")[0]) if artifact else ""


def _incident(
    how: str, common: dict[str, Any], subject: Holder, content: Holder, custom: object
) -> IncidentHeard:
    words = text(content, "description", "content")
    lines = words.splitlines()
    service = text(part(content, "service"), "id", "service")
    severity = (lenient_text(custom, "severity") or lenient_text(custom, "priority")).lower()
    about = {
        "Environment": text(part(content, "environment"), "id", "environment"),
        "Artifact": text(content, "artifactId", "content"),
    }
    return IncidentHeard(
        **common,
        event=INCIDENTS[how],
        title=lines[0] if lines else f"Incident {text(subject, 'id', 'subject')}",
        description="\n".join(
            [*lines[1:], *(f"{name}: {value}" for name, value in about.items() if value)]
        ),
        severity=PRIORITY.get(severity) or LABEL.get(severity, UNSTATED_SEVERITY),
        url=text(content, "ticketURI", "content") or text(content, "uri", "content"),
        system_names=tuple(filter(None, (service,))),
    )


def _resolved(common: dict[str, Any], event: str, content: Holder) -> IncidentHeard:
    """Read the end of an incident, whose description is of the end alone."""
    words = text(content, "description", "content")
    note = f"CDEvents, when it was resolved: {words}" if words else ""
    return IncidentHeard(**common, event="resolved", note=note, note_key=f"{common['key']} {event}")


def _ticket(how: str, common: dict[str, Any], content: Holder) -> TicketHeard:
    summary = text(content, "summary", "content")
    labels = tuple(texts_in(content.get("labels")))
    return TicketHeard(
        **common,
        event=TICKETS[how],
        url=text(content, "uri", "content"),
        summary=summary,
        issue_type=text(content, "ticketType", "content"),
        labels=labels,
        status="closed" if how == "closed" else "",
        created_at=common["at"] if how == "created" else None,
        person=text(content, "creator", "content"),
        mentions=(summary, *labels),
    )
