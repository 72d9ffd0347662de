"""Which acts other systems are told: one table, in the act's transaction.

What is not configured is told nothing, and no message is written for it. Of a confidential change
other systems hear its number, what was done and the link, and nothing else; no evidence pack.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.dispatch import receiver

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.audit import reads
from ecportal.integrations.systems import is_told
from ecportal.lifecycle import Act, transitioned
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import newest_of, tell
from incidents.models import Incident
from reviews import words_for_systems as words
from reviews.models import EvidencePack
from reviews.packs import queue
from reviews.packs.building import Choice
from reviews.telling_slack import tell_slack

Channel = Message.Channel


@dataclass(frozen=True)
class Telling:
    """How an act is told: the event of webhooks, and the words after the change's number.

    `noted`: PagerDuty's incident gets a note of it. `begins`: it may be the first thing that a
    system hears of the change; what comes before that is told to nobody.
    """

    event: str
    words: str
    noted: bool = False
    begins: bool = False


TOLD: Final = {
    "submit": Telling("submitted", "waits for approval", begins=True),
    "approve": Telling("approved", "approved", noted=True),
    "claim_approval": Telling("approval_claimed", "approved verbally, as claimed", noted=True),
    "confirm_approval": Telling("approval_confirmed", "verbal approval confirmed", noted=True),
    "deny_approval": Telling("approval_denied", "verbal approval denied", noted=True),
    "reject": Telling("rejected", "rejected", noted=True),
    "rework": Telling("reworked", "is worked on again"),
    "amend": Telling("amended", "is amended; its approval is withdrawn"),
    "start": Telling("started", "implementation started"),
    "start_unapproved": Telling(
        "started_unapproved", "implementation started without approval", noted=True, begins=True
    ),
    "approve_retroactively": Telling(
        "approved_retroactively", "approved retroactively", noted=True
    ),
    "reject_retroactively": Telling("rejected_retroactively", "rejected retroactively", noted=True),
    "finish": Telling("implemented", "implementation finished", noted=True),
    "report_instability": Telling("unstable", "is not stable: back to implementing", noted=True),
    "verify": Telling("verified", "is stable, as verified"),
    "document": Telling("documented", "documented; waits for review"),
    "close": Telling("closed", "reviewed and closed", noted=True),
    "cancel": Telling("cancelled", "cancelled", noted=True),
}
"""By verb of the change's lifecycle; what is not here is told to no system."""


@dataclass(frozen=True)
class Told:
    """One act on one change, as it is told."""

    change: EmergencyChange
    act: Act
    telling: Telling
    moved: bool

    @property
    def number(self) -> str:
        return self.change.number

    @property
    def subject(self) -> str:
        return f"{self.number} {self.telling.words}"


@receiver(transitioned, sender=EmergencyChange)
def tell_systems(record: EmergencyChange, act: Act, source: str, target: str, **_: object) -> None:
    """Write what each configured system is told of this act; an act is told once."""
    telling = TOLD.get(act.verb)
    if telling is None:
        return
    told = Told(record, act, telling, moved=source != target)
    for channel, write in TELLERS.items():
        if is_told(channel):
            write(told)


def _known(channel: Message.Channel, told: Told, *addresses: str) -> bool:
    """Whether the system may hear of this act: it heard of the change, or hears of it by this."""
    return told.telling.begins or newest_of(told.number, channel, *addresses) is not None


# --- PagerDuty ----------------------------------------------------------------------------------
def tell_pagerduty(told: Told) -> None:
    """Note the act on the incident's own page over there, if it came from there."""
    key = words.pagerduty_incident(told.change.incident)
    if key is None or not told.telling.noted:
        return
    newest = newest_of(told.number, Channel.PAGERDUTY)
    if told.act.verb == "cancel" and newest is None:
        return
    text = words.note(told.change, told.act, told.telling.words, is_first=newest is None)
    _say_in_pagerduty(key, "note", text, told.subject, told.number)


def _say_in_pagerduty(key: str, act: str, text: str, subject: str, thread: str) -> None:
    tell(
        Channel.PAGERDUTY,
        key,
        {"act": act, "text": text},
        subject=subject,
        thread=thread,
        after=newest_of("", Channel.PAGERDUTY, key),
    )


@receiver(transitioned, sender=Incident)
def resolve_in_pagerduty(record: Incident, act: Act, **_: object) -> None:
    """Resolve it over there when a person resolves it here; what is to be noted comes first."""
    if act.verb != "resolve" or act.by.is_system or not is_told(Channel.PAGERDUTY):
        return
    key = words.pagerduty_incident(record)
    if key is None:
        return
    changes = list(record.changes.exclude(status=EmergencyChange.Status.CANCELLED).order_by("pk"))
    thread = changes[-1].number if changes else record.number
    text = words.resolution(record, act, changes)
    if changes:
        subject = f"{record.number} resolved: closing note"
        _say_in_pagerduty(key, "note", text, subject, thread)
    if settings.PAGERDUTY_RESOLVES:
        _say_in_pagerduty(key, "resolve", text, f"{record.number} resolved", thread)


# --- Jira ---------------------------------------------------------------------------------------
def tell_jira(told: Told) -> None:
    """Open an issue by the first act that is told, comment on it by the others, and move it."""
    if not _known(Channel.JIRA, told):
        return
    if newest_of(told.number, Channel.JIRA) is None:
        _open_issue(told)
    else:
        text = words.note(told.change, told.act, told.telling.words)
        _say_in_jira(told.number, told.subject, {"act": "comment", "text": text})
    status = settings.JIRA_STATUSES.get(told.change.status)
    if told.moved and status:
        _say_in_jira(told.number, f"{told.number} to “{status}”", {"act": "move", "to": status})
    if told.act.verb == "close" and not told.change.confidential:
        queue.ask(Choice((told.number,)), f"{told.number}, for Jira", User.objects.system())


def _open_issue(told: Told) -> None:
    change = told.change
    issue = words.issue(change, told.act, told.telling.words)
    _say_in_jira(told.number, f"{told.number}: issue", {"act": "create", **issue})
    here = {"act": "point", "id": f"ecportal:{told.number}", "url": words.link_to(change)}
    _say_in_jira(
        told.number, f"{told.number}: link", {**here, "title": f"{told.number} in ecportal"}
    )
    if change.confidential:
        return
    if page := words.pagerduty_page(change.incident):
        there = {"act": "point", "id": f"ecportal:{change.incident.number}", "url": page}
        title = f"{change.incident.number} in PagerDuty"
        _say_in_jira(told.number, f"{told.number}: link to PagerDuty", {**there, "title": title})
    if ticket := words.ticket_of(change.incident):
        _say_in_jira(told.number, f"{told.number}: link to {ticket}", {"act": "link", "to": ticket})


def _say_in_jira(number: str, subject: str, payload: dict[str, Any]) -> None:
    newest = newest_of(number, Channel.JIRA)
    project = settings.JIRA_PROJECT
    tell(Channel.JIRA, project, payload, subject=subject, thread=number, after=newest)


@receiver(queue.built, sender=EvidencePack)
def attach_in_jira(pack: EvidencePack, **_: object) -> None:
    """Attach a pack that was asked for by the portal itself to the issue of its change."""
    if not pack.requested_by.is_system or not is_told(Channel.JIRA):
        return
    [number] = pack.changes
    payload = {
        "act": "attach",
        "storage": "packs",
        "file": pack.file,
        "name": f"{number}-evidence-{pack.pk}.zip",
        "size": pack.size,
        "text": words.pack_elsewhere(pack),
    }
    reads.exported(f"Evidence pack {pack.pk} of {number}, to Jira", pack.sha256)
    _say_in_jira(number, f"{number}: evidence pack", payload)


# --- webhooks -----------------------------------------------------------------------------------
def tell_webhooks(told: Told) -> None:
    """Tell each endpoint which change took which step, and nothing of what people wrote."""
    payload = words.event(told.change, told.act, told.telling.event)
    for address in settings.WEBHOOK_ENDPOINTS:
        if _known(Channel.WEBHOOK, told, address):
            tell(
                Channel.WEBHOOK,
                address,
                payload,
                subject=told.subject,
                thread=told.number,
                after=newest_of(told.number, Channel.WEBHOOK, address),
            )


TELLERS: Final[dict[Message.Channel, Callable[[Told], None]]] = {
    Channel.PAGERDUTY: tell_pagerduty,
    Channel.JIRA: tell_jira,
    Channel.WEBHOOK: tell_webhooks,
    Channel.SLACK: lambda told: tell_slack(
        told.change, told.act, told.telling.words, begins=told.telling.begins
    ),
}
