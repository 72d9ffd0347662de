"""Systems to tell, running and configured; and the worker's turns until everything is settled."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from django.test import override_settings

from ecportal import clock
from ecportal.integrations.channels import calling
from ecportal.integrations.channels.pagerduty import Client
from ecportal.outbox.models import LEASE, Message
from ecportal.outbox.publishing import deliver
from tests.integrations.channels.servers import (
    JiraServer,
    PagerDutyServer,
    Receiver,
    SlackServer,
    running,
)

Channel = Message.Channel
INCIDENT = "PGR0VU2"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CHANNEL, OTHER = "C0INCIDENTS", "C0SECURITY"
SLACK_SECRET = "slack secret"
SHORT = 1.0  # seconds; what hangs longer hangs for good


@contextlib.contextmanager
def pagerduty(folder: Path) -> Iterator[PagerDutyServer]:
    """Yield PagerDuty with one incident, over TLS, as the portal is configured for it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with pytest.MonkeyPatch.context() as patch, running(PagerDutyServer(INCIDENT), authority) as up:
        patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))
        patch.setattr(Client, "timeout", SHORT)
        own = {"PAGERDUTY_API_KEY": "key", "PAGERDUTY_FROM": "portal@example.test",
               "PAGERDUTY_API_URL": up.url}  # fmt: skip
        with override_settings(**own):
            yield up


@contextlib.contextmanager
def jira(version: str = "3", **more: Any) -> Iterator[JiraServer]:
    """Yield Jira with a project OPS, as the portal is configured for it."""
    with pytest.MonkeyPatch.context() as patch, running(JiraServer(version)) as up:
        patch.setattr(calling, "REQUEST_SECONDS", SHORT)
        own = {"JIRA_URL": up.url, "JIRA_FLAVOR": "cloud" if version == "3" else "datacenter",
               "JIRA_USER": "portal@example.test", "JIRA_TOKEN": "token",
               "JIRA_PROJECT": "OPS", **more}  # fmt: skip
        with override_settings(**own):
            yield up


@contextlib.contextmanager
def receiver(**more: Any) -> Iterator[Receiver]:
    """Yield who takes webhooks, at the one endpoint that is configured."""
    with pytest.MonkeyPatch.context() as patch, running(Receiver()) as up:
        patch.setattr(calling, "REQUEST_SECONDS", SHORT)
        endpoints = {f"{up.url}/hook": SECRET}
        with override_settings(WEBHOOK_ENDPOINTS=endpoints, WEBHOOK_PRIVATE=True, **more):
            yield up


@contextlib.contextmanager
def slack(**more: Any) -> Iterator[SlackServer]:
    """Yield Slack with the incident channel and another, as the portal is configured for it."""
    with pytest.MonkeyPatch.context() as patch, running(SlackServer(CHANNEL, OTHER)) as up:
        patch.setattr(calling, "REQUEST_SECONDS", SHORT)
        own = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_CHANNEL": CHANNEL, "SLACK_API_URL": up.url,
               "SLACK_SIGNING_SECRETS": ("old slack secret", SLACK_SECRET), **more}  # fmt: skip
        with override_settings(**own):
            yield up


def settle(
    *channels: str, turns: int = 60, before_each: Callable[[int], object] = lambda turn: None
) -> None:
    """Let the worker have turns, later and later, until nothing waits any more."""
    now: datetime = clock.now()
    for turn in range(turns):
        if not Message.objects.unsettled().filter(channel__in=channels).exists():
            return
        with clock.at(now):
            before_each(turn)
            for channel in channels:
                deliver(channel)
        now += LEASE + timedelta(minutes=10)
    left = Message.objects.unsettled().filter(channel__in=channels)
    raise AssertionError(f"It is not settled: {[(m.subject, m.answer) for m in left]}")
