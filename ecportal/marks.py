"""The marks that repeat on every page: a shape and words beside each color, never color alone."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ecportal import clock
from ecportal.clock import due_day, duration, time_left

SOON: Final = timedelta(minutes=30)
"""A deadline that is nearer than this is as urgent as one that is past."""

TONES: Final = {
    "ok": "circle-check", "warn": "hourglass", "bad": "circle-alert", "late": "flag",
    "info": "", "mute": "",
}  # fmt: skip
"""The tones of a pill, and the icon that each has of its own."""

STATUSES: Final = {
    "draft": ("mute", "pen-line"),
    "submitted": ("warn", "hourglass"),
    "approved": ("info", "user-check"),
    "implementing": ("info", "rocket"),
    "implemented": ("info", "activity"),
    "verified": ("info", "file-text"),
    "documented": ("info", "clipboard-list"),
    "closed": ("ok", "circle-check"),
    "rejected": ("mute", "circle-x"),
    "cancelled": ("mute", "circle-slash"),
    "open": ("warn", "circle-dot"),
    "resolved": ("ok", "circle-check"),
    "scheduled": ("info", "calendar-clock"),
    "completed": ("ok", "circle-check"),
    "done": ("ok", "circle-check"),
    "dropped": ("mute", "circle-slash"),
    "active": ("ok", "circle-check"),
    "in_use": ("ok", "circle-check"),
    "in_force": ("ok", "circle-check"),
    "retired": ("mute", "archive"),
    "given": ("info", "user-check"),
    "ended": ("mute", "undo-2"),
    "there": ("ok", "circle-check"),
    "deleted": ("mute", "circle-slash"),
    "matched": ("ok", "link"),
    "dismissed": ("mute", "circle-slash"),
    "settled": ("ok", "check-check"),
    "declared": ("info", "calendar-days"),
    "withdrawn": ("mute", "undo-2"),
    "generated": ("mute", "file-check"),
    "drawn": ("mute", "dice-5"),
    "requested": ("warn", "hourglass"),
    "answered": ("ok", "circle-check"),
    "waiting": ("info", "hourglass"),
    "sent": ("ok", "send"),
    "recalled": ("mute", "undo-2"),
    "given_up": ("bad", "circle-x"),
    "ignored": ("mute", "minus"),
    "unlinked": ("info", "link-2"),
    "unreadable": ("warn", "circle-help"),
    "pending": ("mute", "hourglass"),
    "running": ("info", "rocket"),
    "succeeded": ("ok", "circle-check"),
    "failed": ("bad", "circle-x"),
    "canceled": ("mute", "circle-slash"),
    "rolled_back": ("warn", "undo-2"),
    "valid": ("ok", "key-round"),
    "revoked": ("mute", "ban"),
}
LIVE: Final = ("bad", "activity")
LATE: Final = ("late", "flag")
TINTS: Final = 5


@cache
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite, by Lucide's name for it; words beside it say what it means."""
    address = f"{static('portal/icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', address)


def pill(words: str, tone: str = "mute", shape: str | None = None) -> SafeString:
    """Draw words in a tone, with an icon: the tone's own, another one, or none for ""."""
    shape = TONES.get(tone, "") if shape is None else shape
    drawn = icon(shape) if shape else ""
    return format_html('<span class="pill tone-{}">{}{}</span>', tone, drawn, words)


def status_pill(record: Any) -> SafeString:
    """Draw the record's status in words; one that it reached late, or an outage, says so."""
    words = getattr(record, "status_words", None) or record.get_status_display()
    tone, shape = STATUSES.get(str(record.status), ("mute", ""))
    if getattr(record, "closed_late", False):
        tone, shape = LATE
    elif getattr(record, "is_live", False):
        tone, shape = LIVE
    return pill(words, tone, shape)


@dataclass(frozen=True)
class Countdown:
    """What is left of a deadline in words, its clock time, and how both are drawn."""

    words: str
    when: str
    tone: str
    shape: str


def countdown(due_at: datetime, met_at: datetime | None = None) -> Countdown:
    """Say what is left until `due_at`, how late it is, or how it was met; both times aware."""
    now = clock.now()
    if met_at is not None:
        if met_at > due_at:
            words = f"met {duration(met_at - due_at)} late"
            return Countdown(words, f"was due {due_time(due_at)}", "late", "flag")
        return Countdown("met", f"due {due_time(due_at)}", "ok", "circle-check")
    words, when = time_left(due_at, now), due_time(due_at)
    if now > due_at:
        return Countdown(words, f"was due {when}", "bad", "circle-alert")
    if due_at - now < SOON:
        return Countdown(words, f"by {when}", "bad", "timer")
    if is_today(due_day(due_at)[0]):
        return Countdown(words, f"by {when} today", "warn", "timer")
    return Countdown(words, f"by {when}", "ink", "clock")


def due(due_at: datetime, met_at: datetime | None = None) -> SafeString:
    """Draw the countdown, then the clock time."""
    left = countdown(due_at, met_at)
    drawn = '<span class="due tone-{}">{}<strong>{}</strong> <span class="due-at">{}</span></span>'
    return format_html(drawn, left.tone, icon(left.shape), left.words, left.when)


def held(due_at: datetime, met_at: datetime) -> SafeString:
    """Draw how a review was held: on time, or how late."""
    late = met_at > due_at
    words = f"Review {duration(met_at - due_at)} late" if late else "Review on time"
    shape, tone = ("flag", "late") if late else ("circle-check", "ok")
    return format_html('<span class="held tone-{}">{}{}</span>', tone, icon(shape), words)


def is_today(moment: datetime) -> bool:
    """Whether the moment is on this day, in the reader's time zone."""
    return timezone.localdate(moment) == timezone.localdate(clock.now())


def day_words(local: datetime) -> str:
    """Return the day as "Thu 19 Nov", with its year unless it is this one."""
    year = "" if local.year == timezone.localdate(clock.now()).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year}"


def day_time(moment: datetime) -> str:
    """Return the local time of a moment, with its day unless it is today."""
    local = timezone.localtime(moment)
    return f"{local:%H:%M}" if is_today(moment) else f"{day_words(local)} {local:%H:%M}"


def due_time(due_at: datetime) -> str:
    """Return the local time of a deadline, with its day unless it is today; midnight is 24:00."""
    day, at = due_day(due_at)
    return at if is_today(day) else f"{day_words(day)} {at}"


def meter(items: Sequence[Any]) -> SafeString:
    """Draw the five items as five segments, and in words how many are there."""
    there, drawn = sum(item.is_there for item in items), '<span class="segment segment-{}"></span>'
    return format_html(
        '<span class="meter" role="img" aria-label="{there} of {all} items">{segments}</span>'
        ' <span class="meter-words">{there} of {all}</span>',
        there=there, all=len(items),
        segments=format_html_join("", drawn, ((item.state,) for item in items)),
    )  # fmt: skip


def avatar(person: object) -> SafeString:
    """Draw a person's initials in a tinted disc; the name always stands beside it."""
    name = str(person)
    words = name.split() or ["?"]
    initials = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    tint = zlib.crc32(name.encode()) % TINTS + 1
    drawn = '<span class="avatar tint-{}" aria-hidden="true">{}</span>'
    return format_html(drawn, tint, initials.upper())
