"""What GitHub says of deployments, their statuses, and of workflow runs that deploy."""

from datetime import datetime
from typing import Any, Final

from ecportal.integrations.facts import DeploymentHeard, Fact
from ecportal.integrations.mappings import (
    CHANGE_NUMBER,
    DEPLOYING,
    GITHUB_CONCLUSION,
    GITHUB_STATE,
)
from ecportal.integrations.models import System
from ecportal.integrations.reading import (
    Envelope,
    Headers,
    Holder,
    holder,
    key,
    lenient_text,
    lenient_time,
    part,
    text,
    texts_in,
    time,
    time_if_any,
)

ENDED: Final = ("succeeded", "failed", "canceled", "rolled_back")


def envelope(payload: Holder, headers: Headers) -> Envelope:
    event, action = headers.get("X-GitHub-Event", "").strip(), lenient_text(payload, "action")
    at = (
        lenient_time(payload, "deployment_status", "created_at")
        or lenient_time(payload, "workflow_run", "updated_at")
        or lenient_time(payload, "deployment", "created_at")
    )
    about = lenient_text(payload, "deployment", "id") or lenient_text(payload, "workflow_run", "id")
    return Envelope(
        delivery_id=headers.get("X-GitHub-Delivery", "").strip(),
        event=".".join(filter(None, (event, action))),
        at=at,
        about=about,
    )


def read(payload: Holder, headers: Headers) -> list[Fact]:
    """Return the facts of an event, or raise Unreadable.

    An event without its header is told apart by what it has.
    """
    event = headers.get("X-GitHub-Event", "").strip()
    if not event:
        names = ("deployment_status", "deployment", "workflow_run")
        event = next((name for name in names if name in payload), "")
    if event == "deployment_status":
        return _status(payload)
    if event == "deployment" and payload.get("action", "created") == "created":
        return [_deployment(payload)]
    if event == "workflow_run":
        return _run(payload)
    return []


def _deployment(payload: Holder) -> DeploymentHeard:
    deployment = holder(payload.get("deployment"), "deployment")
    at = time(deployment, "created_at", "deployment")
    return DeploymentHeard(at=at, status="pending", **_of(payload, deployment))


def _status(payload: Holder) -> list[Fact]:
    found = holder(payload.get("deployment_status"), "deployment_status")
    status = GITHUB_STATE.get(text(found, "state", "deployment_status", required=True))
    if status is None:
        return []
    deployment = holder(payload.get("deployment"), "deployment")
    about = _of(payload, deployment)
    at = time(found, "created_at", "deployment_status")
    links = (text(found, name, "deployment_status") for name in ("log_url", "target_url"))
    about["url"] = next(filter(None, links), "") or about["url"]
    about["environment"] = text(found, "environment", "deployment_status") or about["environment"]
    about["description"] = text(found, "description", "deployment_status") or about["description"]
    about["mentions"] += tuple(texts_in(found.get("description")))
    return [
        DeploymentHeard(
            at=at,
            status=status,
            started_at=at if status == "running" else None,
            finished_at=_end(at, status),
            **about,
        )
    ]


def _of(payload: Holder, deployment: Holder) -> dict[str, Any]:
    repository, run = part(payload, "repository"), part(payload, "workflow_run")
    number = key(deployment, "id", "deployment")
    name, page = text(repository, "name", "repository"), text(repository, "html_url", "repository")
    ref, commit = text(deployment, "ref", "deployment"), text(deployment, "sha", "deployment")
    return {
        "system": System.GITHUB,
        "key": f"deployments/{number}",
        "environment": text(deployment, "environment", "deployment"),
        "commit": commit,
        "actor": text(part(deployment, "creator"), "login", "creator"),
        "url": text(run, "html_url", "workflow_run") or (f"{page}/deployments" if page else ""),
        "description": text(deployment, "description", "deployment"),
        "system_names": _names(repository),
        "mentions": (
            name,
            ref,
            *texts_in(deployment.get("description")),
            *texts_in(deployment.get("payload")),
            *_words_of(run),
        ),
        **_ref(ref, commit),
    }


def _names(repository: Holder) -> tuple[str, ...]:
    found = (text(repository, name, "repository") for name in ("name", "full_name"))
    return tuple(filter(None, found))


def _ref(ref: str, commit: str) -> dict[str, str]:
    if ref.startswith("refs/tags/"):
        return {"tag": ref.removeprefix("refs/tags/")}
    return {"branch": "" if ref == commit else ref.removeprefix("refs/heads/")}


def _words_of(run: Holder) -> list[str]:
    """Return where in a workflow run the number of a change may stand."""
    commit = run.get("head_commit")
    message = commit.get("message") if isinstance(commit, dict) else None
    return [*texts_in([run.get("head_branch"), run.get("display_title"), run.get("name"), message])]


def _run(payload: Holder) -> list[Fact]:
    """Read a workflow run; one that neither deploys by its name nor names a change is none."""
    run = holder(payload.get("workflow_run"), "workflow_run")
    names = [text(run, "name", "workflow_run"), text(run, "path", "workflow_run")]
    names.append(text(part(payload, "workflow"), "name", "workflow"))
    mentions = _words_of(run)
    if not any(map(DEPLOYING.search, names)) and not any(map(CHANGE_NUMBER.search, mentions)):
        return []
    conclusion = text(run, "conclusion", "workflow_run")
    done = text(run, "status", "workflow_run") == "completed"
    status = GITHUB_CONCLUSION.get(conclusion, "failed") if done else "running"
    at = time(run, "updated_at", "workflow_run")
    began = time_if_any(run, "run_started_at", "workflow_run")
    repository = part(payload, "repository")
    return [
        DeploymentHeard(
            system=System.GITHUB,
            key=f"runs/{key(run, 'id', 'workflow_run')}",
            at=at,
            status=status,
            commit=text(run, "head_sha", "workflow_run"),
            branch=text(run, "head_branch", "workflow_run"),
            actor=text(part(run, "triggering_actor") or part(run, "actor"), "login", "actor"),
            url=text(run, "html_url", "workflow_run"),
            description=next(filter(None, reversed(names)), ""),
            started_at=began,
            finished_at=_end(at, status),
            system_names=_names(repository),
            mentions=tuple(mentions),
        )
    ]


def _end(at: datetime, status: str) -> datetime | None:
    return at if status in ENDED else None
