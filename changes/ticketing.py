"""Guards and effects of tickets: what is told of them, and which change claims them."""

from typing import Final

from django.conf import settings

from changes.models import Ticket
from ecportal.lifecycle import Act

TOLD: Final = ("url", "summary", "issue_type", "labels", "state", "created_at")


def looks_like_an_emergency(issue_type: str, labels: str) -> bool:
    """Whether its type or a label is one of those that the company calls an emergency."""
    words = {word.casefold() for word in labels.split()}
    return issue_type.strip().casefold() in settings.JIRA_EMERGENCY_TYPES or bool(
        words & set(settings.JIRA_EMERGENCY_LABELS)
    )


# --- guards -------------------------------------------------------------------------------------
def is_newer(ticket: Ticket, act: Act) -> str | None:
    """What is told counts by the source's clock, not by when it arrived."""
    if act.happened_at <= ticket.heard_at:
        return "Something newer was told of this ticket already."
    return None


def not_linked(ticket: Ticket, act: Act) -> str | None:
    if ticket.change is not None:
        return f"This ticket belongs to {ticket.change.number} already. Unlink it first."
    return None


def is_linked(ticket: Ticket, act: Act) -> str | None:
    return "This ticket belongs to no change." if ticket.change is None else None


# --- effects ------------------------------------------------------------------------------------
def record(ticket: Ticket, act: Act) -> None:
    ticket.recorded_at = act.recorded_at
    advance(ticket, act)


def advance(ticket: Ticket, act: Act) -> None:
    """Write what was told; what was not said stays, but a label that is gone is gone."""
    told = act.data["told"]
    for name in TOLD:
        if told.get(name) or (name == "labels" and name in told):
            setattr(ticket, name, told[name])
    ticket.is_emergency = looks_like_an_emergency(ticket.issue_type, ticket.labels)
    ticket.heard_at = act.happened_at


def link(ticket: Ticket, act: Act) -> None:
    """Link to the act's `change`: because its number stood there, or else by hand."""
    ticket.change, ticket.linked_by = act.data["change"], act.by
    ticket.link = Ticket.Link.REFERENCE if act.data.get("named") else Ticket.Link.PERSON


def unlink(ticket: Ticket, act: Act) -> None:
    ticket.change = ticket.linked_by = None
    ticket.link = Ticket.Link.UNLINKED
