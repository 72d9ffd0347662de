"""What another system's answer over HTTP means for the message that was to be sent."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from ecportal import clock
from ecportal.outbox.channels import Answer
from ecportal.outbox.models import DeliveryAttempt

Result = DeliveryAttempt.Result

LONGEST_TEXT: Final = 500
LATER: Final = {408, 409, 423, 425}
"""Refused now, for a reason that passes by itself."""

UNSETTLED: Final = timedelta(minutes=1)
"""How long a system may take until what it has taken is found over there, in its index."""


class Unsent(Exception):
    """The message did not go out, as `answer` says."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.in_words)
        self.answer = answer


def judge(status: int, headers: Mapping[str, str], text: str, *, writes: bool) -> None:
    """Raise Unsent for any answer but one of success; `writes`: the request was to change things.

    A server that fails at reading is away and has changed nothing. One that fails at writing may
    have written all the same: the next attempt looks first.
    """
    words = " ".join(text.split())[:LONGEST_TEXT]
    if 200 <= status < 300:
        return
    if status == 429:
        wait = wait_of(headers)
        raise Unsent(Answer(Result.DEFERRED, words, status, ends_batch=True, wait=wait))
    if status in LATER:
        raise Unsent(Answer(Result.DEFERRED, words, status, wait=wait_of(headers)))
    if status == 401:
        # It is the portal itself that is refused: another message would hear the same.
        raise Unsent(Answer(Result.DEFERRED, words, status, ends_batch=True))
    if status >= 500:
        raise Unsent(broken(words, status) if writes else away(words, status))
    raise Unsent(Answer(Result.REFUSED, words or "A redirect, which is not followed.", status))


def away(words: str, code: int | None = None) -> Answer:
    """Return that nothing was done, and that no other message would fare better now."""
    return Answer(Result.AWAY, words[:LONGEST_TEXT], code, ends_batch=True)


def broken(words: str, code: int | None = None) -> Answer:
    """Return that it may have been done; what was done must be findable before the next attempt."""
    return Answer(Result.BROKEN, words[:LONGEST_TEXT], code, ends_batch=True, wait=UNSETTLED)


def refuse(words: str) -> Unsent:
    """Return that the system is as it is: another attempt would end the same way."""
    return Unsent(Answer(Result.REFUSED, words))


def answered(act: Callable[[], Answer]) -> Answer:
    """Return what the act returns, or what stopped it.

    An answer of success in which something else stands may follow a thing that was done.
    """
    try:
        return act()
    except Unsent as unsent:
        return unsent.answer
    except (KeyError, TypeError, AttributeError) as error:
        return broken(f"The answer is not as expected: {type(error).__name__} {error}")


def needed(found: Mapping[str, Any], name: str) -> str:
    """Return a text or number that the answer must have, or raise what `answered` understands."""
    value = found[name]
    if not isinstance(value, str | int) or value == "":
        raise TypeError(f"{name!r} is {value!r}")
    return str(value)


def wait_of(headers: Mapping[str, str]) -> timedelta:
    """Return how long the server wants to be left alone, by whichever header it says so."""
    for name in ("retry-after", "ratelimit-reset"):
        value = headers.get(name, "").strip()
        if value.isascii() and value.isdecimal():
            return timedelta(seconds=min(int(value[:9]), 10**6))
        if value:
            try:
                return max(parsedate_to_datetime(value) - clock.now(), timedelta())
            except (TypeError, ValueError):
                continue
    return timedelta()
