"""Takes in what trackers tell of tickets, and finds the change that each belongs to."""

from typing import Any, Final

from django.db import transaction

from changes.lifecycle import TICKETS
from changes.models import Ticket
from changes.references import change_named_in
from changes.ticketing import looks_like_an_emergency
from changes.told import address, claimed, kept_key, moment, plain, recorded_or_held
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import TicketHeard
from ecportal.integrations.hearing import hears

SHORT: Final = 255


@hears(TicketHeard)
@transaction.atomic
def hear(heard: TicketHeard) -> str:
    """Record the ticket or bring it up to date, and link it where it belongs.

    A ticket that looks like no emergency, names no change, and was none before is nobody's
    business here. However often and in whichever order events come, the newest counts.
    """
    key = kept_key(heard.key)
    known = Ticket.objects.filter(source=heard.system, key=key).first()
    told, named = _told(heard), change_named_in(plain(text) for text in heard.mentions)
    if known is None:
        emergency = looks_like_an_emergency(told["issue_type"], told.get("labels", ""))
        if heard.event == "deleted" or not (emergency or named):
            return ""
    new, values = Ticket(source=heard.system, key=key), _values(heard, told)
    ticket, is_new = recorded_or_held(TICKETS, known, new, **values)
    done = []
    if is_new:
        done.append(f"Recorded {ticket}.")
    elif _advanced(ticket, heard.event, values):
        done.append(f"Brought {ticket} up to date.")
    if named is not None and ticket.link == Ticket.Link.NONE:
        change, line = named
        reason = f"{change.number} stands in it: {line}"
        system = User.objects.system()
        done.append(claimed(TICKETS, ticket, "link", change, by=system, named=True, reason=reason))
    return " ".join(done)


def _told(heard: TicketHeard) -> dict[str, Any]:
    told = {
        "url": address(plain(heard.url), Ticket), "summary": plain(heard.summary),
        "issue_type": plain(heard.issue_type)[:SHORT], "state": plain(heard.status)[:SHORT],
        "created_at": moment(heard.created_at),
    }  # fmt: skip
    if heard.event != "commented":  # which comes with the least of the ticket
        told["labels"] = " ".join(plain(label).replace(" ", "-") for label in heard.labels)
    return told


def _values(heard: TicketHeard, told: dict[str, Any]) -> dict[str, Any]:
    at = moment(heard.at) or clock.now()
    who = f", by {heard.person}" if heard.person else ""
    return {
        "by": User.objects.system(), "reason": f"{heard.system} told of it{who}.",
        "happened_at": min(at, clock.now()), "told": told,
    }  # fmt: skip


def _advanced(ticket: Ticket, event: str, values: dict[str, Any]) -> bool:
    # Asked for here as well: what comes twice or late is nobody's attempt at something forbidden.
    if values["happened_at"] <= ticket.heard_at or ticket.status == Ticket.Status.DELETED:
        return False
    TICKETS.perform(ticket, "delete" if event == "deleted" else "advance", **values)
    return True
