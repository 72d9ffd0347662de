"""The events of the trail in words, their list, and the page of one."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal.accounts.models import User
from ecportal.audit import attestation, context, heartbeat, protection, sealer, sign_in
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.lifecycle import TransitionRefused
from tests.pages.conftest import SignIn
from tests.pages.trail.reading import CHECKPOINTS, EVENTS, markup, shown, verified
from tests.pages.world import page
from tests.scenario import Company, a_change, person

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("log_key")]


# --- events in words ----------------------------------------------------------------------------
def test_sign_ins_and_failed_ones_read_as_such(company: Company, auditor: Client) -> None:
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    credentials = {"username": "lead", "password": "wrong"}
    stranger.post("/admin/login/", credentials)
    stranger.post("/admin/login/", {**credentials, "username": "nobody-at-all"})
    stranger.post("/admin/login/", {**credentials, "password": "lead"})
    stranger.post("/admin/logout/")
    text = shown(auditor, EVENTS)
    assert "Nobody signed in Failed to sign in as lead from 203.0.113.9 Failed sign-in" in text
    assert "Failed to sign in under a name that nobody has from 203.0.113.9" in text
    assert "Lead (lead) Signed in from 203.0.113.9 Sign-in Not sealed yet" in text
    assert "Lead (lead) Signed out from 203.0.113.9" in text


def test_refused_act_names_record_and_rule(company: Company, auditor: Client) -> None:
    change = a_change(company, "submitted")
    company.engineer.groups.set(company.lead.groups.all())
    requester = User.objects.get(pk=company.engineer.pk)
    with pytest.raises(TransitionRefused) as refused:
        CHANGES.perform(change, "approve", by=requester, reason="Mine.", fingerprint="")
    text = shown(auditor, f"{EVENTS}?kind=denied")
    assert f"Engineer (engineer) Tried to approve {change.number}: {refused.value.sentence}" in text
    one = AuditEvent.objects.filter(kind="denied")[0]
    assert f"Tried to approve {change.number}" in shown(auditor, page(one))


def test_refused_page_names_its_address(
    company: Company, auditor: Client, engineer: Client
) -> None:
    assert engineer.get("/admin/accounts/user/").status_code == 403
    assert "Tried to open /admin/accounts/user/:" in shown(auditor, EVENTS)


def test_memberships_read_as_people_and_groups(company: Company, auditor: Client) -> None:
    person("newcomer", "Engineer")
    User.objects.get(username="newcomer").groups.clear()
    text = shown(auditor, f"{EVENTS}?kind=membership")
    assert "Put Newcomer into Engineer" in text
    assert "Took everything from Newcomer" in text
    assert re.search(r"Gave Auditor \d+ permissions", text)


def test_reports_of_the_trail_itself_read_as_sentences(company: Company, auditor: Client) -> None:
    heartbeat.heartbeat()
    verified(size=7)
    verified(size=8, codes="ROW")
    attestation.record("drift", model="changes.emergencychange", pk="4", columns="title")
    text = shown(auditor, EVENTS)
    assert "Found emergency change 4 changed past its history: title" in text
    assert "Verified 8 leaves: found ROW" in text
    assert "The portal itself Verified 7 leaves: nothing found" in text
    assert "Triggers missing or altered: 0;" in text
    assert "Noted the columns of the protected tables" in text


def test_row_beside_a_change_names_the_change(
    company: Company, change: EmergencyChange, auditor: Client
) -> None:
    text = shown(auditor, EVENTS)
    assert re.search(rf"Approval \d+ of {change.number}: approved", text)


def test_unknown_kind_is_told_field_by_field(company: Company, auditor: Client) -> None:
    attestation.record("fire_drill", who_came="Everybody", minutes=5)
    assert "Minutes 5; who came Everybody Fire drill" in shown(auditor, EVENTS)


# --- narrowing the list -------------------------------------------------------------------------
def test_search_finds_a_record_by_number_and_a_person_by_name(
    company: Company, change: EmergencyChange, auditor: Client
) -> None:
    text = shown(auditor, f"{EVENTS}?q={change.number.lower()}")
    assert f"{change.number}: opened" in text
    assert "Incident" not in text[text.index("What happened") :]
    text = shown(auditor, f"{EVENTS}?q=engineer")
    assert f"{change.number}: opened" in text
    assert f"{change.number}: approved" not in text
    event = AuditEvent.objects.filter(kind="history")[0]
    assert "1 audit event" in shown(auditor, f"{EVENTS}?q={event.pk}")
    for odd in ("%", "_", "9" * 40, "'", '"user_id":1,', "\\"):
        assert auditor.get(EVENTS, {"q": odd}).status_code == 200


def test_text_that_somebody_typed_does_not_pass_for_a_person(
    company: Company, auditor: Client
) -> None:
    mark = f'"user_id":{company.lead2.pk},"username":'
    sign_in.denied("submit changes.emergencychange:1", mark)
    assert "Nothing matches" in shown(auditor, f"{EVENTS}?q=lead2&kind=denied")


def test_period_is_of_the_readers_days(company: Company, auditor: Client) -> None:
    sign_in.denied("one", "a rule")
    today = timezone.localdate().isoformat()
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    assert "Tried one" in shown(auditor, f"{EVENTS}?from={today}&until={today}")
    assert "Nothing matches" in shown(auditor, f"{EVENTS}?from={tomorrow}&until=")
    assert "Nothing matches" in shown(auditor, f"{EVENTS}?from=2020-01-01&until=2020-12-31")
    assert "Tried one" in shown(auditor, f"{EVENTS}?until=2199-12-31&kind=denied")
    html = markup(auditor.get(f"{EVENTS}?until=2199-12-31&kind=denied"))
    assert '<input type="hidden" name="kind" value="denied">' in html


@pytest.mark.parametrize("day", ["yesterday", "0001-01-01", "9999-12-31", "2026-02-30"])
def test_day_that_is_none_shows_all_and_says_so(auditor: Client, day: str) -> None:
    response = auditor.get(f"{EVENTS}?from={day}", follow=True)
    assert response.status_code == 200
    assert "There is no such date. All events are shown." in response.content.decode()


@pytest.mark.parametrize(
    "asked", ["", "x", "x:1", "changes.emergencychange", "changes.emergencychange:x", ":",
              "outbox.message:1", "changes.emergencychange:" + "9" * 30]
)  # fmt: skip
def test_record_that_is_none_has_no_events(auditor: Client, asked: str) -> None:
    assert auditor.get(EVENTS, {"record": asked}).status_code == 200


# --- one event ----------------------------------------------------------------------------------
def test_event_page_shows_body_seal_and_record(change: EmergencyChange, auditor: Client) -> None:
    event = AuditEvent.objects.get(
        source="changes.historicalemergencychange", source_pk=change.history.earliest().pk
    )
    assert "None yet. The sealer gives it one within seconds." in shown(auditor, page(event))
    sealer.seal()
    html = markup(auditor.get(page(event)))
    text = shown(auditor, page(event))
    leaf = AuditLeaf.objects.get(event_id=event.pk)
    assert leaf.leaf_hash in text
    assert "Right made with the key k1" in text
    assert "Fits the text below" in text
    assert f'<a href="{page(change)}">{change.number}</a>' in html
    assert event.body in unescape(html)
    assert f'"number": "{change.number}"' in text
    covering = AuditCheckpoint.objects.get()
    assert f'<a href="{page(covering)}">By the checkpoint of {covering.size} leaves</a>' in html


def test_event_page_says_what_was_altered(change: EmergencyChange, auditor: Client) -> None:
    sealer.seal()
    event = AuditEvent.objects.filter(kind="history")[0]
    with protection.lifted():
        AuditEvent.objects.filter(pk=event.pk).update(body="{}")
    text = shown(auditor, page(event))
    assert "Wrong no key of this portal made it" in text
    assert "Does not fit the text below: it was altered" in text
    with protection.lifted():
        AuditEvent.objects.filter(pk=event.pk).update(body=None)
    assert "What it said was erased." in shown(auditor, page(event))
    assert "What it said was erased." in shown(auditor, EVENTS)
    with protection.lifted():
        AuditEvent.objects.filter(pk=event.pk).update(body="no JSON <b>")
    assert "It cannot be read" in shown(auditor, EVENTS)
    assert "no JSON &lt;b&gt;" in markup(auditor.get(page(event)))


# --- how much a page asks -----------------------------------------------------------------------
def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(address).status_code == 200
    return len(caught)


def test_lists_take_as_many_queries_for_forty_rows_as_for_three(
    company: Company, signed_in: SignIn
) -> None:
    change = a_change(company, "submitted")
    clients = [signed_in(user) for user in (company.lead, company.auditor, company.roleadmin)]

    def add(number: int) -> None:
        for place in range(number):
            with context.coming_from(context.Origin(company.lead.pk, "lead", "203.0.113.9")):
                sign_in.denied(f"approve changes.emergencychange:{change.pk}", "a rule")
            sign_in.signed_in(person(f"p{AuditEvent.objects.count()}-{place}", "Engineer"))
            sealer.seal()

    def numbers() -> list[int]:
        asked = [queries(client, EVENTS) for client in clients]
        return [*asked, *(queries(client, CHECKPOINTS) for client in clients[:2])]

    add(3)
    few = numbers()
    add(37)
    assert AuditCheckpoint.objects.count() >= 40
    assert [more <= less for more, less in zip(numbers(), few, strict=True)] == [True] * 5
    assert max(few) <= 25
