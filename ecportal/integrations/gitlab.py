"""What GitLab says of deployments: its Deployment Hook."""

from ecportal.integrations.facts import DeploymentHeard, Fact
from ecportal.integrations.mappings import GITLAB_STATUS
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    Envelope,
    Headers,
    Holder,
    key,
    lenient_text,
    lenient_time,
    part,
    text,
    texts_in,
    time,
)


def envelope(payload: Holder, headers: Headers) -> Envelope:
    name = headers.get("X-Gitlab-Event", "").strip() or lenient_text(payload, "object_kind")
    return Envelope(
        delivery_id=(headers.get("Idempotency-Key") or headers.get("webhook-id") or "").strip(),
        event=name,
        at=lenient_time(payload, "status_changed_at"),
        about=lenient_text(payload, "deployment_id"),
    )


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return what is said of a deployment, or raise Unreadable; other hooks say none."""
    if text(payload, "object_kind", "The payload") != "deployment":
        return []
    status = GITLAB_STATUS.get(text(payload, "status", "The payload"))
    if status is None:
        return []
    at = time(payload, "status_changed_at", "The payload")
    project, user = part(payload, "project"), part(payload, "user")
    names = (text(project, name, "project") for name in ("name", "path_with_namespace"))
    ref = text(payload, "ref", "The payload")
    title = text(payload, "commit_title", "The payload")
    return [
        DeploymentHeard(
            system=System.GITLAB,
            key=f"deployments/{key(payload, 'deployment_id', 'The payload')}",
            at=at,
            status=status,
            environment=text(payload, "environment", "The payload"),
            commit=_commit(payload),
            branch=ref.removeprefix("refs/heads/"),
            actor=text(user, "username", "user") or text(user, "name", "user"),
            url=text(payload, "deployable_url", "The payload"),
            description=title,
            started_at=at if status == "running" else None,
            finished_at=at if status in ("succeeded", "failed", "canceled") else None,
            system_names=tuple(filter(None, names)),
            mentions=tuple(texts_in([ref, title, payload.get("environment")])),
        )
    ]


def _commit(payload: Holder) -> str:
    """Return the whole hash, which stands in the commit's address alone, or the short one."""
    _base, found, whole = text(payload, "commit_url", "The payload").rpartition("/commit/")
    return whole if found else text(payload, "short_sha", "The payload")
