"""The other systems: what each is for, which variables make it work, and how it is tried out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from ecportal.integrations.models import System
from ecportal.outbox.channels import Answer
from ecportal.outbox.models import Message

Channel = Message.Channel


@dataclass(frozen=True)
class Integration:
    """One system: what the portal hears from it and tells it, and the settings for each.

    Any one of `hears_with` is enough to hear it; all of `tells_with` are needed to tell it, and
    `further` have defaults.
    """

    system: System
    hears: str = ""
    tells: str = ""
    hears_with: tuple[str, ...] = ()
    tells_with: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    channel: Message.Channel | None = None

    @property
    def is_heard(self) -> bool:
        return any(getattr(settings, name, None) for name in self.hears_with)

    @property
    def is_told(self) -> bool:
        return bool(self.tells_with) and all(getattr(settings, n, None) for n in self.tells_with)


INTEGRATIONS: Final[dict[str, Integration]] = {
    str(row.system): row
    for row in (
        Integration(
            System.PAGERDUTY, "Incidents: opened, changed, acknowledged, noted, resolved.",
            "Notes on the incident: each decision, the end with a link; then that it is resolved.",
            ("PAGERDUTY_WEBHOOK_SECRETS",), ("PAGERDUTY_API_KEY", "PAGERDUTY_FROM"),
            ("PAGERDUTY_API_URL", "PAGERDUTY_RESOLVES"), Channel.PAGERDUTY,
        ),
        Integration(
            System.JIRA, "Issues that are an emergency change or look like one.",
            "An issue for each change: links, comments, its status, and at the end the evidence.",
            ("JIRA_WEBHOOK_SECRETS",), ("JIRA_URL", "JIRA_TOKEN", "JIRA_PROJECT"),
            ("JIRA_FLAVOR", "JIRA_USER", "JIRA_ISSUE_TYPE", "JIRA_STATUSES", "JIRA_FIELDS"),
            Channel.JIRA,
        ),
        Integration(
            System.SLACK, "Decisions by button, and emergencies declared in a channel.",
            "An announcement and one thread for each change.",
            ("SLACK_SIGNING_SECRETS",), ("SLACK_BOT_TOKEN", "SLACK_CHANNEL"),
            ("SLACK_CHANNELS", "SLACK_API_URL"), Channel.SLACK,
        ),
        Integration(
            System.WEBHOOK, "", "Each step of each change, signed, without its text.",
            (), ("WEBHOOK_ENDPOINTS",), ("WEBHOOK_PRIVATE",), Channel.WEBHOOK,
        ),
        Integration(
            System.ALERTMANAGER, "Alerts that fire and end.",
            hears_with=("ALERTMANAGER_BEARER_TOKENS",),
        ),
        Integration(
            System.GITHUB, "Deployments and the workflows that make them.",
            hears_with=("GITHUB_WEBHOOK_SECRETS",),
        ),
        Integration(
            System.GITLAB, "Deployments.",
            hears_with=("GITLAB_WEBHOOK_TOKENS", "GITLAB_SIGNING_TOKENS"),
        ),
        Integration(
            System.CDEVENTS, "Deployments of any pipeline.",
            hears_with=("CDEVENTS_BEARER_TOKENS",),
        ),
    )
}  # fmt: skip
"""By the name that stands in their addresses, those that are told something first."""


@dataclass(frozen=True)
class Table:
    """What stands for what: a title, and rows of here and there."""

    title: str
    rows: Mapping[str, str]


PROBES: Final[dict[str, Callable[[], Answer]]] = {}
"""What tries a system out without changing anything over there; added by its channel."""

TABLES: Final[dict[str, Callable[[], list[Table]]]] = {}
"""How fields and statuses are called over there; added by whoever maps them."""


def is_told(channel: Message.Channel) -> bool:
    """Whether this installation tells that system anything; messages are written only then."""
    return any(row.is_told for row in INTEGRATIONS.values() if row.channel == channel)
