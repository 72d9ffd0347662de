"""The demo: public outages with their published times, played through the portal's own doors."""

from datetime import UTC, datetime, time, timedelta

from django.utils import timezone

from ecportal import clock
from reviews.demo.company import delegate, found
from reviews.demo.current import CURRENT
from reviews.demo.early import EARLY
from reviews.demo.later import LATER
from reviews.demo.player import Player

FOUNDED = timedelta(days=28)
OUTAGES = (*EARLY, *LATER, *CURRENT)


def load(password: str) -> None:
    """Fill an empty portal with four weeks that end now; call it inside a transaction.

    Reminders are sent while it plays, so that the ledger shows when each was sent.
    """
    now = clock.now().astimezone(UTC)
    zone = timezone.get_default_timezone()
    midnight = datetime.combine(now.astimezone(zone).date(), time.min, zone)
    with clock.at((midnight - FOUNDED).astimezone(UTC)):
        people = found(password)
        delegate(people, midnight)
    Player(people, now.replace(second=0, microsecond=0)).play(OUTAGES)
