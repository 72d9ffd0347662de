"""The pages of deliveries, of incidents heard elsewhere, and the way from an alert to a change."""

import re
from typing import Any

import pytest
from django.urls import reverse

from ecportal.integrations.models import Delivery
from ecportal.integrations.working import work_off
from incidents.models import Incident
from tests.integrations.samples import PAGERDUTY, pagerduty
from tests.integrations.sending import SECRETS, deliver
from tests.pages.conftest import SignIn
from tests.pages.world import act, listing, page
from tests.scenario import Company

pytestmark = pytest.mark.once


@pytest.fixture
def hooks(settings: Any, company: Company) -> None:
    for name, values in SECRETS.items():
        setattr(settings, name, values)


def test_delivery_is_shown_as_it_came_without_secrets(
    hooks: None, company: Company, signed_in: SignIn
) -> None:
    title = "<script>alert(1)</script>"
    deliver("pagerduty", pagerduty("incident.triggered", "08:41:00", title=title),
            **{"X-Webhook-Id": "w-1", "Authorization": "Bearer not-for-anybody"})  # fmt: skip
    work_off()
    text = signed_in(company.auditor).get(page(Delivery.objects.get())).content.decode()
    assert "&quot;title&quot;: &quot;&lt;script&gt;alert(1)" in text
    assert title not in text
    assert "x-webhook-id" in text
    assert "not-for-anybody" not in text
    assert "v1=" not in text
    assert f"Recorded {Incident.objects.get().number}." in text
    listed = signed_in(company.lead).get(listing(Delivery)).content.decode()
    assert "incident.triggered" in listed


@pytest.mark.parametrize("body", [b"\xff\x00<b>", b"[1]", b"{" + b"x" * 300_000])
def test_body_that_is_no_json_is_shown_all_the_same(
    body: bytes, hooks: None, company: Company, signed_in: SignIn
) -> None:
    deliver("pagerduty", PAGERDUTY)
    Delivery.objects.update(body=body, outcome="unreadable")
    response = signed_in(company.lead).get(page(Delivery.objects.get()))
    assert response.status_code == 200
    assert b"<b>" not in response.content
    assert len(response.content) < 200_000


def test_lead_is_told_of_failed_deliveries_and_has_them_worked_on_again(
    hooks: None, company: Company, signed_in: SignIn
) -> None:
    deliver("pagerduty", PAGERDUTY)
    Delivery.objects.update(outcome="failed", attempts=6, answer="OperationalError: gone")
    home = signed_in(company.lead).get("/admin/").content.decode()
    assert "1 delivery</a> failed" in home
    assert "failed: the portal" not in signed_in(company.engineer).get("/admin/").content.decode()
    delivery = Delivery.objects.get()
    client = signed_in(company.lead)
    button = f'href="{act(delivery, "retry")}"'
    assert button in client.get(page(delivery)).content.decode()
    assert client.post(act(delivery, "retry"), {"reason": ""}).status_code == 422
    client.post(act(delivery, "retry"), {"reason": "It is back."})
    work_off()
    delivery.refresh_from_db()
    assert delivery.outcome == "done"
    assert button not in client.get(page(delivery)).content.decode()


def test_alert_leads_to_the_form_that_declares_an_emergency_in_two_clicks(
    hooks: None, company: Company, signed_in: SignIn
) -> None:
    deliver("pagerduty", PAGERDUTY)
    work_off()
    incident = Incident.objects.get()
    client = signed_in(company.engineer)
    there = client.get(page(incident)).content.decode()  # where every message leads
    assert "In other systems" in there
    assert 'href="https://acme.pagerduty.example.com/incidents/PGR0VU2"' in there
    declare = reverse("admin:changes_emergencychange_declare", args=[incident.pk])
    assert f'href="{declare}"' in there  # the first click
    form = client.get(declare).content.decode()
    assert re.search(rf'value="{company.system.pk}"[^>]*checked', form)
    assert re.search(r'<option value="alert"[^>]*selected', form)
    answers = {"criterion": "outage", "why_not_normal": "Orders are lost.", "scope": "Roll back.",
               "risk": "low", "rollback_plan": "Roll forward.", "route": "ask",
               "basis": "alert"}  # fmt: skip
    assert client.post(declare, answers).status_code == 302  # the second
    assert incident.determinations.get().is_emergency
