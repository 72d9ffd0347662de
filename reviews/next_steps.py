"""What a deadline asks of a person: the act in words, why, and the page where it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse

from changes.models import Approval, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.clock import duration
from ecportal.marks import day_time
from incidents.models import Determination
from reviews.models import Deadline

Kind, Status = Deadline.Kind, EmergencyChange.Status
AFTERWARDS = (Kind.REVIEW, Kind.FOLLOW_UP, Kind.CATCH_UP)
"""What is owed when the work is long done; that the incident is still open makes it no faster."""


@dataclass(frozen=True)
class NextStep:
    """One thing that one person can do now. Times are aware; `due_at` None: nothing sets one."""

    change: EmergencyChange
    act: str
    button: str
    url: str
    why: str
    to_do: str
    due_at: datetime | None
    since: datetime | None
    number: str
    title: str
    hurries: bool = True
    """Whether it matters to an incident that still goes on."""

    @property
    def is_live(self) -> bool:
        return self.hurries and self.change.incident.is_live

    @property
    def outage(self) -> str:
        """Return "Live outage, 38 min" while it goes on."""
        outage = self.change.determination.criterion == Determination.Criterion.OUTAGE
        return f"Live {'outage' if outage else 'incident'}, {lasts(self.change)}"

    @property
    def urgency(self) -> tuple[bool, bool, datetime, int]:
        """Order by this: live incidents first, then the nearest deadline, then the oldest."""
        at = self.due_at or self.since or self.change.opened_at
        return not self.is_live, self.due_at is None, at, self.change.pk


def lasts(change: EmergencyChange) -> str:
    """Return how long the incident of the change has gone on: "38 min"; nothing when it is over."""
    incident = change.incident
    return duration(clock.now() - incident.began_at) if incident.is_live else ""


def ago(moment: datetime | None) -> str:
    return f"{duration(clock.now() - moment)} ago" if moment else "earlier"


def page_of(change: EmergencyChange, verb: str = "") -> str:
    """Return the page of an act on the change; without a verb, the one where it is decided on."""
    if not verb:
        return reverse("admin:changes_emergencychange_decide", args=[change.pk])
    return reverse("admin:changes_emergencychange_act", args=[change.pk, verb])


# --- what a deadline asks -----------------------------------------------------------------------
@dataclass(frozen=True)
class Owed:
    """A deadline, who reads what it asks of them, and the verbal approval that waits, if any."""

    deadline: Deadline
    person: User
    claim: Approval | None

    @property
    def change(self) -> EmergencyChange:
        return self.deadline.change

    def step(
        self, act: str, button: str, url: str, why: str, to_do: str, *, number: str = "",
        title: str | None = None,
    ) -> NextStep:  # fmt: skip
        change, deadline = self.change, self.deadline
        return NextStep(
            change, act, button, url, why, to_do, deadline.due_at, deadline.started_at,
            number or change.number, change.title if title is None else title,
            deadline.kind not in AFTERWARDS,
        )  # fmt: skip


def of_deadline(deadline: Deadline, person: User, claims: dict[int, Approval]) -> NextStep | None:
    """Return what the person can do about a deadline they owe; None where only others can.

    `claims` are the verbal approvals that wait for an answer, by the key of their change.
    """
    asks = ASKS.get(deadline.kind)
    return asks(Owed(deadline, person, claims.get(deadline.change_id))) if asks else None


def _approval(owed: Owed) -> NextStep:
    change = owed.change
    waited = duration(clock.now() - owed.deadline.started_at)
    why = f"{change.requester} has waited {waited}."
    if change.asked_approver and change.asked_approver != owed.person:
        why += f" {change.asked_approver} was asked first."
    return owed.step("Approve or reject", "Read and decide", page_of(change), why, "to decide")


def _retroactive(owed: Owed) -> NextStep:
    change = owed.change
    why = f"{change.implementer} started without approval {ago(change.started_at)}."
    act = "Approve or reject retroactively"
    return owed.step(act, "Read and decide", page_of(change), why, "to decide retroactively")


def _review(owed: Owed) -> NextStep:
    change = owed.change
    url = reverse("admin:reviews_retrospectivereview_act", args=[change.review.pk, "complete"])
    why = (
        f"{change.documenter} documented it {ago(change.documented_at)}. "
        "You neither requested nor implemented it, so you may review it."
    )
    return owed.step("Hold the review", "Start the review", url, why, "to review")


def _catch_up(owed: Owed) -> NextStep | None:
    if "changes.catch_up_emergencychange" not in verbs_of(owed.person):
        return None
    change, deviation = owed.change, owed.deadline.deviation
    return owed.step(
        "Catch up on a skipped test", "Write down the result", page_of(change, "catch_up"),
        f"It was skipped in “{change.title}”.", "to catch up on a test",
        title=deviation.skipped if deviation else "",
    )  # fmt: skip


def _confirmation(owed: Owed) -> NextStep | None:
    claim = owed.claim
    if claim is None:
        return None
    url = page_of(owed.change)
    how = claim.get_channel_display().lower()
    if owed.deadline.owner != owed.person:
        act = f"Decide instead of {claim.approver}"
        why = f"{claim.approver} is said to have approved ({how}), and cannot sign in any more."
        return owed.step(act, "Read and decide", url, why, "to decide")
    return owed.step(
        f"Confirm your verbal approval of {day_time(claim.decided_at)}",
        "Confirm or deny", url,
        f"{claim.claimed_by} wrote down that you approved ({how}).", "to confirm",
    )  # fmt: skip


def _follow_up(owed: Owed) -> NextStep | None:
    person, action, number = owed.person, owed.deadline.follow_up, owed.change.number
    if action is None:
        return None
    words = {"number": action.number, "title": action.title}

    def page(verb: str) -> str:
        return reverse("admin:reviews_followupaction_act", args=[action.pk, verb])

    if person == action.owner or person == action.assigned_by:
        owner, giver = _you(action.owner, person), _you(action.assigned_by, person)
        why = f"From {number}, given to {owner} by {giver}."
        return owed.step("Finish the follow-up", "Mark as done", page("complete"), why,
                         "to finish a follow-up", **words)  # fmt: skip
    if "reviews.reassign_followupaction" not in verbs_of(person):
        return None
    why = f"From {number}. {action.owner} cannot sign in any more."
    return owed.step("Pass the follow-up on", "Give it to somebody else", page("reassign"), why,
                     "to pass a follow-up on", **words)  # fmt: skip


def _you(person: User, reader: User) -> str:
    return "you" if person == reader else str(person)


ASKS: Final[dict[str, Callable[[Owed], NextStep | None]]] = {
    Kind.APPROVAL: _approval,
    Kind.CONFIRMATION: _confirmation,
    Kind.RETROACTIVE: _retroactive,
    Kind.REVIEW: _review,
    Kind.FOLLOW_UP: _follow_up,
    Kind.CATCH_UP: _catch_up,
}
"""What each kind asks; documentation is a step of the change itself."""
