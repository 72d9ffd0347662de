"""What Alertmanager says (webhook version 4), and Grafana's alerting, which says it the same way.

A notification tells of a group of alerts as it stands. The group is one incident as long as any
alert of it was in the incident before; one that fires anew after its end is another.
"""

import hashlib
import json
from datetime import datetime

from ecportal.integrations.facts import Fact, IncidentHeard
from ecportal.integrations.mappings import LABEL, UNSTATED_SEVERITY
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    Envelope,
    Headers,
    Holder,
    Unreadable,
    clean,
    lenient_text,
    lenient_time,
    objects,
    part,
    text,
    time,
    time_if_any,
)


def envelope(payload: Holder, headers: Headers) -> Envelope:
    """Return what it is about; it comes again each group interval, the same while nothing changed.

    There is no identifier: group, alerts and their states stand for it.
    """
    found = payload.get("alerts")
    alerts = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    group, status = lenient_text(payload, "groupKey"), lenient_text(payload, "status")
    names = ("fingerprint", "startsAt", "status", "endsAt")
    states = sorted([lenient_text(alert, name) for name in names] for alert in alerts)
    known = group and states and all(state[0] for state in states)
    said = json.dumps([group, status, states])
    times = [lenient_time(one, name) for one in alerts for name in ("startsAt", "endsAt")]
    return Envelope(
        delivery_id=f"state:{hashlib.sha256(said.encode()).hexdigest()}" if known else "",
        event=status,
        at=max((moment for moment in times if moment is not None), default=None),
        about=group,
    )


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return the one fact of a notification, or raise Unreadable."""
    status = text(payload, "status", "The payload")
    if status not in ("firing", "resolved"):
        return []
    if not isinstance(payload.get("alerts"), list):
        raise Unreadable("alerts is no list.")
    alerts = objects(payload, "alerts")
    firing = [alert for alert in alerts if text(alert, "status", "alerts") == "firing"]
    if status == "firing" and not firing:
        raise Unreadable("No alert of the group fires; nothing is recorded for it.")
    if not alerts:
        return []
    return [_firing(payload, alerts, firing) if status == "firing" else _ended(payload, alerts)]


def _ended(payload: Holder, alerts: list[Holder]) -> IncidentHeard:
    """Read the end of a group; it tells only of what ended, so it changes nothing else."""
    ends = [time_if_any(alert, "endsAt", "alerts") for alert in alerts]
    starts = [time(alert, "startsAt", "alerts") for alert in alerts]
    return IncidentHeard(
        system=System.ALERTMANAGER,
        key=_key(payload, alerts),
        also_keys=_each(payload, alerts),
        at=max([*starts, *(end for end in ends if end is not None)]),
        event="resolved",
    )


def _firing(payload: Holder, alerts: list[Holder], firing: list[Holder]) -> IncidentHeard:
    labels = [_words(alert, "labels") for alert in firing]
    notes = [
        _words(payload, "commonAnnotations"),
        *(_words(alert, "annotations") for alert in firing),
    ]
    common = _words(payload, "commonLabels")
    links = [text(alert, "generatorURL", "alerts") for alert in firing]
    links.append(text(payload, "externalURL", "The payload"))
    severities = [LABEL[words.lower()] for words in _all("severity", labels)
                  if words.lower() in LABEL]  # fmt: skip
    about = {
        "Alertmanager, alerts that fire": str(len(firing)),
        "Description": _first("description", notes),
        "Runbook": _first("runbook_url", notes),
        "Labels": ", ".join(f"{name}={value}" for name, value in sorted(common.items())),
    }
    return IncidentHeard(
        system=System.ALERTMANAGER,
        key=_key(payload, alerts),
        also_keys=_each(payload, alerts),
        at=_latest(alerts),
        event="opened",
        title=_title(notes, [common, *labels]),
        description="\n".join(f"{name}: {words}" for name, words in about.items() if words),
        severity=min(severities, default=UNSTATED_SEVERITY),
        url=next(filter(None, links), ""),
        began_at=_oldest(firing),
        system_names=tuple(_all("service", [common, *labels])),
    )


def _title(notes: list[dict[str, str]], labels: list[dict[str, str]]) -> str:
    title = _first("summary", notes) or _first("alertname", labels)
    if not title:
        raise Unreadable("The alert has no title.")
    return title


def _key(payload: Holder, alerts: list[Holder]) -> str:
    """Return the group with the beginning of its oldest alert: one that grows stays the same."""
    group = text(payload, "groupKey", "The payload", required=True)
    return f"{_oldest(alerts):%Y-%m-%dT%H:%M:%S.%fZ} {group}"


def _each(payload: Holder, alerts: list[Holder]) -> tuple[str, ...]:
    """Return a key for each alert: its labels in this group, and since when it fires."""
    group = text(payload, "groupKey", "The payload", required=True)
    return tuple(
        f"{text(alert, 'fingerprint', 'alerts') or _labels(alert)} "
        f"{time(alert, 'startsAt', 'alerts'):%Y-%m-%dT%H:%M:%S.%fZ} {group}"
        for alert in alerts
    )


def _labels(alert: Holder) -> str:
    return json.dumps(_words(alert, "labels"), sort_keys=True)


def _oldest(alerts: list[Holder]) -> datetime:
    return min(time(alert, "startsAt", "alerts") for alert in alerts)


def _latest(alerts: list[Holder]) -> datetime:
    """Return when the group last changed: an alert began, or ended beside one that fires."""
    began = [time(alert, "startsAt", "alerts") for alert in alerts]
    ended = [
        time_if_any(alert, "endsAt", "alerts")
        for alert in alerts
        if text(alert, "status", "alerts") == "resolved"
    ]
    return max([*began, *(end for end in ended if end is not None)])


def _words(found: Holder, name: str) -> dict[str, str]:
    """Return labels or annotations, all of them texts."""
    inner = part(found, name)
    return {clean(key): text(inner, key, name) for key in inner}


def _all(name: str, groups: list[dict[str, str]]) -> list[str]:
    return [words[name] for words in groups if words.get(name)]


def _first(name: str, groups: list[dict[str, str]]) -> str:
    return next(iter(_all(name, groups)), "")
