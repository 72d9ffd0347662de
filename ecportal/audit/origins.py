"""Where acts came from, as their sealed events say: address and request."""

from collections.abc import Iterable

from ecportal.audit.contents import Content
from ecportal.audit.models import AuditEvent


def origins(events: Iterable[int | None]) -> dict[int, str]:
    """Return, by the event's key, where its request came from in words; one query.

    What scheduled work wrote, and what was found when the trail began, came from nowhere.
    """
    found = AuditEvent.objects.in_bulk([event for event in events if event is not None])
    told = ((key, Content.of(event).context) for key, event in found.items())
    return {
        key: f"From {context['ip']}, request {context.get('request_id') or 'unknown'}"
        for key, context in told
        if context.get("ip")
    }
