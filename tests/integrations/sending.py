"""Sends deliveries as each system does, with secrets of the tests."""

import base64
import hashlib
import hmac
import json
from typing import Any

from django.test import Client

from ecportal import clock

SECRETS = {
    "PAGERDUTY_WEBHOOK_SECRETS": ("old pagerduty secret", "pagerduty secret"),
    "ALERTMANAGER_BEARER_TOKENS": ("alertmanager-token",),
    "JIRA_WEBHOOK_SECRETS": ("jira secret",),
    "GITHUB_WEBHOOK_SECRETS": ("github secret",),
    "GITLAB_WEBHOOK_TOKENS": ("gitlab token",),
    "GITLAB_SIGNING_TOKENS": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
    "CDEVENTS_BEARER_TOKENS": ("cdevents-token",),
}
SYSTEMS = ("pagerduty", "alertmanager", "jira", "github", "gitlab", "cdevents")


def hexed(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(system: str, body: bytes) -> dict[str, str]:
    """Return the headers with which this system proves that it is itself."""
    return {
        "pagerduty": {"X-PagerDuty-Signature": f"v1={hexed('pagerduty secret', body)}"},
        "alertmanager": {"Authorization": "Bearer alertmanager-token"},
        "jira": {"X-Hub-Signature": f"sha256={hexed('jira secret', body)}"},
        "github": {"X-Hub-Signature-256": f"sha256={hexed('github secret', body)}"},
        "gitlab": {"X-Gitlab-Token": "gitlab token"},
        "cdevents": {"Authorization": "Bearer cdevents-token"},
    }[system]


def standard(secret: str, body: bytes, stamp: int | None = None) -> dict[str, str]:
    """Return the headers of Standard Webhooks."""
    at = int(clock.now().timestamp()) if stamp is None else stamp
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"msg_1.{at}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(at),
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def deliver(system: str, payload: Any, client: Client | None = None, **headers: str) -> Any:
    """Post a payload, or bytes as they are, with the right signature; return the response."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return post(system, body, {**signed(system, body), **headers}, client)


def post(system: str, body: bytes, headers: dict[str, str], client: Client | None = None) -> Any:
    return (client or Client()).generic(
        "POST", f"/hooks/{system}/", body, content_type="application/json", headers=headers
    )
