"""The marks that repeat on every page: the clock pair, the countdown, the pill, the meter."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString

from ecportal import marks
from ecportal.clock import duration
from ecportal.marks import day_time, day_words, is_today
from ecportal.timeline import CLAIMED_AFTER, LATE_AFTER

register = template.Library()
register.simple_tag(marks.icon)
register.simple_tag(marks.pill)
register.simple_tag(marks.status_pill)
register.simple_tag(marks.avatar)
register.simple_tag(marks.due)
register.simple_tag(marks.meter)
register.filter("clock_time", marks.day_time)


@register.filter
def of(values: Mapping[str, Any], name: str) -> Any:
    """Return the value of that name, whatever characters the name has."""
    return values[name]


@register.filter
def moments(times: tuple[datetime, ...]) -> str:
    return ", recorded ".join(day_time(time) for time in dict.fromkeys(times))


@register.inclusion_tag("parts/clocks.html")
def clocks(happened_at: datetime, recorded_at: datetime) -> dict[str, Any]:
    """Show both clocks with the lag, or one where the server itself saw it happen.

    The server's own clock has seconds; what somebody claims has none.
    """
    lag = recorded_at - happened_at
    claimed, local = lag >= CLAIMED_AFTER, timezone.localtime(recorded_at)
    same_day = claimed and timezone.localdate(happened_at) == local.date()
    day = "" if same_day or is_today(recorded_at) else f"{day_words(local)} "
    return {
        "happened_at": happened_at,
        "recorded": f"{day}{local:%H:%M:%S}",
        "claimed": claimed,
        "late": lag >= LATE_AFTER,
        "lag": duration(lag),
    }


@register.simple_tag(takes_context=True)
def navigation(context: template.Context) -> SafeString:
    """Draw the navigation; it stands beside the page and in the menu of small screens."""
    known: dict[str, Any] = {str(name): value for name, value in context.flatten().items()}
    return render_to_string("parts/navigation.html", known)
