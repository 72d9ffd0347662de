"""Who acts on what is heard: the platform tells, and the apps above register what they do."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

from ecportal.integrations.facts import Fact

Heard = TypeVar("Heard", bound=Fact)


class Unlinked(Exception):
    """What the fact tells of is not known here, and the fact alone does not say enough of it.

    Raised by a hearer; the delivery is worked on again after another one about the same object
    had an effect, so that the order of their arrival does not matter.
    """


_hearers: dict[type[Fact], list[Callable[[Any], str]]] = defaultdict(list)


def hears(
    kind: type[Heard],
) -> Callable[[Callable[[Heard], str]], Callable[[Heard], str]]:
    """Register the decorated function for facts of this kind.

    It runs inside a transaction, does the same once however often it is told, and returns what it
    did in one sentence, or "" where there was nothing to do. TransitionRefused means that the
    portal's rules are against it: that is written down, and nothing else happens. Unlinked means
    that it is not known yet what the fact is about.
    """

    def register(hearer: Callable[[Heard], str]) -> Callable[[Heard], str]:
        _hearers[kind].append(hearer)
        return hearer

    return register


def tell(fact: Fact) -> list[str]:
    """Tell everybody who hears such facts; return what they did, in sentences."""
    return [done for hearer in _hearers[type(fact)] if (done := hearer(fact))]
