"""The API: deployments are told once however often, and changes read as far as a token may."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from changes.models import Deployment
from ecportal import clock
from ecportal.accounts.models import ApiToken
from ecportal.audit.models import AuditEvent
from tests.changes.pipelines import DEPLOYMENTS, Pipeline
from tests.changes.test_deployments import execution_item
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once


@pytest.fixture
def pipeline(db: None) -> Pipeline:
    return Pipeline()


def assert_problem(response: Any, status: int, said: str = "") -> None:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    told = response.json()
    assert told.keys() == {"type", "title", "status", "detail"}
    assert told["status"] == status
    assert told["detail"].endswith((".", "…"))
    assert said in told["detail"]


# --- telling of deployments ---------------------------------------------------------------------
def test_deployment_is_recorded_under_the_account_of_the_token(
    company: Company, pipeline: Pipeline
) -> None:
    change = a_change(company, "implementing")
    finished = (clock.now() - timedelta(minutes=1)).replace(microsecond=0)
    response = pipeline.tell(
        change=change.number.lower(), finished_at=finished.isoformat(), systems=["checkout"],
        url="https://ci.example.test/88213", actor="priya",
    )  # fmt: skip
    assert response.status_code == 201
    deployment = Deployment.objects.get()
    assert response.json() == {
        "id": deployment.pk, "source": "api:ci", "key": "88213", "status": "succeeded",
        "environment": "production", "is_production": True, "change": change.number,
        "done": ["Recorded Deployment 88213 to production.", f"Attached it to {change.number}."],
        "url": f"http://127.0.0.1:8000/admin/changes/deployment/{deployment.pk}/change/",
    }  # fmt: skip
    assert deployment.recorded_by == deployment.attached_by == pipeline.account
    assert [row.history_user_id for row in deployment.history.all()] == [pipeline.account.pk] * 2
    entry = change.executions.get()
    assert (entry.written_by, entry.happened_at) == (pipeline.account, finished)
    assert execution_item(change) == ("present", (finished,))


def test_request_that_is_repeated_changes_nothing(company: Company, pipeline: Pipeline) -> None:
    number = a_change(company, "approved").number
    first = pipeline.tell(references=[f"Deploy {number}"])
    written = Deployment.history.count()
    again = pipeline.tell(references=[f"Deploy {number}"])
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == {**first.json(), "done": []}
    assert Deployment.history.count() == written


def test_header_names_the_deployment_where_the_body_does_not(pipeline: Pipeline) -> None:
    body = {"status": "running"}
    first = pipeline.post(body, **{"Idempotency-Key": "run-1"})
    again = pipeline.post(body, **{"Idempotency-Key": "run-1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["key"] == "run-1"
    assert_problem(pipeline.post(body), 422, "key: it is empty")
    assert_problem(pipeline.post({**body, "key": "  "}), 422, "key: it is empty")


def test_same_key_of_two_accounts_is_two_deployments(pipeline: Pipeline) -> None:
    assert pipeline.tell().status_code == Pipeline("other").tell().status_code == 201
    assert set(Deployment.objects.values_list("source", flat=True)) == {"api:ci", "api:other"}


def test_status_follows_and_an_older_report_does_not_count(pipeline: Pipeline) -> None:
    assert pipeline.tell(status="running").json()["status"] == "running"
    assert pipeline.tell().json()["status"] == "succeeded"
    late = (clock.now() - timedelta(hours=1)).isoformat()
    told = pipeline.tell(status="failed", at=late).json()
    assert (told["status"], told["done"]) == ("succeeded", [])


def test_number_stands_in_branch_tag_or_description(company: Company, pipeline: Pipeline) -> None:
    change = a_change(company, "approved")
    for place, name in enumerate(("branch", "tag", "description")):
        told = pipeline.tell(key=f"run-{place}", **{name: f"hotfix/{change.number}_rollback"})
        assert told.json()["change"] == change.number, name


def test_change_that_does_not_exist_keeps_no_deployment_out(pipeline: Pipeline) -> None:
    response = pipeline.tell(change="EC-2019-0001")
    assert response.status_code == 201
    assert response.json()["change"] is None


def test_confidential_change_is_not_given_away(company: Company, pipeline: Pipeline) -> None:
    change = Journey(company, a_draft(company, confidential=True)).to("approved")
    response = pipeline.tell(change=change.number)
    assert Deployment.objects.get().change == change
    assert response.json()["change"] is None
    assert change.number not in response.content.decode()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"status": "done"}, "status: input should be 'pending'"),
        ({"stage": "production"}, "stage: extra inputs are not permitted."),
        ({"url": "javascript:alert(1)"}, "url: it is no address"),
        ({"branch": "b" * 256}, "branch: string should have at most 255 characters."),
        ({"actor": "a\0b"}, "actor: it contains a NUL character."),
        ({"at": "2099-01-01T00:00:00Z"}, "at: it is no time between 2000 and now."),
        ({"at": "0001-01-01T00:00:00+14:00"}, "at: it is no time between 2000 and now."),
        ({"at": "2026-01-01T00:00:00"}, "at: input should have timezone info."),
        ({"systems": ["s"] * 51}, "systems: list should have at most 50 items"),
        ({"environment": None}, "environment: input should be a valid string."),
        ({"status": 1, "key": 2, "branch": 3, "tag": 4}, "And 1 more."),
    ],
)
def test_bad_field_is_named_in_a_sentence(pipeline: Pipeline, told: Any, said: str) -> None:
    assert_problem(pipeline.tell(**told), 422, said)
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        ("{", "application/json", 400, "The body is not JSON."),
        ("[" * 200_000, "application/json", 400, "The body is not JSON."),
        ('{"key": "\\ud800", "status": "failed"}', "application/json", 422, "key:"),
        ("[]", "application/json", 422, "The body: input should be"),
        ("", "application/json", 422, "The body: field required."),
        ("key=1&status=failed", "application/x-www-form-urlencoded", 415, "application/json"),
        (f'"{"x" * 3_000_000}"', "application/json", 413, "larger than the portal takes"),
    ],
)
def test_bad_body_is_refused(
    pipeline: Pipeline, body: str, kind: str, status: int, said: str
) -> None:
    assert_problem(pipeline.post(body, content_type=kind), status, said)


# --- tokens -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer  ", "Basic Y2k6Y2k=", "ecp_00000000_x"]
)
def test_without_a_token_nothing_is_told(db: None, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    before = AuditEvent.objects.count()
    response = Client().get("/api/v1/changes/EC-2026-0001", headers=headers)
    assert_problem(response, 401, "Send a token: Authorization: Bearer")
    assert response["WWW-Authenticate"] == 'Bearer realm="ecportal"'
    assert AuditEvent.objects.count() == before


def test_bad_token_is_refused_and_noted_without_the_token(pipeline: Pipeline) -> None:
    pipeline.token = pipeline.token[:-1] + ("A" if pipeline.token[-1] != "A" else "B")
    response = pipeline.tell()
    assert_problem(response, 401, "The token is unknown, expired or revoked.")
    assert 'error="invalid_token"' in response["WWW-Authenticate"]
    event = AuditEvent.objects.latest("pk")
    assert event.kind == "denied"
    assert "POST /api/v1/deployments" in event.body
    assert pipeline.token not in event.body
    assert not Deployment.objects.exists()


@pytest.mark.parametrize(
    ("scope", "address"),
    [("changes:read", DEPLOYMENTS), ("deployments:write", "/api/v1/changes/EC-2026-0001/gate")],
)
def test_token_of_another_scope_is_refused_and_noted(db: None, scope: str, address: str) -> None:
    pipeline = Pipeline("ci", (scope,))
    ask = pipeline.client.post if address == DEPLOYMENTS else pipeline.client.get
    response = ask(address, headers=pipeline.headers())
    assert_problem(response, 403, "The token lacks the scope ")
    assert 'error="insufficient_scope"' in response["WWW-Authenticate"]
    assert '"username":"ci"' in AuditEvent.objects.latest("pk").body


def test_use_of_a_token_is_noted_to_the_minute_and_leaves_no_history(pipeline: Pipeline) -> None:
    pipeline.tell()
    used = ApiToken.objects.get().last_used_at
    pipeline.tell()
    assert used is not None
    assert ApiToken.objects.get().last_used_at == used
    with clock.at(used + timedelta(minutes=1)):
        pipeline.tell()
    assert ApiToken.objects.get().last_used_at == used + timedelta(minutes=1)
    assert ApiToken.history.count() == 1


def test_session_of_a_browser_opens_nothing(company: Company) -> None:
    client = Client()
    client.force_login(company.lead)
    assert client.get("/api/v1/changes/EC-2026-0001").status_code == 401


# --- reading ------------------------------------------------------------------------------------
def test_change_is_read_with_who_did_what_when(company: Company, pipeline: Pipeline) -> None:
    change = a_change(company, "implemented")
    told = pipeline.read(change.number.lower()).json()
    assert (told["number"], told["status"], told["title"]) == (
        change.number, "implemented", change.title,
    )  # fmt: skip
    assert (told["requester"], told["approver"], told["implementer"]) == (
        "Engineer", "Lead", "Engineer",
    )  # fmt: skip
    assert told["approval"] == "In the portal, approved"
    assert told["systems"] == ["checkout"]
    assert told["incident"]["number"] == change.incident.number
    assert told["started_at"].endswith("Z")
    assert told["closed_at"] is None
    assert told["url"].endswith(f"/admin/changes/emergencychange/{change.pk}/change/")


@pytest.mark.parametrize("number", ["EC-2026-9999", "x", "EC-2026-0001%20", "%F0%9F%9A%A8"])
def test_unknown_change_is_not_found(pipeline: Pipeline, number: str) -> None:
    assert_problem(pipeline.read(number), 404, "There is no such change")
    assert_problem(pipeline.gate(number), 404, "There is no such change")


def test_confidential_change_exists_for_whom_it_was_shared_with(
    company: Company, pipeline: Pipeline
) -> None:
    change = Journey(company, a_draft(company, confidential=True)).to("approved")
    for ask in (pipeline.read, pipeline.gate):
        assert_problem(ask(change.number), 404)
    Journey(company, change).do("share", company.lead, person=pipeline.account)
    assert pipeline.read(change.number).json()["title"] == change.title
    assert pipeline.gate(change.number).status_code == 200


def test_grant_to_one_service_account_is_none_to_another(
    company: Company, pipeline: Pipeline
) -> None:
    change = a_draft(company, confidential=True)
    assign_perm("view_emergencychange", Pipeline("other").account, change)
    assert_problem(pipeline.read(change.number), 404)


def test_lead_shares_a_confidential_change_with_a_pipeline_on_its_page(
    company: Company, pipeline: Pipeline
) -> None:
    change = a_draft(company, confidential=True)
    client = Client()
    client.force_login(company.lead)
    address = f"/admin/changes/emergencychange/{change.pk}/act/share/"
    data = {"person": pipeline.account.pk, "reason": "It deploys the fix."}
    assert client.post(address, data).status_code == 302
    assert pipeline.read(change.number).status_code == 200


# --- addresses ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("get", DEPLOYMENTS, "POST"),
        ("delete", DEPLOYMENTS, "POST"),
        ("post", "/api/v1/changes/EC-2026-0001", "GET"),
        ("put", "/api/v1/changes/EC-2026-0001/gate", "GET"),
        ("post", "/api/v1/openapi.json", "GET, HEAD"),
    ],
)
def test_wrong_method_is_answered_in_json(
    pipeline: Pipeline, method: str, address: str, allowed: str
) -> None:
    response = getattr(pipeline.client, method)(address, headers=pipeline.headers())
    assert_problem(response, 405, f"Only {allowed} is possible")
    assert response["Allow"] == allowed


@pytest.mark.parametrize(
    "address", ["/api/v1/", "/api/v1/nothing", f"{DEPLOYMENTS}/", "/api/v1/docs", "/api/"]
)
def test_unknown_address_is_answered_in_json(db: None, client: Client, address: str) -> None:
    assert_problem(client.get(address), 404)


def test_nul_in_an_address_is_answered_in_json(pipeline: Pipeline) -> None:
    assert_problem(pipeline.read("EC%00"), 400)


def test_document_describes_every_operation_with_its_errors(db: None, client: Client) -> None:
    document = client.get("/api/v1/openapi.json").json()
    assert set(document["paths"]) == {
        "/api/v1/deployments", "/api/v1/changes/{number}", "/api/v1/changes/{number}/gate",
    }  # fmt: skip
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["security"] == [{"TokenAuth": []}]
            assert {"401", "403"} <= operation["responses"].keys()
            for status, response in operation["responses"].items():
                problem = int(status) >= 400 and status != "409"
                kind = "application/problem+json" if problem else "application/json"
                assert list(response["content"]) == [kind]


# --- cost ---------------------------------------------------------------------------------------
def test_reading_and_the_gate_cost_the_same_for_every_change(
    company: Company, pipeline: Pipeline
) -> None:
    numbers = [a_draft(company).number, a_change(company, "closed").number]
    pipeline.gate(numbers[0])  # the token's use is noted once a minute
    for ask in (pipeline.read, pipeline.gate):
        costs = []
        for number in numbers:
            with CaptureQueriesContext(connection) as caught:
                assert ask(number).status_code in (200, 409)
            costs.append(len(caught))
        assert costs[0] == costs[1] <= 6, costs
