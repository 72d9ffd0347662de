"""What messages and dialogs of Slack are made of, within Slack's limits."""

from collections.abc import Iterable
from typing import Any, Final

LONGEST: Final = 2900
"""Of one section; Slack takes 3000."""

MOST_TEXT: Final = 10_000
"""Of one message in all its blocks; Slack takes a little more."""

Block = dict[str, Any]


def escaped(text: str) -> str:
    """Return the text so that nothing in it is a link, a mention or an alarm to everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def said(text: str) -> list[Block]:
    """Return sections for text that the portal wrote, already escaped where others did."""
    return [{"type": "section", "text": {"type": "mrkdwn", "text": one}} for one in _pieces(text)]


def quoted(title: str, text: str) -> list[Block]:
    """Return sections for what people wrote, exactly as they wrote it."""
    plain = [{"type": "plain_text", "text": one, "emoji": False} for one in _pieces(text)]
    return [*said(f"*{title}*"), *({"type": "section", "text": one} for one in plain)]


def _pieces(text: str) -> list[str]:
    return [text[at : at + LONGEST] for at in range(0, len(text), LONGEST)] or [" "]


def button(verb: str, words: str, value: str, style: str = "") -> Block:
    found: Block = {"type": "button", "action_id": verb, "value": value, "text": _plain(words)}
    return {**found, "style": style} if style else found


def way(words: str, url: str) -> Block:
    return {"type": "button", "action_id": "open", "url": url, "text": _plain(words)}


def buttons(*found: Block) -> Block:
    return {"type": "actions", "elements": list(found)}


# --- dialogs ------------------------------------------------------------------------------------
ANSWER: Final = "answer"


def dialog(callback: str, title: str, submit: str, blocks: list[Block], private: str) -> Block:
    return {
        "type": "modal",
        "callback_id": callback,
        "title": _plain(title[:24]),
        "submit": _plain(submit[:24]),
        "close": _plain("Cancel"),
        "private_metadata": private,
        "blocks": blocks,
    }


def line(
    name: str, label: str, *, value: str = "", optional: bool = False, hint: str = ""
) -> Block:
    """Return a field for sentences."""
    element: Block = {"type": "plain_text_input", "action_id": ANSWER, "multiline": True}
    if value:
        element["initial_value"] = value[:LONGEST]
    return _input(name, label, element, optional=optional, hint=hint)


def choice(
    name: str,
    label: str,
    options: Iterable[tuple[Any, Any]],
    *,
    value: Any = None,
    optional: bool = False,
) -> Block:
    """Return a field with one answer of several; at most a hundred are offered."""
    rows = [{"text": _plain(str(words)[:75]), "value": str(key)} for key, words in options][:100]
    element: Block = {"type": "static_select", "action_id": ANSWER, "options": rows}
    chosen = [row for row in rows if value is not None and row["value"] == str(value)]
    if chosen:
        element["initial_option"] = chosen[0]
    return _input(name, label, element, optional=optional)


def _input(name: str, label: str, element: Block, *, optional: bool, hint: str = "") -> Block:
    found: Block = {"type": "input", "block_id": name, "label": _plain(label), "element": element}
    found["optional"] = optional
    return {**found, "hint": _plain(hint)} if hint else found


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text}
