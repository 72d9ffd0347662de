"""Receipts: who asked, implements or decided is told in writing what was decided, and why."""

from datetime import datetime

from django.conf import settings
from django.dispatch import receiver
from django.template.loader import render_to_string
from django.urls import reverse

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.audit import attestation
from ecportal.lifecycle import Act, transitioned
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import publish
from reviews.models import Receipt
from reviews.notifications import title_of
from reviews.quiet_hours import zone_of

DECIDED = {
    "approve": "approved",
    "reject": "rejected",
    "confirm_approval": "verbal approval confirmed",
    "deny_approval": "verbal approval denied",
    "approve_retroactively": "approved retroactively",
    "reject_retroactively": "rejected retroactively",
    "close": "reviewed and closed",
}

Line = tuple[str, str]


@receiver(transitioned, sender=EmergencyChange)
def give_receipts(record: EmergencyChange, act: Act, **_: object) -> None:
    """Write a receipt, and the mail that carries it, for each person whom the decision concerns.

    In the transaction of the act itself: there is no decision without its receipts.
    """
    words = DECIDED.get(act.verb)
    if words is None:
        return
    if act.verb == "close" and record.closed_late:
        words = "reviewed late and closed"
    proof = _proof(record, act)
    concerned = (record.requester, record.implementer, record.approver, act.by)
    for person in {p.pk: p for p in concerned if p is not None}.values():
        message = _write(record, act, words, person, proof) if person.email else None
        act.save(
            Receipt(
                change=record,
                act=words,
                person=person,
                address=person.email,
                message=message,
                recorded_at=act.recorded_at,
            )
        )


def _proof(change: EmergencyChange, act: Act) -> list[Line]:
    """Return what lets a reader check the record against this mail, whatever happens to it."""
    event, leaf = attestation.receipt_of(change)
    lines = [("Audit event", f"{event}:{leaf}")]
    approval = change.approvals.order_by("-pk").first()
    if act.verb != "close" and approval is not None:
        event, leaf = attestation.receipt_of(approval)
        lines.append(("and of the approval", f"{event}:{leaf}"))
    return lines


def _write(
    change: EmergencyChange, act: Act, words: str, person: User, proof: list[Line]
) -> Message:
    title = title_of(change)
    context = {
        "person": person,
        "number": change.number,
        "title": title,
        "act": words,
        "lines": _lines(change, act, person),
        "proof": proof,
        "button": "Open the change",
        "url": settings.PORTAL_URL
        + reverse("admin:changes_emergencychange_change", args=[change.pk]),
        "portal": settings.PORTAL_URL,
    }
    return publish(
        person.email,
        " - ".join(filter(None, (f"{change.number} {words}", title))),
        render_to_string("mail/receipt.txt", context),
        render_to_string("mail/receipt.html", context),
        thread=change.number,
    )


def _lines(change: EmergencyChange, act: Act, person: User) -> list[Line]:
    """Return who decided, when by both clocks, and why; the last only where a mail may say it."""
    lines = [("By", act.capacity or str(act.by)), ("When", _moment(act.happened_at, person))]
    if _moment(act.recorded_at, person) != lines[1][1]:
        lines.append(("Recorded", _moment(act.recorded_at, person)))
    if act.verb == "reject":
        lines.append(("Kind", change.get_rejection_display()))
    if not change.confidential:
        lines.append(("Reason", act.reason))
    return lines


def _moment(moment: datetime, person: User) -> str:
    return f"{moment.astimezone(zone_of(person)):%a %d %b %Y, %H:%M %Z}"
