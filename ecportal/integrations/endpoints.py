"""Which addresses under /hooks/ there are: whose they are, what opens them, and what answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpResponse

from ecportal import clock
from ecportal.integrations import signatures
from ecportal.integrations.models import System

KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Received:
    """A delivery whose signature was right: the body as it came, headers without regard to case."""

    system: System
    headers: Mapping[str, str]
    body: bytes


Check = Callable[[Mapping[str, str], bytes], bool]


@dataclass(frozen=True)
class Endpoint:
    """One address: `secrets` are the settings that open it, and none of them set closes it.

    `check` says whether the signature is right. `answer` stands in for storing the delivery, for
    who must be answered at once; it gets the body as it came, of whatever type. `limit` is in
    bytes.
    """

    system: System
    secrets: tuple[str, ...]
    check: Check
    limit: int = 2 * MIB
    answer: Callable[[Received], HttpResponse] | None = None

    @property
    def is_open(self) -> bool:
        return any(_secrets(name) for name in self.secrets)


def _secrets(name: str) -> tuple[str, ...]:
    found: tuple[str, ...] = getattr(settings, name)
    return found


def _with(check: Callable[[Mapping[str, str], bytes, tuple[str, ...]], bool], name: str) -> Check:
    return lambda headers, body: check(headers, body, _secrets(name))


def gitlab(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the signature is right, or the token where nothing is signed.

    Who signs is held to it: a wrong signature is not made good by a token.
    """
    keys = _secrets("GITLAB_SIGNING_TOKENS")
    if keys and headers.get("webhook-signature"):
        return signatures.standard_webhook(headers, body, keys, clock.now())
    return signatures.gitlab_token(headers, body, _secrets("GITLAB_WEBHOOK_TOKENS"))


ENDPOINTS: Final[dict[str, Endpoint]] = {
    "pagerduty": Endpoint(
        System.PAGERDUTY, ("PAGERDUTY_WEBHOOK_SECRETS",),
        _with(signatures.pagerduty, "PAGERDUTY_WEBHOOK_SECRETS"),
    ),
    "alertmanager": Endpoint(
        System.ALERTMANAGER, ("ALERTMANAGER_BEARER_TOKENS",),
        _with(signatures.bearer, "ALERTMANAGER_BEARER_TOKENS"), limit=10 * MIB,
    ),
    "jira": Endpoint(
        System.JIRA, ("JIRA_WEBHOOK_SECRETS",),
        _with(signatures.jira, "JIRA_WEBHOOK_SECRETS"), limit=25 * MIB,
    ),
    "github": Endpoint(
        System.GITHUB, ("GITHUB_WEBHOOK_SECRETS",),
        _with(signatures.github, "GITHUB_WEBHOOK_SECRETS"), limit=25 * MIB,
    ),
    "gitlab": Endpoint(
        System.GITLAB, ("GITLAB_WEBHOOK_TOKENS", "GITLAB_SIGNING_TOKENS"), gitlab, limit=25 * MIB,
    ),
    "cdevents": Endpoint(
        System.CDEVENTS, ("CDEVENTS_BEARER_TOKENS",),
        _with(signatures.bearer, "CDEVENTS_BEARER_TOKENS"),
    ),
}  # fmt: skip
