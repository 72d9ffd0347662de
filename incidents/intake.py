"""Reads what PagerDuty and Alertmanager send about an alert; pure functions, nothing is written."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from incidents.models import Incident

SIZE_LIMIT: Final = 5 * 1024 * 1024
TITLE_LIMIT: Final = 200
URL_LIMIT: Final = 500
KEY_LIMIT: Final = 200

Severity, Source = Incident.Severity, Incident.Source

# How urgent an alert is in its own words, and what the portal makes of it.
PRIORITY: Final = {  # PagerDuty: the incident's priority, and where it has none its urgency
    "p1": Severity.SEV1, "p2": Severity.SEV2, "p3": Severity.SEV3,
    "p4": Severity.SEV4, "p5": Severity.SEV4,
    "sev-1": Severity.SEV1, "sev-2": Severity.SEV2, "sev-3": Severity.SEV3, "sev-4": Severity.SEV4,
    "sev1": Severity.SEV1, "sev2": Severity.SEV2, "sev3": Severity.SEV3, "sev4": Severity.SEV4,
}  # fmt: skip
URGENCY: Final = {"high": Severity.SEV2, "low": Severity.SEV3}
LABEL: Final = {  # Alertmanager: labels.severity; PagerDuty Events v2: payload.severity
    "critical": Severity.SEV1, "error": Severity.SEV2,
    "warning": Severity.SEV3, "info": Severity.SEV4,
}  # fmt: skip
UNSTATED: Final = Severity.SEV2

# Events after which PagerDuty's incident is still open, whatever else they tell.
STILL_OPEN: Final = frozenset(
    f"incident.{event}"
    for event in (
        "triggered", "unacknowledged", "reopened", "escalated", "reassigned", "delegated",
        "priority_updated",
    )
)  # fmt: skip
TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)

Holder = Mapping[str, Any]


class Unreadable(ValueError):
    """The alert cannot become an incident; says why in one sentence without the alert's words."""


@dataclass(frozen=True)
class Alert:
    """An alert as an incident wants it; `began_at` is UTC and not in the future."""

    title: str
    description: str
    severity: int
    source: str
    source_key: str
    source_url: str
    began_at: datetime
    system_names: tuple[str, ...]


def decode(raw: bytes) -> object:
    """Return what the bytes say in JSON, or raise Unreadable."""
    if len(raw) > SIZE_LIMIT:
        raise Unreadable(f"It is larger than {SIZE_LIMIT // 1024 // 1024} MiB.")
    if not raw.strip():
        raise Unreadable("It is empty.")
    try:
        return json.loads(raw)
    except RecursionError:
        raise Unreadable("It is nested too deeply.") from None
    except ValueError:  # not UTF, not JSON, or a number of thousands of digits
        raise Unreadable("It is not JSON.") from None


def read(payload: object, now: datetime) -> Alert:
    """Return the alert that a PagerDuty or Alertmanager payload tells of, or raise Unreadable."""
    found = _holder(payload, "The payload")
    if "body" in found and "alerts" not in found:
        found = _holder(found["body"], "body")
    if "event" in found:
        return _pagerduty(_holder(found["event"], "event"), now)
    if "event_action" in found:
        return _pagerduty_event(found, now)
    if "alerts" in found:
        return _alertmanager(found, now)
    raise Unreadable("It is neither an alert of PagerDuty nor one of Alertmanager.")


# --- PagerDuty ----------------------------------------------------------------------------------
def _pagerduty(event: Holder, now: datetime) -> Alert:
    kind = _text(event, "event_type", "event", required=True)
    data = _holder(event.get("data"), "event.data")
    if kind not in STILL_OPEN or _text(data, "type", "event.data") != "incident":
        raise Unreadable("The event does not tell of an open incident; nothing is recorded for it.")
    if _text(data, "status", "event.data") == "resolved":
        raise Unreadable("PagerDuty has resolved this incident; nothing is recorded for it.")
    priority = _text(_part(data, "priority"), "summary", "priority")
    urgency = _text(data, "urgency", "event.data")
    began = data if data.get("created_at") else event
    name = "created_at" if data.get("created_at") else "occurred_at"
    about = {"PagerDuty incident": _number(data), "Priority": priority, "Urgency": urgency}
    service = _text(_part(data, "service"), "summary", "service")
    return _alert(
        now,
        title=_text(data, "title", "event.data", required=True),
        about=about,
        severity=PRIORITY.get(priority.lower()) or URGENCY.get(urgency.lower(), UNSTATED),
        source=Source.PAGERDUTY,
        key=_text(data, "id", "event.data", required=True),
        link=_text(data, "html_url", "event.data"),
        began_at=_time(began, name, "event"),
        system_names=[service],
    )


def _number(data: Holder) -> str:
    number = data.get("number")
    if number is None:
        return ""
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) >= 10**18:
        raise Unreadable("event.data.number is no number.")
    return str(number)


def _pagerduty_event(found: Holder, now: datetime) -> Alert:
    """Read what a monitoring tool sends to PagerDuty's Events API v2."""
    if _text(found, "event_action", "The payload") != "trigger":
        raise Unreadable("The event triggers nothing; nothing is recorded for it.")
    payload = _holder(found.get("payload"), "payload")
    title = _text(payload, "summary", "payload", required=True)
    source = _text(payload, "source", "payload")
    severity = _text(payload, "severity", "payload")
    key = _text(found, "dedup_key", "The payload")
    about = {
        "Source": source,
        "Severity": severity,
        "Group": _text(payload, "group", "payload"),
        "Class": _text(payload, "class", "payload"),
        "Client": _text(found, "client", "The payload"),
    }
    return _alert(
        now,
        title=title,
        about=about,
        severity=LABEL.get(severity.lower(), UNSTATED),
        source=Source.PAGERDUTY,
        key=key or f"{source} {payload.get('timestamp')} {title}",
        link=_text(found, "client_url", "The payload"),
        began_at=_time(payload, "timestamp", "payload"),
        system_names=[_text(payload, "component", "payload")],
    )


# --- Alertmanager -------------------------------------------------------------------------------
def _alertmanager(found: Holder, now: datetime) -> Alert:
    if _text(found, "status", "The payload") != "firing":
        raise Unreadable("The alerts do not fire; nothing is recorded for them.")
    alerts = found["alerts"]
    if not isinstance(alerts, list):
        raise Unreadable("alerts is no list.")
    alerts = [_holder(alert, "Each of alerts") for alert in alerts]
    firing = [alert for alert in alerts if _text(alert, "status", "alerts") == "firing"]
    if not firing:
        raise Unreadable("No alert of the group fires; nothing is recorded for it.")
    labels = [_words(alert, "labels") for alert in firing]
    notes = [
        _words(found, "commonAnnotations"),
        *(_words(alert, "annotations") for alert in firing),
    ]
    common = _words(found, "commonLabels")
    # The group is the same as long as its oldest alert is, so one that grows is one incident.
    group, began_at = _text(found, "groupKey", "The payload", required=True), _oldest(alerts)
    links = [_text(alert, "generatorURL", "alerts") for alert in firing]
    links.append(_text(found, "externalURL", "The payload"))
    return _alert(
        now,
        title=_first("summary", notes) or _first("alertname", [common, *labels]),
        about={
            "Alertmanager, alerts that fire": str(len(firing)),
            "Description": _first("description", notes),
            "Runbook": _first("runbook_url", notes),
            "Labels": ", ".join(f"{name}={value}" for name, value in sorted(common.items())),
        },
        severity=min(
            (LABEL[words] for words in _all("severity", labels) if words in LABEL),
            default=UNSTATED,
        ),
        source=Source.ALERTMANAGER,
        key=f"{began_at:%Y-%m-%dT%H:%M:%S.%fZ} {group}",
        link=next(filter(None, links), ""),
        began_at=_oldest(firing),
        system_names=_all("service", [common, *labels]),
    )


def _oldest(alerts: list[Holder]) -> datetime:
    return min(_time(alert, "startsAt", "alerts") for alert in alerts)


def _words(holder: Holder, name: str) -> dict[str, str]:
    """Return labels or annotations, all of them texts."""
    found = _part(holder, name)
    return {clean(key): _text(found, key, name) for key in found}


def _all(name: str, groups: list[dict[str, str]]) -> list[str]:
    return [words[name] for words in groups if words.get(name)]


def _first(name: str, groups: list[dict[str, str]]) -> str:
    return next(iter(_all(name, groups)), "")


# --- common to all ------------------------------------------------------------------------------
def clean(text: str) -> str:
    """Return the text without what no database takes: NUL and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


def _holder(value: object, where: str) -> Holder:
    if not isinstance(value, dict):
        raise Unreadable(f"{where} is no object.")
    return value


def _part(holder: Holder, name: str) -> Holder:
    """Return an object that may be null or left out: then it is empty."""
    value = holder.get(name)
    return {} if value is None else _holder(value, name)


def _text(holder: Holder, name: str, where: str, *, required: bool = False) -> str:
    value = holder.get(name)
    if value is not None and not isinstance(value, str):
        raise Unreadable(f"{where}: {clean(name)[:40]!r} is no text.")
    text = clean(value or "").strip()
    if required and not text:
        raise Unreadable(f"{where}: {name!r} is missing.")
    return text


def _time(holder: Holder, name: str, where: str) -> datetime:
    """Return a time of RFC 3339 as UTC; beyond microseconds it is cut off."""
    text = _text(holder, name, where, required=True)
    try:
        if TIME.fullmatch(text) is None:
            raise ValueError
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable(f"{where}: {name!r} is no time with its time zone.") from None
    if moment < EARLIEST:
        raise Unreadable(f"{where}: {name!r} is not set.")
    return moment


def _alert(
    now: datetime,
    *,
    title: str,
    about: Mapping[str, str],
    severity: int,
    source: str,
    key: str,
    link: str,
    began_at: datetime,
    system_names: list[str],
) -> Alert:
    """Put an alert together; what does not fit its field is told in the description."""
    lines = [f"{name}: {text}" for name, text in about.items() if text]
    title = " ".join(title.split())
    if not title:
        raise Unreadable("The alert has no title.")
    if len(title) > TITLE_LIMIT:
        lines.append(f"Title in full: {title}")
        title = f"{title[: TITLE_LIMIT - 1]}…"
    if link and not _fits(link):
        lines.append(f"Link: {link}")
        link = ""
    if began_at > now:
        lines.append(
            f"The alert says that it began at {began_at:%Y-%m-%d %H:%M:%S} UTC, which was in the "
            "future by the portal's clock; the time of the recording stands for it."
        )
        began_at = now
    if len(key) > KEY_LIMIT:
        key = f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    names = dict.fromkeys(" ".join(name.split()) for name in system_names)
    return Alert(
        title, "\n".join(lines), severity, source, key, link, began_at,
        tuple(name for name in names if name),
    )  # fmt: skip


def _fits(link: str) -> bool:
    try:
        URLValidator(schemes=["http", "https"])(link)
    except ValidationError:
        return False
    return len(link) <= URL_LIMIT
