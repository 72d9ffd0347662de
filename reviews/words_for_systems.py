"""What other systems are told, in words; a confidential change tells its number and link alone."""

import re
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from changes.models import Approval, EmergencyChange
from ecportal.clock import company_time
from ecportal.integrations.models import RemoteObject, System
from ecportal.lifecycle import Act
from incidents.models import Incident
from reviews.models import EvidencePack

LABEL: Final = "emergency"
PAGERDUTY_ID: Final = re.compile(r"[A-Z0-9]{6,20}")
PAGERDUTY_PAGE: Final = re.compile(
    r"https://[a-z0-9.-]+\.pagerduty\.com/incidents/([A-Z0-9]{6,20})"
)
TICKET: Final = re.compile(r"/browse/([A-Z][A-Z0-9_]+-[0-9]+)")


def moment(at: datetime) -> str:
    return f"{company_time(at):%Y-%m-%d %H:%M %Z}"


def link_to(change: EmergencyChange) -> str:
    page = reverse("admin:changes_emergencychange_change", args=[change.pk])
    return f"{settings.PORTAL_URL}{page}"


# --- where an incident is over there ------------------------------------------------------------
def pagerduty_incident(incident: Incident) -> str | None:
    """Return the incident's id in PagerDuty, as heard from there or as its link says."""
    known = RemoteObject.objects.filter(
        system=System.PAGERDUTY, kind="incident", thread=incident.number
    )
    for key in known.order_by("pk").values_list("key", flat=True):
        if PAGERDUTY_ID.fullmatch(key):
            return str(key)
    if incident.source == Incident.Source.PAGERDUTY and PAGERDUTY_ID.fullmatch(incident.source_key):
        return incident.source_key
    page = PAGERDUTY_PAGE.match(incident.source_url)
    return page[1] if page else None


def pagerduty_page(incident: Incident) -> str | None:
    page = PAGERDUTY_PAGE.match(incident.source_url)
    return page[0] if page else None


def ticket_of(incident: Incident) -> str | None:
    """Return the key of the incident's own issue in Jira, if one is known."""
    known = RemoteObject.objects.filter(system=System.JIRA, kind="issue", thread=incident.number)
    key = known.order_by("pk").values_list("key", flat=True).first()
    if key:
        return str(key)
    here = settings.JIRA_URL and incident.source_url.startswith(f"{settings.JIRA_URL}/")
    found = TICKET.search(incident.source_url) if here else None
    return found[1] if found else None


# --- a note of one step -------------------------------------------------------------------------
def note(change: EmergencyChange, act: Act, words: str, *, is_first: bool = False) -> str:
    """Return a note: who did what when; the first one of a change says what it is about."""
    if change.confidential:
        return f"{change.number} {words}.\n{link_to(change)}"
    lines = [_done(change, act, words)]
    if is_first:
        lines += [f"Emergency change: {change.title}", *_determined(change)]
    if act.verb == "finish":
        lines.append(f"Outcome: {change.get_outcome_display()}")
    lines.append(f"Said: {act.reason}")
    return "\n".join([*lines, link_to(change)])


def _done(change: EmergencyChange, act: Act, words: str) -> str:
    if act.verb == "claim_approval":
        approval = change.approvals.get(status=Approval.Status.CLAIMED)
        how = approval.get_channel_display().lower()
        return (
            f"{change.number} approved by {approval.approver} ({how}) at "
            f"{moment(act.happened_at)}, as claimed by {act.by}; to be confirmed."
        )
    return f"{change.number} {words} by {act.capacity or act.by} at {moment(act.happened_at)}."


def _determined(change: EmergencyChange) -> list[str]:
    decision = change.determination
    kind = f"{decision}, {decision.get_imminence_display().lower()}"
    when = f"Determined by {decision.decided_by} at {moment(decision.decided_at)}: {kind}."
    return [when] if decision.confidential else [when, f"Why: {decision.why_not_normal}"]


def resolution(incident: Incident, act: Act, changes: list[EmergencyChange]) -> str:
    """Return the closing note of an incident, with a link to each of its changes."""
    lines = [f"Resolved by {act.by} at {moment(act.happened_at)} ({incident.number})."]
    if not any(change.confidential for change in changes):
        lines.append(f"Said: {act.reason}")
    for change in changes:
        status = "" if change.confidential else f": {change.status_words}"
        lines += [f"{change.number}{status}", link_to(change)]
    return "\n".join(lines)


# --- Jira ---------------------------------------------------------------------------------------
def issue(change: EmergencyChange, act: Act, words: str) -> dict[str, Any]:
    """Return what an issue is made of: summary, text with headings, labels, configured fields."""
    if change.confidential:
        return {
            "summary": f"{change.number} (confidential)",
            "text": link_to(change),
            "labels": [LABEL],
            "fields": {"number": change.number, "link": link_to(change)},
        }
    fields = told_fields(change)
    headed = [
        ("What will be changed", fields["scope"]),
        ("Risk", "\n".join(filter(None, (fields["risk"], fields["risk_assessment"])))),
        ("Rollback plan", fields["rollback_plan"]),
        ("Systems", fields["systems"]),
        ("Emergency", fields["determination"]),
        ("Incident", fields["incident"]),
    ]
    parts = [f"h: {heading}\n{text}" for heading, text in headed if text]
    first = f"{_done(change, act, words)}\n{fields['link']}"
    return {
        "summary": f"{change.number} {change.title}",
        "text": "\n\n".join([first, *parts]),
        "labels": [LABEL],
        "fields": fields,
    }


def told_fields(change: EmergencyChange) -> dict[str, str]:
    """Return what may stand in fields of an issue, by the names that settings use."""
    return {
        "number": change.number,
        "scope": change.scope,
        "risk": str(change.get_risk_display()),
        "risk_assessment": change.risk_assessment,
        "rollback_plan": change.rollback_plan,
        "systems": ", ".join(sorted(str(link) for link in change.systems.all())),
        "requester": str(change.requester),
        "incident": str(change.incident),
        "determination": "\n".join(_determined(change)),
        "link": link_to(change),
    }


def pack_elsewhere(pack: EvidencePack) -> str:
    """Return where a pack is that is too large to be attached."""
    page = reverse("admin:reviews_evidencepack_change", args=[pack.pk])
    megabytes = f"{(pack.size or 0) / 1024 / 1024:.0f} MB"
    return (
        f"The evidence pack of {pack.numbers} ({megabytes}, SHA-256 {pack.sha256}) is too large "
        f"to be attached.\n{settings.PORTAL_URL}{page}"
    )


# --- webhooks -----------------------------------------------------------------------------------
def event(change: EmergencyChange, act: Act, name: str) -> dict[str, Any]:
    """Return the body of a webhook: which change, which step, when, where; no text of anybody."""
    return {
        "type": f"ecportal.change.{name}",
        "timestamp": act.recorded_at.isoformat(),
        "data": {
            "number": change.number,
            "status": str(change.status),
            "incident": change.incident.number,
            "happened_at": act.happened_at.isoformat(),
            "url": link_to(change),
        },
    }
