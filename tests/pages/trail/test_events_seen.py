"""Who sees which events of the trail."""

from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal.audit import sealer, sign_in
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.lifecycle import TransitionRefused
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.pages.conftest import SignIn
from tests.pages.trail.reading import CHECKPOINTS, EVENTS, SECRET, shown
from tests.pages.world import listing, page
from tests.scenario import Company, Journey, a_draft, person

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("log_key")]


@pytest.fixture
def secret(company: Company) -> EmergencyChange:
    """A confidential change, shared with somebody, that its requester tried to approve."""
    texts = {name: f"{SECRET} {name}" for name in ("title", "scope", "rollback_plan")}
    change = a_draft(company, confidential=True, **texts)
    journey = Journey(company, change).submit()
    journey.do("share", company.lead, f"{SECRET} reason", person=company.engineer2)
    with pytest.raises(TransitionRefused):
        CHANGES.perform(change, "approve", by=company.engineer, reason=f"{SECRET} reason")
    return change


def test_role_administrators_see_what_concerns_accounts_alone(
    company: Company, secret: EmergencyChange, signed_in: SignIn
) -> None:
    client = signed_in(company.roleadmin)
    addresses = [EVENTS, *(f"{EVENTS}?{query}" for query in (
        "kind=history", f"q={SECRET}", f"q={secret.number}", "q=engineer",
        f"record=changes.emergencychange:{secret.pk}", "p=2", "all=",
    ))]  # fmt: skip
    for address in addresses:
        text = shown(client, address)
        for echo in (f'value="{SECRET}"', f"“{SECRET}”", f"“{secret.number}”"):
            text = text.replace(echo, "")
        assert SECRET not in text, address
        assert secret.number not in text, address
        assert "Act on a record Leaf" not in text
    for event in AuditEvent.objects.all():
        response = client.get(page(event))
        assert response.status_code in (200, 404)
        assert SECRET not in response.content.decode()
        assert secret.number not in response.content.decode()
        about_people = event.source is None or "user" in event.source
        assert response.status_code == 404 or about_people, event.source
    assert client.get(CHECKPOINTS).status_code == 403
    text = shown(client, EVENTS)
    assert "You see what concerns accounts" in text
    assert f"Tried to approve emergency change {secret.pk}:" in text
    assert "Person engineer: created" in text


def test_event_names_no_record_that_the_reader_may_not_open(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    sign_in.denied(f"reject changes.emergencychange:{change.pk}", "a rule")
    text = shown(signed_in(company.roleadmin), EVENTS)
    assert f"Tried to reject emergency change {change.pk}: a rule" in text
    assert change.number not in text


def test_role_administrators_see_grants_on_systems_and_no_other(
    company: Company, secret: EmergencyChange, signed_in: SignIn
) -> None:
    SYSTEMS.perform(
        company.system, "grant", by=company.roleadmin, reason="Owns it.", person=company.lead
    )
    client = signed_in(company.roleadmin)
    events = AuditEvent.objects.filter(source="accounts.historicaluserobjectpermission")
    codes = {
        model: {
            client.get(page(event)).status_code
            for event in events.filter(body__contains=grant_on(model))
        }
        for model in (System, EmergencyChange)
    }
    assert codes == {System: {200}, EmergencyChange: {404}}


def grant_on(model: Any) -> str:
    return f'"content_type_id":{ContentType.objects.get_for_model(model).pk},'


def test_superuser_in_no_role_reads_no_record(secret: EmergencyChange, signed_in: SignIn) -> None:
    client = signed_in(person("root", is_superuser=True))
    for event in AuditEvent.objects.filter(kind="history"):
        assert SECRET not in client.get(page(event)).content.decode()
    assert SECRET not in client.get(f"{EVENTS}?kind=history").content.decode()


@pytest.mark.parametrize("who", ["lead", "auditor"])
def test_leads_and_auditors_read_every_event(
    company: Company, secret: EmergencyChange, signed_in: SignIn, who: str
) -> None:
    client = signed_in(getattr(company, who))
    assert f"Tried to approve {secret.number}" in shown(client, EVENTS)
    event = AuditEvent.objects.filter(source="changes.historicalemergencychange")[0]
    assert SECRET in shown(client, page(event))


def test_nothing_of_the_trail_can_be_changed_or_has_a_history_page(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    records = [AuditEvent.objects.first(), AuditCheckpoint.objects.first()]
    before = [AuditEvent.objects.count(), AuditCheckpoint.objects.count()]
    for record in records:
        assert auditor.get(page(record, "history")).status_code == 404
        for address in (page(record), page(record, "delete"), listing(record, "add")):
            assert auditor.post(address, {"_save": "1", "post": "yes"}).status_code == 403
    refused = AuditEvent.objects.filter(kind="denied").count()
    after = [AuditEvent.objects.count() - refused, AuditCheckpoint.objects.count()]
    assert after == before
