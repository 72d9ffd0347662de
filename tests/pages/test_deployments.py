"""Deployments on pages: on their change, in their list, attached and detached by hand."""

from datetime import timedelta

import pytest
from django.test import Client

from changes.models import Deployment
from ecportal import clock
from tests.changes.deploying import told
from tests.pages.conftest import SignIn
from tests.pages.world import act, listing, page
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def test_change_shows_its_deployments_and_what_came_before_the_approval(
    company: Company, signed_in: SignIn
) -> None:
    change = a_change(company, "submitted")
    early = clock.now() - timedelta(minutes=5)
    deployment = told(mentions=(f"Fix {change.number}",), at=early, branch="hotfix/x")
    shown = text(signed_in(company.engineer), page(change))
    assert page(deployment) in shown
    assert "before the approval" in shown
    assert f"by its reference to the change: “Fix {change.number}”" in shown
    Journey(company, change).approve()
    told(mentions=(change.number,), key="2", at=clock.now())
    assert text(signed_in(company.engineer), page(change)).count("before the approval") == 1


def test_engineer_attaches_and_detaches_by_hand(company: Company, signed_in: SignIn) -> None:
    change, deployment, client = a_change(company, "approved"), told(), signed_in(company.engineer)
    posted = {"change": change.pk, "reason": "The pipeline forgot the number."}
    assert client.post(act(deployment, "attach"), posted).status_code == 302
    assert Deployment.objects.get().change == change
    assert change.executions.count() == 1
    shown = text(client, page(deployment))
    assert "The pipeline forgot the number." in shown
    assert "By hand" in shown
    assert client.post(act(deployment, "detach"), {"reason": "Not this one."}).status_code == 302
    assert Deployment.objects.get().change is None


def test_form_offers_what_one_may_see_and_what_stands(company: Company, signed_in: SignIn) -> None:
    hidden = Journey(company, a_draft(company, confidential=True, title="Hidden")).change
    cancelled, open_one = a_change(company, "cancelled"), a_draft(company)
    client = signed_in(company.engineer2)
    shown = text(client, act(told(), "attach"))
    assert open_one.number in shown
    assert hidden.number not in shown
    assert cancelled.number not in shown
    posted = {"change": hidden.pk, "reason": "Mine."}
    assert client.post(act(Deployment.objects.get(), "attach"), posted).status_code == 422


def test_deployment_of_a_confidential_change_is_hidden_with_it(
    company: Company, signed_in: SignIn
) -> None:
    change = a_draft(company, confidential=True)
    deployment = told(mentions=(change.number,), branch="hotfix/leak")
    for person, sees in ((company.engineer2, False), (company.lead, True)):
        client = signed_in(person)
        assert ("88213" in text(client, listing(deployment))) is sees
        assert (client.get(page(deployment)).status_code == 200) is sees
        assert (client.get(page(deployment, "history")).status_code == 200) is sees


def test_link_of_a_pipeline_is_shown_and_nothing_else_becomes_one(
    company: Company, signed_in: SignIn
) -> None:
    deployment = told(branch="javascript:alert(1)", description="<script>alert(1)</script>")
    shown = text(signed_in(company.lead), page(deployment))
    assert '<a href="https://github.example.test/runs/88213"' in shown
    assert "<script>alert" not in shown
    assert 'href="javascript' not in shown


def test_revoked_token_is_an_act_on_the_record(company: Company, signed_in: SignIn) -> None:
    from tests.pages.world import a_token

    token, client = a_token(), signed_in(company.roleadmin)
    assert client.post(act(token, "revoke"), {"reason": "It leaked."}).status_code == 302
    token.refresh_from_db()
    assert token.status == "revoked"
    shown = text(client, page(token))
    assert "It leaked." in shown
    assert "Revoked" in shown
