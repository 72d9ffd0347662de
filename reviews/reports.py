"""The pages of Auditors and Leads: the exception register, breaches of duties, the controls."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from changes.models import EmergencyChange, Policy
from ecportal import clock
from ecportal.audit import reads
from ecportal.panels import page
from ecportal.site import signed_in
from reviews import comma_separated, controls, trend
from reviews.duties import Row, report
from reviews.models import ControlException, Deadline
from reviews.period import Period
from reviews.population import within
from reviews.report_forms import ReportForm

REPORT = "reviews.report_controlexception"
ROWS = 50
Context = dict[str, Any]


def _shown(request: HttpRequest, template: str, title: str, context: Context) -> HttpResponseBase:
    shared = {**admin.site.each_context(request), "title": title, "query": _query(request)}
    return TemplateResponse(request, f"reports/{template}.html", {**shared, **context})


def _query(request: HttpRequest) -> str:
    """Return what was asked for, without the page and the format, to put into further links."""
    kept = request.GET.copy()
    for name in ("p", "format"):
        kept.pop(name, None)
    return kept.urlencode()


def _page_of(request: HttpRequest, rows: Any) -> Page[Any]:
    return Paginator(rows, ROWS).get_page(request.GET.get("p"))


def _taken_away(
    what: str, period: Period, head: Sequence[str], rows: Iterable[Sequence[object]]
) -> HttpResponseBase:
    """Send the rows as CSV, and write down that they left the portal."""
    name = f"{what}-{period.first}-to-{period.last}.csv"
    reads.exported(name)
    return comma_separated.download(name, head, rows)


def _visible(request: HttpRequest) -> Any:
    return EmergencyChange.objects.visible_to(signed_in(request))


# --- the exception register ---------------------------------------------------------------------
REGISTER_HEAD = (
    "Exception", "Kind", "Change", "Title", "Happened at", "Recorded at", "Detail", "Status",
    "Management response", "Answered by", "Answered at",
)  # fmt: skip


@page("reviews", "register", "Exception register", REPORT)
def register(request: HttpRequest) -> HttpResponseBase:
    """Show the exceptions of a period with what management answered, and the trend."""
    form = ReportForm.asked(request.GET)
    period = form.period
    visible = ControlException.objects.filter(change__in=_visible(request).values("pk"))
    found = visible.filter(recorded_at__gte=period.begins_at, recorded_at__lt=period.ends_before)
    found = found.select_related("change", "answered_by").order_by("-recorded_at", "-pk")
    if request.GET.get("format") == "csv":
        rows = (_register_row(exception) for exception in found.iterator())
        return _taken_away("exceptions", period, REGISTER_HEAD, rows)
    now = clock.now()
    months = trend.by_month(visible, min(now, period.ends_before - timedelta(seconds=1)))
    tally = found.order_by().values("status").annotate(number=Count("pk"))
    numbers = {row["status"]: row["number"] for row in tally}
    context = {
        "form": form, "period": period, "rows": _page_of(request, found),
        "opened": sum(numbers.values()),
        "answered": numbers.get(ControlException.Status.ANSWERED, 0),
        "waiting": numbers.get(ControlException.Status.OPEN, 0),
        "months": months, "picture": trend.picture(months, now),
    }  # fmt: skip
    return _shown(request, "register", "Exception register", context)


def _stamp(moment: Any) -> str:
    """Return a time as ISO 8601 in the company's zone."""
    if moment is None:
        return ""
    return clock.company_time(moment).isoformat("T", "seconds")


def _register_row(exception: ControlException) -> tuple[object, ...]:
    return (
        exception.pk, exception.get_kind_display(), exception.change.number,
        exception.change.title, _stamp(exception.happened_at), _stamp(exception.recorded_at),
        exception.detail, exception.get_status_display(), exception.response,
        exception.answered_by or "", _stamp(exception.answered_at),
    )  # fmt: skip


# --- breaches of duties -------------------------------------------------------------------------
DUTIES_HEAD = (
    "Change", "Title", "Opened at", "Status", "Requested", "Approved", "Implemented", "Verified",
    "Documented", "Reviewed", "Breaches",
)  # fmt: skip


@page("reviews", "duties", "Duties report", REPORT)
def duties(request: HttpRequest) -> HttpResponseBase:
    """Show who did what on the changes opened in a period, the breaches alone or all of them."""
    form = ReportForm.asked(request.GET)
    period = form.period
    opened = _visible(request).filter(**within(period))
    rows = report(opened.order_by("-opened_at", "-pk"))
    everything = request.GET.get("show") == "all"
    if request.GET.get("format") == "csv":
        chosen = (row for row in rows if everything or row.breaches)
        lines = (_duties_row(row) for row in chosen)
        return _taken_away("duties", period, DUTIES_HEAD, lines)
    number, found = _sift(rows, everything)
    context = {
        "form": form, "period": period, "number": number, "everything": everything,
        "breached": sum(bool(row.breaches) for row in found), "rows": _page_of(request, found),
        "heads": DUTIES_HEAD[4:10],
    }  # fmt: skip
    return _shown(request, "duties", "Duties report", context)


def _sift(rows: Iterator[Row], everything: bool) -> tuple[int, list[Row]]:
    """Return how many rows there are, and those that are shown."""
    number, found = 0, []
    for row in rows:
        number += 1
        if everything or row.breaches:
            found.append(row)
    return number, found


def _duties_row(row: Row) -> tuple[object, ...]:
    change = row.change
    names = (duty.person for duty in row.duties)
    stated = (change.number, change.title, _stamp(change.opened_at), change.status_words)
    return (*stated, *names, " ".join(row.breaches))


# --- the controls -------------------------------------------------------------------------------
@dataclass(frozen=True)
class Shown:
    """A control as the page shows it; `since` is the version of the policy, if any."""

    control: controls.Control
    rules: list[tuple[str, str]]
    deadline: str
    present: str
    since: Any
    last: ControlException | None
    times: int


@page("reviews", "controls", "Controls", REPORT)
def the_controls(request: HttpRequest) -> HttpResponseBase:
    """Show each sentence of the policy with its rule, its parameter, and when it last fired."""
    policy = Policy.in_force()
    versions = list(Policy.history.order_by("-history_date", "-history_id"))
    fired = _fired(ControlException.objects.filter(change__in=_visible(request).values("pk")))
    rows = [_control(control, policy, versions, fired) for control in controls.CONTROLS]
    return _shown(request, "controls", "Controls", {"rows": rows})


Fired = Mapping[str, tuple[int, ControlException]]


def _fired(exceptions: QuerySet[ControlException]) -> Fired:
    """Return how often each kind of exception occurred, and the last one; two queries."""
    tally = list(exceptions.order_by().values("kind").annotate(times=Count("pk"), last=Max("pk")))
    last = ControlException.objects.select_related("change").in_bulk(row["last"] for row in tally)
    return {row["kind"]: (row["times"], last[row["last"]]) for row in tally}


def _control(control: controls.Control, policy: Policy, versions: list[Any], fired: Fired) -> Shown:
    own = [fired[kind] for kind in control.kinds if kind in fired]
    return Shown(
        control,
        [(controls.in_words(rule), controls.named(rule)) for rule in control.rules],
        Deadline.Kind(control.deadline).label if control.deadline else "",
        controls.present(control, policy),
        controls.since(control.parameter, versions) if control.parameter else None,
        max((last for _times, last in own), key=lambda last: last.pk, default=None),
        sum(times for times, _last in own),
    )
