"""The API for pipelines: they tell what they deployed, and ask whether they may."""

from typing import Annotated, Any

from django.conf import settings
from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Path, Status
from ninja.errors import ValidationError
from ninja.params.functions import Header

from changes.api_answers import Api, JsonBody, Readable, addresses, answer_in_json
from changes.api_schemas import ChangeOut, DeploymentIn, DeploymentOut, GateOut, Problem, Text
from changes.api_tokens import TokenAuth
from changes.deployments import Taken, take_in
from changes.gate import judge
from changes.guards import standing_approval
from changes.models import Approval, ChangeSystem, Deployment, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import DeploymentHeard

TITLE = "ecportal"
DESCRIPTION = (
    "Pipelines tell what they deployed, and ask whether an emergency change may be deployed. "
    "Every request comes with the token of a service account."
)
DENIED: dict[int, type[Problem]] = dict.fromkeys((400, 401, 403), Problem)
NO_BODY: dict[int, type[Problem]] = {**DENIED, 404: Problem, 422: Problem}
WITH_BODY: dict[int, type[Problem]] = {**DENIED, 413: Problem, 415: Problem, 422: Problem}
WHOLE = (
    Prefetch("systems", ChangeSystem.objects.select_related("system")),
    Prefetch(
        "approvals",
        Approval.objects.select_related(
            "approver", "delegation__delegate", "delegation__delegator"
        ),
    ),
)
KEY_HEADER = Header("", alias="Idempotency-Key")
Number = Annotated[str, Path(description="Such as EC-2026-0042.", max_length=20)]


api = Api(
    title=TITLE, version=settings.VERSION, description=DESCRIPTION, docs_url=None,
    openapi_url="/openapi.json", parser=JsonBody(), renderer=Readable(), urls_namespace="api",
)  # fmt: skip
answer_in_json(api)


@api.post(
    "/deployments",
    auth=TokenAuth("deployments:write"),
    response={200: DeploymentOut, 201: DeploymentOut, **WITH_BODY},
    summary="Tell of a deployment",
)
def tell_of_deployment(
    request: HttpRequest,
    told: DeploymentIn,
    idempotency_key: Text = KEY_HEADER,
) -> Status[dict[str, Any]]:
    """Record a deployment, or bring it up to date; 201 where it is new.

    The same news twice changes nothing, so a request can be repeated until it is answered. It
    attaches itself to the first emergency change that is named and stands.
    """
    account = _account(request)
    key = told.key.strip() or idempotency_key.strip()
    if not key:
        said = "it is empty, and there is no header Idempotency-Key either"
        raise ValidationError([{"loc": ("body", "told", "key"), "msg": said}])
    taken = take_in(_heard(told, key, account), by=account, dated=told.at is not None)
    return Status(201 if taken.is_new else 200, _deployment(taken, account))


@api.get(
    "/changes/{number}",
    auth=TokenAuth("changes:read"),
    response={200: ChangeOut, **NO_BODY},
    summary="Read an emergency change",
)
def read_change(request: HttpRequest, number: Number) -> dict[str, Any]:
    """Return who did what when. What is confidential exists only for those it was shared with."""
    change = _change(request, number, "incident", "requester", "implementer")
    approval = standing_approval(change)
    names = (
        "number", "title", "confidential", "status", "opened_at", "submitted_at", "approved_at",
        "without_approval", "started_at", "finished_at", "outcome", "verified_at",
        "documented_at", "closed_at", "closed_late",
    )  # fmt: skip
    incident = change.incident
    return {
        **{name: getattr(change, name) for name in names},
        "risk": change.get_risk_display(),
        "systems": sorted(str(link) for link in change.systems.all()),
        "incident": {
            "number": incident.number, "title": incident.title, "began_at": incident.began_at,
            "severity": incident.get_severity_display(),
        },
        "requester": str(change.requester),
        "approver": approval.decided_by if approval else None,
        "approval": str(approval) if approval else None,
        "implementer": str(change.implementer) if change.implementer else None,
        "url": _page(change),
    }  # fmt: skip


@api.get(
    "/changes/{number}/gate",
    auth=TokenAuth("changes:read"),
    response={200: GateOut, 409: GateOut, **NO_BODY},
    summary="Ask whether a change may be deployed",
)
def ask_at_gate(request: HttpRequest, number: Number) -> Status[dict[str, Any]]:
    """Answer 200 where the change is approved and not finished, else 409 with the reason."""
    change = _change(request, number)
    approval, verdict = standing_approval(change), judge(change)
    told = {
        "number": change.number,
        "may_deploy": verdict.may_deploy,
        "reason": verdict.reason,
        "status": change.status,
        "approver": approval.decided_by if approval else None,
        "approved_at": approval.decided_at if approval else None,
        "without_approval": change.without_approval,
        "url": _page(change),
    }
    return Status(200 if verdict.may_deploy else 409, told)


def _account(request: HttpRequest) -> User:
    account = request.auth  # type: ignore[attr-defined]
    assert isinstance(account, User)
    return account


def _change(request: HttpRequest, number: str, *relations: str) -> EmergencyChange:
    visible: QuerySet[EmergencyChange] = EmergencyChange.objects.visible_to(_account(request))
    if relations:
        visible = visible.select_related(*relations)
    return get_object_or_404(visible.prefetch_related(*WHOLE), number=number.upper())


def _heard(told: DeploymentIn, key: str, account: User) -> DeploymentHeard:
    return DeploymentHeard(
        system=f"api:{account.username}",
        key=key,
        at=told.at or clock.now(),
        status=told.status,
        environment=told.environment,
        commit=told.commit,
        branch=told.branch,
        tag=told.tag,
        actor=told.actor,
        url=told.url,
        description=told.description,
        started_at=told.started_at,
        finished_at=told.finished_at,
        system_names=tuple(told.systems),
        mentions=(told.change, *told.references, told.branch, told.tag, told.description),
    )


def _deployment(taken: Taken, account: User) -> dict[str, Any]:
    """Return what the pipeline may know: nothing of a confidential change that is not shared."""
    deployment, done = taken.deployment, taken.done
    change = deployment.change
    if change and not Deployment.objects.visible_to(account).filter(pk=deployment.pk).exists():
        done = [said for said in done if change.number not in said]
        change = None
    names = ("id", "source", "key", "status", "environment", "is_production")
    return {
        **{name: getattr(deployment, name) for name in names},
        "change": change.number if change else None,
        "done": done,
        "url": _page(deployment),
    }


def _page(record: Model) -> str:
    name = f"admin:{record._meta.app_label}_{record._meta.model_name}_change"
    return settings.PORTAL_URL + reverse(name, args=[record.pk])


urlpatterns = addresses(api)
