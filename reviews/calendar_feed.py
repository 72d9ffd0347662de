"""A person's deadlines as an iCalendar feed (RFC 5545), and the page that gives its address."""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import http_date
from django.views.decorators.http import require_http_methods, require_safe
from icalendar import Alarm, Calendar, Event, vText

from changes.authority import takes_part
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.navigation import Link, links
from ecportal.site import signed_in
from reviews.models import CalendarFeed, Deadline
from reviews.notifications import ACTS, action_path
from reviews.owing import owed_by

Kind = Deadline.Kind

LENGTH = timedelta(minutes=15)
"""How long an event is; it ends when the deadline is due, so that midnight stays on its day."""

REFRESH = timedelta(minutes=15)
"""How often a calendar program is asked to read again."""

# What is due at midnight is called for in the afternoon, while somebody can still act.
ALARMS = {
    Kind.APPROVAL: timedelta(minutes=10),
    Kind.CONFIRMATION: timedelta(hours=1),
    Kind.RETROACTIVE: timedelta(hours=8),
    Kind.DOCUMENTATION: timedelta(hours=4),
    Kind.REVIEW: timedelta(hours=8),
    Kind.FOLLOW_UP: timedelta(hours=8),
    Kind.CATCH_UP: timedelta(hours=8),
}
"""How long before the due time the program sounds an alarm."""

KEY = re.compile(r"([0-9]{1,18})-[0-9a-f]{64}")


# --- the text -----------------------------------------------------------------------------------
def plain(text: str) -> str:
    """Return the text on one line, without the control characters that RFC 5545 forbids."""
    return re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", text).strip()


class Words(vText):
    """A text as RFC 5545 escapes it; the library would take a backslash and N for a line break."""

    def to_ical(self) -> bytes:
        text = self.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
        return text.replace("\n", "\\n").encode()


def words(deadline: Deadline, person: User, now: datetime) -> tuple[str, str]:
    """Return the summary and the description of a deadline for this person.

    As in mails, a confidential change is named by its number alone: calendars are kept elsewhere.
    """
    change = deadline.change
    summary = f"{ACTS[Kind(deadline.kind)]} {change.number}"
    about = [f"{deadline.get_kind_display()}: {deadline.rule}"]
    if deadline.owner not in (None, person):
        about.append(f"Asked: {plain(str(deadline.owner))}")
    if not change.confidential:
        summary += f": {plain(deadline.follow_up.title if deadline.follow_up else change.title)}"
        if deadline.deviation:
            about.append(f"Skipped: {plain(deadline.deviation.skipped)}")
    about.append(settings.PORTAL_URL + action_path(deadline))  # some programs hide the URL's field
    return f"Overdue: {summary}" if deadline.is_late(now) else summary, "\n".join(about)


def event(deadline: Deadline, person: User, changed_at: datetime, now: datetime) -> Event:
    """Return the deadline as an event that ends when it is due; all times are UTC."""
    summary, description = words(deadline, person, now)
    revised_at = max(changed_at, deadline.due_at) if deadline.is_late(now) else changed_at
    entry = Event()
    entry.add("uid", f"deadline-{deadline.pk}@{urlsplit(settings.PORTAL_URL).hostname}")
    entry.add("dtstamp", revised_at)
    entry.add("last-modified", revised_at)
    entry.add("dtstart", deadline.due_at - LENGTH)
    entry.add("dtend", deadline.due_at)
    entry.add("summary", Words(summary))
    entry.add("description", Words(description))
    entry.add("url", settings.PORTAL_URL + action_path(deadline))
    entry.add("transp", "TRANSPARENT")  # a deadline keeps nobody from a meeting
    entry.add_component(_alarm(deadline, summary))
    return entry


def _alarm(deadline: Deadline, summary: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", Words(summary))
    # Counted from the beginning of the event, which every program understands.
    alarm.add("trigger", LENGTH - ALARMS[Kind(deadline.kind)])
    return alarm


def as_text(deadlines: list[Deadline], person: User) -> bytes:
    """Return the deadlines as an iCalendar file, the same bytes for the same facts."""
    calendar = Calendar()
    calendar.add("prodid", "-//ecportal//Deadlines//EN")
    calendar.add("version", "2.0")
    calendar.add("name", "ecportal deadlines")
    calendar.add("x-wr-calname", vText("ecportal deadlines"))
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    rows = Deadline.history.filter(id__in=[deadline.pk for deadline in deadlines]).order_by()
    changed = dict(rows.values_list("id").annotate(Max("history_date")))
    now = clock.now()
    for deadline in deadlines:
        calendar.add_component(
            event(deadline, person, changed.get(deadline.pk, deadline.started_at), now)
        )
    return bytes(calendar.to_ical())


# --- the address --------------------------------------------------------------------------------
def key_of(feed: CalendarFeed) -> str:
    """Return what opens the feed: its person, signed with the secret and the portal's own key."""
    signed = salted_hmac(__name__, f"{feed.person_id}:{feed.secret}", algorithm="sha256")
    return f"{feed.person_id}-{signed.hexdigest()}"


def address_of(feed: CalendarFeed) -> str:
    # In the query: what Django logs of a request that fails is its path.
    query = urlencode({"key": key_of(feed)})
    return f"{settings.PORTAL_URL}{reverse('calendar-feed')}?{query}"


def make_address(person: User) -> CalendarFeed:
    """Give the person a new address; from now on every older one is unknown."""
    values = {
        "secret": secrets.token_hex(32), "made_at": clock.now(), "digest": "", "changed_at": None,
    }  # fmt: skip
    feed, _new = CalendarFeed.objects.update_or_create(person=person, defaults=values)
    return feed


def opened_by(key: str) -> CalendarFeed | None:
    """Return the feed that this key opens now: none for accounts that may not sign in."""
    form = KEY.fullmatch(key)
    feeds = CalendarFeed.objects.select_related("person")
    feed = feeds.filter(person=int(form[1])).first() if form else None
    if feed is None or not constant_time_compare(key, key_of(feed)):
        return None
    return feed if feed.person.may_sign_in else None


# --- the pages ----------------------------------------------------------------------------------
links.append(Link("Deadlines in your calendar", "calendar", "calendar-days", takes_part))


@require_safe
def read_feed(request: HttpRequest) -> HttpResponseBase:
    """Answer a calendar program, which has no session: the key in the address is its right."""
    feed = opened_by(request.GET.get("key", ""))
    if feed is None:
        raise Http404
    owed = owed_by(feed.person).select_related("change", "owner", "follow_up", "deviation")
    body = as_text(list(owed), feed.person)
    digest = hashlib.sha256(body).hexdigest()
    changed_at = _since_when(feed, digest)
    headers = {
        "Cache-Control": "private, no-cache", "ETag": f'"{digest}"',
        "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8", headers=headers)
    seconds = None
    if changed_at is not None:
        seconds = int(changed_at.timestamp())
        response["Last-Modified"] = http_date(seconds)
    answer = get_conditional_response(request, response["ETag"], seconds, response)
    return answer or response


def _since_when(feed: CalendarFeed, digest: str) -> datetime | None:
    """Return the full second from which on the feed says this, or None while that is ahead.

    No second stands for two contents: whoever asks by the time alone never keeps an old one.
    """
    now = clock.now().replace(microsecond=0)
    if feed.digest != digest or feed.changed_at is None:
        last, known = feed.changed_at, CalendarFeed.objects.filter(pk=feed.pk, digest=feed.digest)
        feed.changed_at = max(now, last + timedelta(seconds=1)) if last else now
        if not known.update(digest=digest, changed_at=feed.changed_at):
            return None  # somebody else reads another content at this moment
    return feed.changed_at if feed.changed_at <= now else None


@require_http_methods(["GET", "HEAD", "POST"])
def own_page(request: HttpRequest) -> HttpResponse:
    """Show people the address of their own feed, and make a new one when they ask for it."""
    person = signed_in(request)
    if not takes_part(person):
        raise PermissionDenied("Only Engineers and Engineering Leads have deadlines in a calendar.")
    if request.method == "POST":
        make_address(person)
        messages.success(request, "The address is ready. No older one works any more.")
        return redirect("calendar")
    feed = CalendarFeed.objects.filter(person=person).first()
    address = address_of(feed) if feed else ""
    context = {
        **admin.site.each_context(request),
        "title": "Calendar",
        "feed": feed,
        "address": address,
        "subscription": re.sub("^https?:", "webcal:", address),
    }
    return TemplateResponse(request, "portal/calendar.html", context)
