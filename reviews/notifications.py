"""What people are told about deadlines: the words of the mails, and the link to act."""

from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.clock import due_day, time_left
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import publish, recall
from reviews.models import Deadline, Notice
from reviews.waiting import TO_DO

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
    """Return what a mail may say of it: nothing but the number when it is confidential."""
    return change.number if change.confidential else str(change)


def what(deadline: Deadline, person: User | None) -> str:
    """Return what the reader is to do, or whom to wait for where only that person can do it."""
    kind = Kind(deadline.kind)
    if kind in LEADS_CAN or deadline.owner is None or person == deadline.owner:
        return ACTS[kind]
    return f"Waiting for {deadline.owner} {TO_DO[kind]}:"


def _entry(deadline: Deadline, person: User | None, now: datetime) -> dict[str, str]:
    day, at = due_day(deadline.due_at, timezone.get_default_timezone())
    return {
        "act": what(deadline, person),
        "change": title_of(deadline.change),
        "left": time_left(deadline.due_at, now),
        "due": f"{day:%a %d %b %Y}, {at} {day:%Z}",
        "rule": deadline.rule,
        "url": settings.PORTAL_URL + action_path(deadline),
    }


def recall_reminders(deadline: Deadline, moment: datetime) -> None:
    """Take back what was not sent yet about a deadline that ended, unless it tells of more."""
    unsent = Message.objects.filter(sent_at=None, recalled_at=None)
    for message in unsent.filter(notices__escalation__deadline=deadline).distinct():
        if not Deadline.objects.running().filter(escalations__notices__message=message).exists():
            recall(message, moment)


def tell(address: str, notices: list[Notice], now: datetime) -> Message:
    """Write one message about all that this address has to be told of now, most urgent first."""
    deadlines = {notice.escalation.deadline_id: notice.escalation.deadline for notice in notices}
    ordered = sorted(deadlines.values(), key=lambda deadline: deadline.due_at)
    person = notices[0].person
    entries = [_entry(deadline, person, now) for deadline in ordered]
    first = entries[0]
    if len(entries) == 1:
        subject = f"{first['act']} {first['change']}: {first['left']}"
    else:
        subject = f"{len(entries)} deadlines, first: {first['change']}, {first['left']}"
    context = {"entries": entries, "person": person, "portal": settings.PORTAL_URL}
    return publish(
        address,
        subject,
        render_to_string("mail/deadlines.txt", context),
        render_to_string("mail/deadlines.html", context),
    )
