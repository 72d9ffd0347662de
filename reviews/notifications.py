"""What people are told about deadlines: the words of the mails, and the link to act."""

from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from changes.lifecycle import IMPLEMENTED, VERIFIED
from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.clock import due_day, time_left
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import publish
from reviews.models import Deadline
from reviews.quiet_hours import zone_of

Kind = Deadline.Kind

ACTS = {
    Kind.APPROVAL: "Approve or reject",
    Kind.CONFIRMATION: "Confirm or deny your verbal approval of",
    Kind.RETROACTIVE: "Decide retroactively on",
    Kind.DOCUMENTATION: "Document",
    Kind.REVIEW: "Review",
    Kind.FOLLOW_UP: "Finish the follow-up action of",
    Kind.CATCH_UP: "Catch up on a skipped test of",
}

BRIEFLY = {
    Kind.APPROVAL: "Approve",
    Kind.CONFIRMATION: "Confirm the approval of",
    Kind.RETROACTIVE: "Decide on",
    Kind.DOCUMENTATION: "Document",
    Kind.REVIEW: "Review",
    Kind.FOLLOW_UP: "Finish the follow-up of",
    Kind.CATCH_UP: "Catch up on a test of",
}
"""The act in a subject, before the number of the change."""

SHOWN = 20
"""How many deadlines one message shows; it counts the others."""

LEADS_CAN = (Kind.APPROVAL, Kind.RETROACTIVE, Kind.REVIEW)
"""What any Lead who is told of it can do, whoever owes it."""


def action_path(deadline: Deadline) -> str:
    """Return the path of the page where the deadline can be met."""
    change = deadline.change_id
    if deadline.follow_up_id:
        return reverse("admin:reviews_followupaction_change", args=[deadline.follow_up_id])
    if deadline.kind == Kind.REVIEW:
        return reverse("admin:reviews_retrospectivereview_by_change", args=[change])
    if deadline.kind in (Kind.APPROVAL, Kind.CONFIRMATION, Kind.RETROACTIVE):
        return reverse("admin:changes_emergencychange_decide", args=[change])
    return reverse("admin:changes_emergencychange_change", args=[change])


def title_of(change: EmergencyChange) -> str:
    """Return what a mail may say of it beside its number: nothing when it is confidential."""
    return "" if change.confidential else change.title


def left_to(deadline: Deadline, person: User | None) -> str:
    """Return what the reader is to do, or whom to wait for where only that person can do it."""
    kind, change = Kind(deadline.kind), deadline.change
    if kind == Kind.REVIEW and change.status in (IMPLEMENTED, VERIFIED):
        # The review cannot be held yet: it is not the reader who is waited for.
        return f"Waiting for {change.implementer} to document, then review"
    if kind in LEADS_CAN or deadline.owner is None or person == deadline.owner:
        return BRIEFLY[kind]
    if not deadline.owner.may_sign_in:
        instead = Kind.RETROACTIVE if kind == Kind.CONFIRMATION else kind
        return f"{deadline.owner} is away: {BRIEFLY[instead].lower()}"
    return f"Waiting for {deadline.owner} to {BRIEFLY[kind].lower()}"


def _entry(deadline: Deadline, person: User | None, now: datetime) -> dict[str, str]:
    zone = zone_of(person)
    day, at = due_day(deadline.due_at, zone)
    return {
        "act": left_to(deadline, person),
        "number": deadline.change.number,
        "title": title_of(deadline.change),
        "left": time_left(deadline.due_at, now),
        "late": "late" if now > deadline.due_at else "",
        "due": f"{day:%a %d %b %Y}, {at} {day:%Z}",
        "rule": deadline.rule,
        "url": settings.PORTAL_URL + action_path(deadline),
    }


def _subject(entries: list[dict[str, str]], total: int) -> str:
    """Return the act and the time left first: a phone shows little more of a subject."""
    first = entries[0]
    brief = f"{first['act']} {first['number']}: {first['left']}"
    if total > 1:
        return f"{total} deadlines, first: {brief}"
    return " - ".join(filter(None, (brief, first["title"])))


def write_digest(
    address: str, person: User | None, deadlines: list[Deadline], total: int, now: datetime
) -> Message:
    """Write one message about all that this address has to be told of now, most urgent first.

    `deadlines` are those that it shows, `total` says of how many it tells.
    """
    ordered = sorted(deadlines, key=lambda deadline: (deadline.due_at, deadline.pk))
    entries = [_entry(deadline, person, now) for deadline in ordered]
    changes = {deadline.change_id for deadline in ordered}
    alone = total == 1
    context = {
        "person": person,
        "entries": entries,
        "more": total - len(entries),
        "button": "Open it in ecportal" if alone else "Open my work",
        "url": entries[0]["url"] if alone else settings.PORTAL_URL + reverse("admin:index"),
        "portal": settings.PORTAL_URL,
    }
    return publish(
        address,
        _subject(entries, total),
        render_to_string("mail/deadlines.txt", context),
        render_to_string("mail/deadlines.html", context),
        thread=ordered[0].change.number if total == len(entries) and len(changes) == 1 else "",
    )
