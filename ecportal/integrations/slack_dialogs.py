"""The dialogs that can be opened from Slack: the apps above register what they ask and do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ecportal.accounts.models import User
from ecportal.integrations.reading import lenient_text


class Refused(Exception):
    """It cannot be done; `errors` are sentences by the field they belong to, "" for none."""

    def __init__(self, **errors: str) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True)
class Opening:
    """What opens a dialog: the value of the button, or the words behind the command."""

    said: str


@dataclass(frozen=True)
class Dialog:
    """Two functions that get the person first; both raise Refused with sentences.

    `ask` returns the view. `submit` is given the answers by field and the view's private text,
    acts inside a transaction and says in a sentence what it did.
    """

    ask: Callable[[User, Opening], dict[str, Any]]
    submit: Callable[[User, Mapping[str, str], str], str]


DIALOGS: Final[dict[str, Dialog]] = {}
"""By the `action_id` of the button, the `callback_id` of the view, and the command's purpose."""

DECLARE, REJECT = "declare", "reject"


def answers_in(view: object) -> dict[str, str]:
    """Return what was typed or chosen, by field; what is odd is not there."""
    state = view.get("state") if isinstance(view, dict) else None
    values = state.get("values") if isinstance(state, dict) else None
    found: dict[str, str] = {}
    for name, elements in values.items() if isinstance(values, dict) else ():
        for element in elements.values() if isinstance(elements, dict) else ():
            chosen = lenient_text(element, "selected_option", "value")
            found[str(name)] = chosen or lenient_text(element, "value")
    return found
