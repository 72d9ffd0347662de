"""What PagerDuty says: webhooks of version 3, and events that tools send to its Events API v2."""

from typing import Any, Final

from ecportal.integrations.facts import Fact, IncidentHeard
from ecportal.integrations.mappings import LABEL, PRIORITY, UNSTATED_SEVERITY, URGENCY
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    Envelope,
    Headers,
    Holder,
    Unreadable,
    holder,
    lenient_text,
    lenient_time,
    part,
    text,
    time,
    time_if_any,
)

WITH_THE_INCIDENT: Final = {
    "incident.triggered": "opened",
    "incident.acknowledged": "acknowledged",
    "incident.unacknowledged": "changed",
    "incident.reassigned": "changed",
    "incident.escalated": "changed",
    "incident.delegated": "changed",
    "incident.priority_updated": "changed",
    "incident.incident_type.changed": "changed",
    "incident.service_updated": "changed",
    "incident.reopened": "reopened",
    "incident.resolved": "resolved",
}
"""Events whose data is the incident itself, and what they mean here."""

SAID: Final = {
    "acknowledged": "acknowledged this",
    "unacknowledged": "let the acknowledgment of this run out",
    "reassigned": "reassigned this",
    "escalated": "escalated this",
    "delegated": "delegated this",
    "service_updated": "moved this to another service",
}
"""Events that are kept as a note, in words that follow the name of who did it."""

NOTES: Final = {
    "incident.annotated": "content",
    "incident.status_update_published": "message",
    "incident.responder.added": "message",
}
"""Events whose data has the incident by reference only, and where in it the words stand."""


def envelope(payload: Holder, headers: Headers) -> Envelope:
    data = payload.get("event")
    inner = data.get("data") if isinstance(data, dict) else None
    about = lenient_text(inner, "incident", "id") or lenient_text(inner, "id")
    own = headers.get("X-Webhook-Id", "").strip()
    return Envelope(
        delivery_id=own or lenient_text(payload, "event", "id"),
        event=lenient_text(payload, "event", "event_type"),
        at=lenient_time(payload, "event", "occurred_at"),
        about=about,
    )


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return the facts of a webhook, or raise Unreadable; an unknown event has none."""
    if "event_action" in payload:
        return _event_v2(payload)
    event = holder(payload.get("event"), "event")
    kind = text(event, "event_type", "event", required=True)
    if kind in WITH_THE_INCIDENT:
        data = holder(event.get("data"), "event.data")
        if text(data, "type", "event.data") != "incident":
            raise Unreadable("event.data is no incident.")
        return [_of_an_incident(kind, event, data)]
    if kind in NOTES:
        return _of_a_note(kind, event, holder(event.get("data"), "event.data"))
    return []


def _agent(event: Holder) -> str:
    return text(part(event, "agent"), "summary", "event.agent")


def _of_an_incident(kind: str, event: Holder, data: Holder) -> IncidentHeard:
    what, at = WITH_THE_INCIDENT[kind], time(event, "occurred_at", "event")
    key = text(data, "id", "event.data", required=True)
    person, verb = _agent(event), kind.partition(".")[2]
    note = f"{person or 'PagerDuty'} {SAID[verb]} in PagerDuty" if verb in SAID else ""
    if note and what == "changed":
        names = [text(one, "summary", "assignees") for one in _assignees(data)]
        note += f"; now with {', '.join(filter(None, names))}" if any(names) else ""
    return IncidentHeard(
        **_incident(data),
        **_merge(what, data),
        key=key,
        at=at,
        person=person,
        note=f"{note}." if note else "",
        note_key=f"{key} {verb} {at.isoformat()}" if note else "",
        opens=what == "resolved" or text(data, "status", "event.data") != "resolved",
    )


def _assignees(data: Holder) -> list[Holder]:
    value = data.get("assignees")
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _merge(what: str, data: Holder) -> dict[str, Any]:
    """Return the event, and into what it was merged where that is why it was resolved."""
    reason = part(data, "resolve_reason")
    target = part(reason, "incident")
    into = text(target, "id", "resolve_reason.incident")
    if what == "resolved" and into:
        return {"event": "merged", "merged_into": into}
    return {"event": what}


def _incident(data: Holder) -> dict[str, Any]:
    priority = text(part(data, "priority"), "summary", "priority")
    urgency = text(data, "urgency", "event.data")
    about = {"PagerDuty incident": _number(data), "Priority": priority, "Urgency": urgency}
    return {
        "system": System.PAGERDUTY,
        "title": text(data, "title", "event.data", required=True),
        "description": _lines(about),
        "severity": PRIORITY.get(priority.lower())
        or URGENCY.get(urgency.lower(), UNSTATED_SEVERITY),
        "url": text(data, "html_url", "event.data"),
        "began_at": time_if_any(data, "created_at", "event.data"),
        "system_names": _names(text(part(data, "service"), "summary", "service")),
    }


def _names(*names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name)


def _lines(about: dict[str, str]) -> str:
    return "\n".join(f"{name}: {words}" for name, words in about.items() if words)


def _number(data: Holder) -> str:
    number = data.get("number")
    if number is None:
        return ""
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 10**18:
        raise Unreadable("event.data.number is no number.")
    return str(number)


def _of_a_note(kind: str, event: Holder, data: Holder) -> list[Fact]:
    words = text(data, NOTES[kind], "event.data")
    incident = holder(data.get("incident"), "event.data.incident")
    key = text(incident, "id", "event.data.incident", required=True)
    if not words:
        return []
    person = _agent(event)
    own = text(data, "id", "event.data")
    at = time(event, "occurred_at", "event")
    return [
        IncidentHeard(
            system=System.PAGERDUTY,
            key=key,
            at=at,
            event="noted",
            person=person,
            note=f"{person or 'Somebody'} in PagerDuty: {words}",
            note_key=own or f"{key} {kind} {at.isoformat()}",
        )
    ]


def _event_v2(payload: Holder) -> list[Fact]:
    """Read what a monitoring tool sends to PagerDuty's Events API v2."""
    action = text(payload, "event_action", "The payload")
    if action != "trigger":
        return []
    data = holder(payload.get("payload"), "payload")
    title = text(data, "summary", "payload", required=True)
    source, severity = text(data, "source", "payload"), text(data, "severity", "payload")
    at = time(data, "timestamp", "payload")
    about = {
        "Source": source,
        "Severity": severity,
        "Group": text(data, "group", "payload"),
        "Class": text(data, "class", "payload"),
        "Client": text(payload, "client", "The payload"),
    }
    return [
        IncidentHeard(
            system=System.PAGERDUTY,
            key=text(payload, "dedup_key", "The payload")
            or f"{source} {data.get('timestamp')} {title}",
            at=at,
            event="opened",
            title=title,
            description=_lines(about),
            severity=LABEL.get(severity.lower(), UNSTATED_SEVERITY),
            url=text(payload, "client_url", "The payload"),
            began_at=at,
            system_names=_names(text(data, "component", "payload")),
        )
    ]
