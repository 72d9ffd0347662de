"""Takes in what trackers tell of tickets, and finds the change that each belongs to."""

from typing import Any, Final

from django.db import IntegrityError, transaction

from changes.deployments import address, moment, plain
from changes.lifecycle import TICKETS
from changes.models import Ticket
from changes.references import change_named_in
from changes.ticketing import looks_like_an_emergency
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import TicketHeard
from ecportal.integrations.hearing import hears
from ecportal.lifecycle import TransitionRefused

SHORT: Final = 255


@hears(TicketHeard)
@transaction.atomic
def hear(heard: TicketHeard) -> str:
    """Record the ticket or bring it up to date, and link it where it belongs.

    A ticket that looks like no emergency, names no change, and was none before is nobody's
    business here. However often and in whichever order events come, the newest counts.
    """
    ticket = Ticket.objects.filter(source=heard.system, key=heard.key[:SHORT]).first()
    told, named = _told(heard), change_named_in(plain(text) for text in heard.mentions)
    done = []
    if ticket is None:
        emergency = looks_like_an_emergency(told["issue_type"], told.get("labels", ""))
        if heard.event == "deleted" or not (emergency or named):
            return ""
        ticket = _recorded(heard, told)
        if ticket is None:
            return ""  # somebody else recorded it at this moment, and this comes again
        done.append(f"Recorded {ticket}.")
    elif _advanced(ticket, heard, told):
        done.append(f"Brought {ticket} up to date.")
    if named is not None and ticket.link == Ticket.Link.NONE:
        done.append(_linked(ticket, *named))
    return " ".join(filter(None, done))


def _told(heard: TicketHeard) -> dict[str, Any]:
    told = {
        "url": address(plain(heard.url), Ticket), "summary": plain(heard.summary),
        "issue_type": plain(heard.issue_type)[:SHORT], "state": plain(heard.status)[:SHORT],
        "created_at": moment(heard.created_at),
    }  # fmt: skip
    if heard.event != "commented":  # which comes with the least of the ticket
        told["labels"] = " ".join(plain(label).replace(" ", "-") for label in heard.labels)
    return told


def _values(heard: TicketHeard) -> dict[str, Any]:
    at = moment(heard.at) or clock.now()
    who = f", by {heard.person}" if heard.person else ""
    return {
        "by": User.objects.system(), "reason": f"{heard.system} told of it{who}.",
        "happened_at": min(at, clock.now()),
    }  # fmt: skip


def _recorded(heard: TicketHeard, told: dict[str, Any]) -> Ticket | None:
    ticket = Ticket(source=heard.system, key=heard.key[:SHORT])
    try:
        with transaction.atomic():
            return TICKETS.perform(ticket, "record", told=told, **_values(heard))
    except IntegrityError:
        return None


def _advanced(ticket: Ticket, heard: TicketHeard, told: dict[str, Any]) -> bool:
    # Asked for here as well: what comes twice or late is nobody's attempt at something forbidden.
    held = Ticket.objects.select_for_update(of=("self",), no_key=True)
    ticket.refresh_from_db(from_queryset=held)
    values = _values(heard)
    if values["happened_at"] <= ticket.heard_at or ticket.status == Ticket.Status.DELETED:
        return False
    verb = "delete" if heard.event == "deleted" else "advance"
    TICKETS.perform(ticket, verb, told=told, **values)
    return True


def _linked(ticket: Ticket, change: Any, line: str) -> str:
    try:
        TICKETS.perform(
            ticket, "link", by=User.objects.system(), change=change, named=True,
            reason=f"{change.number} stands in it: {line}",
        )  # fmt: skip
    except TransitionRefused as refused:
        return f"Not linked to {change.number}: {refused.sentence}"
    return f"Linked it to {change.number}."
