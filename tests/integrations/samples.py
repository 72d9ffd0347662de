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
