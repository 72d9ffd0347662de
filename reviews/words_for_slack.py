"""What Slack is told, in messages; a confidential change tells its number and link alone."""

from typing import Any, Final

from changes.by_slack import page_of
from changes.guards import waiting_claim
from changes.models import EmergencyChange
from ecportal.integrations import slack_blocks as blocks
from ecportal.integrations import slack_people
from ecportal.lifecycle import Act
from reviews.words_for_systems import link_to, note

Said = dict[str, Any]

LONGEST_TEXT: Final = 3000
"""Of what is read out and shown in notifications."""


def _said(text: str, *rows: blocks.Block) -> Said:
    found = list(rows) or blocks.said(text)
    return {"text": text[:LONGEST_TEXT], "blocks": found}


def announcement(change: EmergencyChange, words: str) -> Said:
    """Return what stands in the channel: which change, how it stands, and where it is."""
    link = f"<{link_to(change)}|{change.number}>"
    if change.confidential:
        return _said(f"{link} {words}.")
    severity = change.incident.get_severity_display()
    systems = ", ".join(sorted(str(link) for link in change.systems.all()))
    lines = [
        f":rotating_light: *{link} {words}*: {blocks.escaped(change.title)}",
        blocks.escaped(f"{severity} · {change.incident} · {systems} · asked by {change.requester}"),
    ]
    return _said("\n".join(lines))


def step(change: EmergencyChange, act: Act, words: str) -> Said:
    return _said(blocks.escaped(note(change, act, words)))


def question(change: EmergencyChange) -> Said | None:
    """Return what is to be decided with its buttons, or None where nothing is.

    Buttons stand only under all that is to be decided on: what is too long for a message, or is
    confidential, is decided in the portal.
    """
    claim = waiting_claim(change)
    if change.status == EmergencyChange.Status.SUBMITTED:
        asked = change.asked_approver
        who = asked and (slack_people.mention(asked) or blocks.escaped(str(asked)))
        text = f"*Approve this emergency change?* {who or ''}".strip()
    elif claim is not None:
        named = slack_people.mention(claim.approver) or blocks.escaped(str(claim.approver))
        how = str(claim.get_channel_display()).lower()
        text = f"{named}, *did you approve {change.number}* ({how})?"
    else:
        return None
    open_page = blocks.way("Open in the portal", page_of(change))
    if change.confidential:
        text = f"{change.number} waits for a decision in the portal."
        return _said(text, *blocks.said(text), blocks.buttons(open_page))
    rows = [row for title, value in _shown(change) for row in blocks.quoted(title, value)]
    value = f"{change.number} {change.fingerprint()}"
    if _length(rows) > blocks.MOST_TEXT or len(rows) > MOST_ROWS:
        instead = blocks.said("It is too long to be shown here whole. Read it in the portal.")
        return _said(text, *blocks.said(text), *instead, blocks.buttons(open_page))
    if claim is not None:
        quote = blocks.quoted("what is said to have been said", claim.comment)
        answer = blocks.button("confirm_approval", "I approved this", value, "primary")
        return _said(text, *blocks.said(text), *quote, *rows, blocks.buttons(answer, open_page))
    yes = blocks.button("approve", "Approve", value, "primary")
    no = blocks.button("reject", "Reject…", value, "danger")
    return _said(text, *blocks.said(text), *rows, blocks.buttons(yes, no, open_page))


MOST_ROWS: Final = 44
"""Of the fifty that a message may have, without question and buttons."""


def _shown(change: EmergencyChange) -> list[tuple[str, str]]:
    """Return each thing that the approver is shown, in words."""
    found = []
    for name, value in change.shown().items():
        words = "\n".join(value) if isinstance(value, list) else str(value)
        if words.strip():
            found.append((name.capitalize(), words))
    return found


def _length(rows: list[blocks.Block]) -> int:
    return sum(len(row["text"]["text"]) for row in rows)


def settled(asked: list[blocks.Block], change: EmergencyChange, act: Act, words: str) -> Said:
    """Return what stands in the place of a question: what was shown, and what was decided."""
    text = blocks.escaped(note(change, act, words).partition("\n")[0])
    kept = [row for row in asked if row["type"] != "actions"]
    return _said(text, *blocks.said(f"*{text}*"), *kept[1:])
