"""The home page of whoever takes part in the process or reads it: "My work"."""

from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Case, Count, F, OuterRef, Subquery, Value, When, Window
from django.http import HttpRequest
from django.urls import reverse

from changes.authority import takes_part
from changes.models import EmergencyChange, Policy
from changes.models.change import ChangeQuerySet
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.panels import HOME, panel
from ecportal.site import signed_in
from incidents.models import Incident
from reviews import charts, measures
from reviews.agenda import agenda
from reviews.completeness import WITH_ITEMS, five_items
from reviews.models import ControlException, Deadline
from reviews.next_steps import NextStep, lasts
from reviews.progress import progress
from reviews.waiting import Debt, waiting_for

Context = dict[str, Any]

STEPS_SHOWN, CHANGES_SHOWN, EXCEPTIONS_SHOWN = 8, 10, 4
STEPS_A_PAGE = 50
LATE = {kind for kind in ControlException.Kind.values if kind.endswith("_late")}


class Desk:
    """What the panels of one home page share, asked for once."""

    def __init__(self, person: User) -> None:
        self.person = person

    @cached_property
    def policy(self) -> Policy:
        return Policy.in_force()

    @cached_property
    def steps(self) -> list[NextStep]:
        return agenda(self.person, self.policy) if takes_part(self.person) else []

    @property
    def visible(self) -> ChangeQuerySet:
        found: ChangeQuerySet = EmergencyChange.objects.visible_to(self.person)
        return found


def desk_of(request: HttpRequest) -> Desk | None:
    """Return the desk of whoever is signed in; None for those who do not see changes."""
    person = signed_in(request)
    if not person.has_perm("changes.view_emergencychange"):
        return None
    desk: Desk | None = getattr(request, "_desk", None)
    if desk is None:
        desk = request._desk = Desk(person)  # type: ignore[attr-defined]
    return desk


@panel(HOME, "portal/lead.html", "lead")
def lead(request: HttpRequest, _home: None) -> Context | None:
    desk = desk_of(request)
    if desk is None or not takes_part(desk.person):
        return None
    number = len(desk.steps)
    things = "1 thing needs" if number == 1 else f"{number} things need"
    return {"said": f"{things if number else 'Nothing needs'} you."}


@panel(HOME, "portal/needs_you.html", "top")
def needs_you(request: HttpRequest, _home: None) -> Context | None:
    """List what this person can do now, the most urgent first; all of it where that is asked."""
    desk = desk_of(request)
    if desk is None or not takes_part(desk.person):
        return None
    if request.GET.get("show") == "all":
        page = Paginator(desk.steps, STEPS_A_PAGE).get_page(request.GET.get("page"))
        return {"steps": page.object_list, "total": len(desk.steps), "page": page}
    return {"steps": desk.steps[:STEPS_SHOWN], "total": len(desk.steps)}


@panel(HOME, "portal/open_changes.html", "top")
def open_changes(request: HttpRequest, _home: None) -> Context | None:
    """List the most urgent open changes: how far, who is waited for, what an auditor will find."""
    desk = desk_of(request)
    if desk is None:
        return None
    mine: dict[int, NextStep] = {}
    for step in desk.steps:
        mine.setdefault(step.change.pk, step)
    found: list[Any] = list(_open(desk.visible)[:CHANGES_SHOWN])
    return {
        "rows": [_row(change, mine.get(change.pk), desk.policy) for change in found],
        "total": found[0].total if found else 0,
    }


def _open(visible: ChangeQuerySet) -> ChangeQuerySet:
    running = Deadline.objects.running().filter(change=OuterRef("pk")).order_by("due_at")
    return (
        visible.unfinished()
        .select_related("incident", "determination__decided_by", "requester", "asked_approver",
                        "approver", "implementer", "verifier", "documenter", "review__reviewer")
        .prefetch_related(*WITH_ITEMS, "checks", "evidence")
        .annotate(
            next_due=Subquery(running.values("due_at")[:1]),
            quiet=Case(When(incident__status=Incident.Status.OPEN, then=0), default=1),
            total=Window(Count("pk"), partition_by=Value(1)),
        )
        .order_by("quiet", F("next_due").asc(nulls_last=True), "pk")
    )  # fmt: skip


def _row(change: EmergencyChange, mine: NextStep | None, policy: Policy) -> Context:
    debts = waiting_for(change, policy)
    debt: Debt | None = next(iter(debts), None)
    nearest = min((one.due_at for one in debts if one.due_at is not None), default=None)
    if mine and mine.due_at not in (None, nearest):
        mine = None
    return {
        "change": change,
        "live_for": lasts(change),
        "progress": progress(change, clock.now()),
        "who": "You" if mine else debt.who if debt else "Nobody",
        "to_do": mine.to_do if mine else debt.to_do if debt else "",
        "due_at": nearest,
        "items": five_items(change),
    }


@panel(HOME, "portal/open_exceptions.html", "side")
def open_exceptions(request: HttpRequest, _home: None) -> Context | None:
    """Show the newest exceptions that management has not answered, and how many there are."""
    desk = desk_of(request)
    if desk is None:
        return None
    waiting = ControlException.objects.filter(
        status=ControlException.Status.OPEN, change__in=desk.visible.values("pk")
    )
    counted = waiting.annotate(total=Window(Count("pk"), partition_by=Value(1)))
    found = list(counted.select_related("change")[:EXCEPTIONS_SHOWN])
    answers = "reviews.answer_controlexception" in verbs_of(desk.person)
    return {
        "rows": [(exception, exception.kind in LATE, _way_on(exception, answers))
                 for exception in found],
        "answers": answers,
        "total": found[0].total if found else 0,
    }  # fmt: skip


def _way_on(exception: ControlException, answers: bool) -> str:
    if answers:
        return reverse("admin:reviews_controlexception_act", args=[exception.pk, "answer"])
    return reverse("admin:reviews_controlexception_change", args=[exception.pk])


@panel(HOME, "portal/charts.html", "foot")
def how_the_process_is_doing(request: HttpRequest, _home: None) -> Context | None:
    """Draw three charts of the changes that this person may see; four queries."""
    desk = desk_of(request)
    if desk is None:
        return None
    now, visible = clock.now(), desk.visible
    found = measures.decisions(visible, now)
    shares = measures.share_by_month(desk.person, now)
    return {
        "decisions": charts.decision_chart(found, desk.policy.approval_minutes),
        "reviews": charts.review_chart(measures.reviews_by_month(visible, now)),
        "share": charts.share_chart(shares),
    }


@panel(HOME, "portal/calendar_link.html", "foot")
def calendar(request: HttpRequest, _home: None) -> Context | None:
    return {} if takes_part(signed_in(request)) else None
