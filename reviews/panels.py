"""What reviews add to the pages of changes."""

from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, prefetch_related_objects
from django.http import HttpRequest
from django.urls import reverse

from changes.lifecycle import DOCUMENTED, IMPLEMENTED, VERIFIED
from changes.models import EmergencyChange
from ecportal.accounts.permissions import verbs_of
from ecportal.panels import Button, buttons, panel
from ecportal.site import signed_in
from reviews.completeness import five_items
from reviews.duties import breaches
from reviews.duties_grid import grid
from reviews.ledger import asked, ledger_of, reminded, rounds, rungs_reached
from reviews.lifecycle import REVIEWS
from reviews.models import Deadline, OpenReminder, RetrospectiveReview
from reviews.notifications import LEADS_CAN
from reviews.onward import onward
from reviews.stepper import seven_steps
from reviews.waiting import waiting_for

Context = dict[str, Any]
VIEW = "changes.view_emergencychange"


def _deadlines(change: EmergencyChange) -> list[Deadline]:
    """Load the change's deadlines once a page, for every panel that reads them."""
    if "deadlines" not in getattr(change, "_prefetched_objects_cache", {}):
        opened = OpenReminder.objects.filter(escalation__deadline=OuterRef("pk"))
        found = Deadline.objects.select_related(
            "owner", "follow_up", "deviation", "watch"
        ).annotate(is_telling=Exists(opened))
        prefetch = Prefetch("deadlines", found)
        prefetch_related_objects([change], prefetch)
    return list(change.deadlines.all())


@buttons(EmergencyChange)
def review_button(request: HttpRequest, change: EmergencyChange) -> list[Button]:
    """Offer the review to Leads from the moment the change is implemented; it says what lacks."""
    if change.status not in (IMPLEMENTED, VERIFIED, DOCUMENTED):
        return []
    review: RetrospectiveReview | None = getattr(change, "review", None)
    user = signed_in(request)
    # By the role alone: nobody is granted a single review, and the page has a budget of queries.
    if review is None or "reviews.complete_retrospectivereview" not in verbs_of(user):
        return []
    review.change = change
    refusal = REVIEWS.refusal(review, "complete", user)
    url = reverse("admin:reviews_retrospectivereview_act", args=[review.pk, "complete"])
    purpose = "Was it a genuine emergency, was the procedure followed, and what follows from it?"
    return [Button("Hold the review", url, refusal, purpose=purpose)]


@panel(EmergencyChange, "parts/stepper.html", "head")
def stepper(request: HttpRequest, change: EmergencyChange) -> Context:
    _deadlines(change)
    return {"steps": seven_steps(change)}


@panel(EmergencyChange, "parts/waiting.html", "top")
def waiting(request: HttpRequest, change: EmergencyChange) -> Context:
    running = [one for one in _deadlines(change) if one.runs]
    reached = {deadline.pk: rungs_reached(change, deadline) for deadline in running}
    following = onward(running, reached)
    rows = []
    for debt in waiting_for(change):
        deadline = debt.deadline
        row: Context = {"debt": debt, "asked": [], "reminded": [], "onward": None}
        if deadline is not None:
            told = "asked" if deadline.kind in LEADS_CAN else "reminded"
            row[told] = (asked if told == "asked" else reminded)(change, deadline)
            row["onward"] = following.get(deadline.pk)
        rows.append(row)
    return {"rows": rows}


@panel(EmergencyChange, "parts/completeness.html", "side")
def completeness(request: HttpRequest, change: EmergencyChange) -> Context:
    _deadlines(change)
    return {"items": five_items(change), "is_owed": not change.leads_nowhere}


@panel(EmergencyChange, "parts/duties.html", "side")
def duties(request: HttpRequest, change: EmergencyChange) -> Context:
    _deadlines(change)
    found = breaches(change)
    return {"grid": grid(change, found), "breaches": found}


@panel(EmergencyChange, "parts/deadlines.html", "side")
def deadlines(request: HttpRequest, change: EmergencyChange) -> Context:
    return {"rounds": rounds(change, _deadlines(change))}


@panel(EmergencyChange, "parts/exceptions.html", "side")
def exceptions(request: HttpRequest, change: EmergencyChange) -> Context:
    return {"exceptions": list(change.exceptions.all())}


@panel(EmergencyChange, "parts/review.html")
def review_outcome(request: HttpRequest, change: EmergencyChange) -> Context | None:
    review: RetrospectiveReview | None = getattr(change, "review", None)
    if review is None or review.status == RetrospectiveReview.Status.SCHEDULED:
        return None
    return {"review": review, "follow_ups": change.follow_ups.select_related("owner")}


@panel(EmergencyChange, "parts/ledger.html")
def ledger(request: HttpRequest, change: EmergencyChange) -> Context | None:
    rows = ledger_of(change, _deadlines(change))
    # Of what other systems were told, with every attempt, for who may see messages.
    sees = "outbox.view_message" in verbs_of(signed_in(request))
    url = f"{reverse('admin:outbox_message_changelist')}?q={change.number}" if sees else ""
    return {"rows": rows, "messages_url": url} if rows else None
