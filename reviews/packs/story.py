"""What is told of a change in its PDF and JSON, the five items first; plain texts and lists."""

from datetime import datetime
from typing import Any

from django.utils import timezone

from changes.models import EmergencyChange
from ecportal.timeline import timeline
from reviews.completeness import Item, five_items
from reviews.packs import sections
from reviews.packs.wording import Block, moment

Story = dict[str, Any]
PEOPLE = (
    "requester", "approver", "implementer", "verifier", "documenter", "reviewer", "rejected_by",
    "asked_approver", "determination__decided_by", "incident__recorded_by", "review__reviewer",
)  # fmt: skip
WHOLE = (
    "systems__system", "approvals__approver", "approvals__claimed_by",
    "approvals__delegation__delegate", "approvals__delegation__delegator",
    "evidence__attached_by", "executions__written_by", "deviations__written_by",
    "deviations__caught_up_by", "checks__checked_by", "corrections__written_by",
    "deadlines__owner", "exceptions__answered_by", "follow_ups__owner",
    "incident__notes__written_by", "incident__affected__system",
)  # fmt: skip


def whole(number: str) -> EmergencyChange:
    """Return the change with all that is told of it; EmergencyChange.DoesNotExist if none."""
    found = EmergencyChange.objects.select_related("incident", "determination", "review", *PEOPLE)
    change: EmergencyChange = found.prefetch_related(*WHOLE).get(number=number)
    return change


def told(change: EmergencyChange, as_of: datetime, leaf: int) -> Story:
    """Return the story of the change as its history stood at `as_of` (aware), leaf `leaf`.

    Nothing in it depends on the time of asking. All times are in the company's zone.
    """
    items = five_items(change)
    return {
        "number": change.number,
        "title": change.title,
        "type": change.TYPE,
        "status": _status(change),
        "note": "",
        "zone": str(timezone.get_default_timezone()),
        "as_of": f"As of {moment(as_of)}, leaf {leaf} of the audit trail",
        "items_there": sum(item.is_there for item in items),
        "items": [_item(number, item) for number, item in enumerate(items, 1)],
        "sections": [
            _section("The change", sections.request(change)),
            _section("Incident and determination", sections.incident(change)),
            _section("Timeline", sections.acts(timeline(change))),
            _section("Approval", sections.approvals(change)),
            _section("Implementation", sections.implementation(change)),
            _section("Verification", sections.verification(change)),
            _section("Evidence", sections.evidence(change)),
            _section("Review and follow-up actions", sections.review(change)),
            _section("Exceptions", sections.exceptions(change)),
            _section("Duties", sections.duties(change)),
            _section("Deadlines", sections.deadlines(change)),
            _section("Mail ledger", sections.ledger(change)),
            _section("Corrections", sections.corrections(change)),
            _section("How to verify", sections.how_to_verify(change)),
        ],
    }


def _section(title: str, blocks: list[Block]) -> Block:
    return {"title": title, "blocks": blocks}


def _status(change: EmergencyChange) -> str:
    words = [change.status_words]
    if change.without_approval:
        words.append("without approval")
    if change.confidential:
        words.append("confidential")
    return ", ".join(words)


def _item(number: int, item: Item) -> dict[str, str]:
    owed = f"{item.owed_by} owes it" if item.owed_by else ""
    if owed and item.due_at is not None:
        owed += f", due {moment(item.due_at)}"
    return {
        "number": str(number),
        "title": item.title,
        "state": item.state,
        "found": item.found,
        "times": ", recorded ".join(dict.fromkeys(map(moment, item.times))),
        "owed": owed,
    }
