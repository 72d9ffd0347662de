"""Which module reads what which system sends."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ecportal.integrations import (
    alertmanager,
    cdevents,
    github,
    gitlab,
    jira,
    pagerduty,
    slack,
)
from ecportal.integrations.facts import Fact
from ecportal.integrations.models import System
from ecportal.integrations.reading import Envelope, Headers, Holder, Unreadable, holder


@dataclass(frozen=True)
class Reader:
    """Two pure functions over payload and headers.

    `envelope` never raises. `facts` raises Unreadable for what it cannot understand, and returns
    none for an event that is unknown or says nothing to the portal.
    """

    envelope: Callable[[Holder, Headers], Envelope]
    facts: Callable[[Holder, Headers], list[Fact]]


READERS: Final[dict[str, Reader]] = {
    System.PAGERDUTY: Reader(pagerduty.envelope, pagerduty.read),
    System.ALERTMANAGER: Reader(alertmanager.envelope, alertmanager.read),
    System.JIRA: Reader(jira.envelope, jira.read),
    System.GITHUB: Reader(github.envelope, github.read),
    System.GITLAB: Reader(gitlab.envelope, gitlab.read),
    System.CDEVENTS: Reader(cdevents.envelope, cdevents.read),
    System.SLACK: Reader(slack.envelope, slack.read),
}


def facts_of_an_alert(payload: Holder) -> list[Fact]:
    """Return the facts of a payload of PagerDuty or Alertmanager, told apart by its shape.

    One that was kept with its headers, as `{"headers": …, "body": …}`, will do, too.
    """
    if "body" in payload and "alerts" not in payload:
        payload = holder(payload["body"], "body")
    if "event" in payload or "event_action" in payload:
        return pagerduty.read(payload, {})
    if "alerts" in payload:
        return alertmanager.read(payload, {})
    raise Unreadable("It is neither an alert of PagerDuty nor one of Alertmanager.")
