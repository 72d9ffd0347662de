"""The marks that repeat on every page: the clock pair, the countdown, the pill, the meter."""

from datetime import datetime
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ecportal import clock
from ecportal.clock import due_day, duration, time_left
from ecportal.timeline import CLAIMED_AFTER, LATE_AFTER

register = template.Library()

TONES = {
    "draft": "mute",
    "submitted": "warn",
    "approved": "info",
    "implementing": "info",
    "implemented": "info",
    "verified": "warn",
    "documented": "warn",
    "closed": "ok",
    "rejected": "mute",
    "cancelled": "mute",
    "open": "warn",
    "scheduled": "warn",
    "waiting": "info",
    "sent": "ok",
    "recalled": "mute",
    "given_up": "bad",
    "drawn": "mute",
    "requested": "warn",
    "answered": "ok",
}


def _today(moment: datetime) -> bool:
    return timezone.localdate(moment) == timezone.localdate(clock.now())


@register.filter
def clock_time(moment: datetime) -> str:
    """Return the local time, with the day unless it is today."""
    local = timezone.localtime(moment)
    return f"{local:%H:%M}" if _today(moment) else f"{local:%a} {local.day} {local:%b %Y %H:%M}"


@register.filter
def moments(times: tuple[datetime, ...]) -> str:
    return ", recorded ".join(clock_time(time) for time in dict.fromkeys(times))


@register.inclusion_tag("parts/clocks.html")
def clocks(happened_at: datetime, recorded_at: datetime) -> dict[str, Any]:
    """Show both clocks with the lag, or one where the server itself saw it happen."""
    lag = recorded_at - happened_at
    return {
        "happened_at": happened_at,
        "recorded_at": recorded_at,
        "claimed": lag >= CLAIMED_AFTER,
        "late": lag >= LATE_AFTER,
        "lag": duration(lag),
    }


@register.inclusion_tag("parts/due.html")
def due(due_at: datetime, met_at: datetime | None = None) -> dict[str, Any]:
    """Show what is left, how late it is, or how it was met; then the clock time."""
    now = clock.now()
    if met_at is not None:
        late = met_at > due_at
        words = f"met {duration(met_at - due_at)} late" if late else "met"
        tone = "late" if late else "ok"
    else:
        words = time_left(due_at, now)
        tone = "bad" if now > due_at else "warn" if _today(due_at) else "info"
    day, at = due_day(due_at)
    when = at if day.date() == timezone.localdate(now) else f"{day:%a} {day.day} {day:%b %Y} {at}"
    return {"words": words, "tone": tone, "when": when}


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon of the sprite, by Lucide's name for it; words beside it say what it means."""
    address = f"{static('portal/icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}"></use></svg>', address)


@register.inclusion_tag("parts/pill.html")
def pill(words: str, tone: str = "mute") -> dict[str, str]:
    return {"words": words, "tone": tone}


@register.inclusion_tag("parts/pill.html")
def status_pill(record: Any) -> dict[str, str]:
    """Show the record's status in words, with a tone that doubles them."""
    late = getattr(record, "closed_late", False)
    words = getattr(record, "status_words", None) or record.get_status_display()
    return {"words": words, "tone": "late" if late else TONES.get(str(record.status), "mute")}


def render_pill(record: Any) -> SafeString:
    return render_to_string("parts/pill.html", status_pill(record))


def render_words(words: str, tone: str = "mute") -> SafeString:
    return render_to_string("parts/pill.html", pill(words, tone))


@register.inclusion_tag("parts/meter.html")
def meter(items: list[Any]) -> dict[str, Any]:
    """Show the five items as five segments and in words."""
    return {"items": items, "there": sum(item.is_there for item in items)}
