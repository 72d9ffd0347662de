"""The trail's pages: the badge, the history as a diff, the events in words, the checkpoints."""

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit import attestation, context, heartbeat, protection, sealer, sign_in, tasks
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.state import STALE
from ecportal.lifecycle import TransitionRefused
from ecportal.outbox.models import Message
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.audit.rows import sql
from tests.pages.conftest import SignIn
from tests.pages.odd import STRANGE
from tests.pages.world import listing, page
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("log_key")]
EVENTS, CHECKPOINTS = "/admin/audit/auditevent/", "/admin/audit/auditcheckpoint/"
SECRET = "Zeppelin"


def shown(client: Client, address: str) -> str:
    """Return what a page says, on one line."""
    response = client.get(address)
    assert response.status_code == 200, address
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", markup(response)))).strip()


def markup(response: Any) -> str:
    text: str = response.content.decode()
    return text[text.index('<div id="content"') :]


def verified(size: int | None = None, codes: str = "") -> AuditEvent:
    """Write what the hourly verification writes."""
    leaves = AuditLeaf.objects.count() if size is None else size
    return attestation.record("verify", size=leaves, findings=len(codes.split()), codes=codes)


def clock_of(event: AuditEvent, zone: str = settings.TIME_ZONE) -> str:
    at = re.search(r'"at":"([^"]+)Z"', event.body or "")
    assert at is not None
    moment = datetime.fromisoformat(at[1]).replace(tzinfo=UTC)
    with timezone.override(zone):
        return f"{timezone.localtime(moment):%H:%M}"


# --- the badge ----------------------------------------------------------------------------------
@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "approved")


@pytest.fixture
def engineer(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.engineer)


@pytest.fixture
def auditor(company: Company, signed_in: SignIn) -> Client:
    return signed_in(company.auditor)


def test_badge_counts_what_is_sealed_so_far(
    company: Company, change: EmergencyChange, engineer: Client
) -> None:
    assert "Being sealed (0 of 3)" in shown(engineer, page(change))
    sealer.seal()
    Journey(company, change).do("correct", company.engineer, part="scope")
    assert "Being sealed (3 of 4)" in shown(engineer, page(change))


def test_badge_is_not_verified_until_a_verification_covers_the_last_leaf(
    change: EmergencyChange, engineer: Client
) -> None:
    sealer.seal()
    assert "Sealed, not verified yet" in shown(engineer, page(change))
    own = change.history.order_by("-history_id").values_list("history_id", flat=True)[0]
    event = AuditEvent.objects.get(source="changes.historicalemergencychange", source_pk=own)
    leaf = AuditLeaf.objects.get(event_id=event.pk)
    verified(size=leaf.idx)
    assert "Sealed, not verified yet" in shown(engineer, page(change))
    at = clock_of(verified(size=leaf.idx + 1))
    assert f"Sealed, verified {at}" in shown(engineer, page(change))


def test_badge_tells_the_time_in_the_readers_zone(
    change: EmergencyChange, company: Company, signed_in: SignIn
) -> None:
    sealer.seal()
    event = verified()
    company.engineer.time_zone = "Asia/Kolkata"
    company.engineer.save()
    sealer.seal()
    client = signed_in(company.engineer)
    assert f"Sealed, verified {clock_of(event, 'Asia/Kolkata')}" in shown(client, page(change))


def test_badge_is_red_while_the_last_verification_found_something(
    change: EmergencyChange, engineer: Client, auditor: Client
) -> None:
    sealer.seal()
    verified()
    verified(codes="ROW DRIFT")
    text = shown(engineer, page(change))
    assert "Verification found something Tell an Engineering Lead." in text
    assert CHECKPOINTS not in markup(engineer.get(page(change)))
    assert f'<a href="{CHECKPOINTS}">See the audit trail</a>' in markup(auditor.get(page(change)))
    verified()
    assert "Sealed, verified" in shown(engineer, page(change))


def test_badge_is_red_when_the_verification_could_not_run(
    change: EmergencyChange, engineer: Client
) -> None:
    sealer.seal()
    verified(size=0, codes="COULD_NOT_RUN")
    assert "Verification could not run Tell an Engineering Lead." in shown(engineer, page(change))


def test_badge_does_not_believe_a_verification_that_somebody_forged(
    change: EmergencyChange, engineer: Client
) -> None:
    sealer.seal()
    event = verified(codes="ROW")
    body = (
        (event.body or "")
        .replace('"codes":"ROW"', '"codes":""')
        .replace('"findings":1', '"findings":0')
    )
    AuditEvent.objects.create(kind="verify", body=body, mac=event.mac)
    assert "Verification found something" in shown(engineer, page(change))


def test_record_without_any_history_is_told_at_once(
    change: EmergencyChange, engineer: Client
) -> None:
    with protection.lifted():
        sql("DELETE FROM changes_historicalemergencychange")
    assert "Without any history Tell an Engineering Lead." in shown(engineer, page(change))


def test_badge_leads_auditors_to_the_records_events_and_nobody_else(
    change: EmergencyChange, engineer: Client, auditor: Client
) -> None:
    link = f"{EVENTS}?record=changes.emergencychange%3A{change.pk}"
    assert link in markup(auditor.get(page(change)))
    assert EVENTS not in markup(engineer.get(page(change)))
    text = shown(auditor, link)
    assert f"Emergency change {change.number}: opened" in text
    assert f"Incident {change.incident.number}" not in text


def test_badge_is_on_the_page_and_the_history_of_other_records_too(
    company: Company, change: EmergencyChange, auditor: Client
) -> None:
    for record in (change.incident, company.system, company.lead):
        for kind in ("change", "history"):
            assert "Being sealed" in shown(auditor, page(record, kind))


# --- history as a diff --------------------------------------------------------------------------
def revise(change: EmergencyChange, by: User, **values: Any) -> None:
    CHANGES.perform(change, "revise", by=by, reason="Said better.", **values)


def test_history_tells_each_act_with_old_and_new_and_its_seal(
    company: Company, engineer: Client
) -> None:
    change = a_draft(company, title="Old title")
    sealer.seal()
    revise(change, company.engineer, title="New title", risk="high")
    html = markup(engineer.get(page(change, "history")))
    assert '<del dir="auto">Old title</del>' in html
    assert '<ins dir="auto">New title</ins>' in html
    text = shown(engineer, page(change, "history"))
    assert "Engineer changed the text Said better. Title Was: Old title Now: New title" in text
    assert "Risk Was: Medium Now: High" in text
    assert "Not sealed yet" in text
    assert re.search(r"Engineer opened EC-\S+ \(Systems: checkout\).*Title Now: Old title.*"
                     r"Sealed, #\d+", text)  # fmt: skip


def test_history_shows_a_long_text_word_by_word(company: Company, engineer: Client) -> None:
    words = [f"word{number}" for number in range(1_200)]
    change = a_draft(company, scope=" ".join(words))
    words[600] = "other"
    revise(change, company.engineer, scope=" ".join(words))
    html = markup(engineer.get(page(change, "history")))
    assert "<del>word600 </del><ins>other </ins>" in html
    assert "<summary>580 unchanged words</summary>" in html


def test_history_escapes_what_was_typed(company: Company, engineer: Client) -> None:
    change = a_draft(company, title="<b>old</b>", scope="<i>a</i> " * 20)
    revise(change, company.engineer, title=f"<img src=x> {STRANGE}"[:200], scope="<u>b</u> " * 20)
    html = markup(engineer.get(page(change, "history")))
    for tag in ("<b>", "<i>", "<u>", "<img", "<script"):
        assert tag not in html
    assert "&lt;b&gt;old&lt;/b&gt;" in html
    assert "[U+202E] שלום عربى" in html
    assert "🔥" in html


def test_history_keeps_the_lines_of_a_text(company: Company, engineer: Client) -> None:
    change = a_draft(company, scope="First\nsecond\n\nthird")
    revise(change, company.engineer, scope="First\nsecond 👩‍🔧\n\nשלום")
    html = markup(engineer.get(page(change, "history")))
    assert (
        '<dd class="long" dir="auto">First\n<del>second</del><ins>second 👩‍🔧</ins>\n\n<del>third'
        in html
    )


def test_history_of_ten_thousand_characters_rewritten_fifty_times_is_no_wait(
    company: Company, engineer: Client
) -> None:
    change = a_draft(company)
    for turn in range(50):
        text = " ".join(f"{turn}w{number}" for number in range(1_300))
        revise(change, company.engineer, scope=text[:10_000])
    began = time.perf_counter()
    assert engineer.get(page(change, "history")).status_code == 200
    assert time.perf_counter() - began < 20


def test_long_history_has_pages(company: Company, engineer: Client) -> None:
    change = a_draft(company)
    for number in range(51):
        revise(change, company.engineer, title=f"Title {number}")
    text = shown(engineer, page(change, "history"))
    assert "Acts 1 to 50 of 52 Older acts" in text
    second = shown(engineer, f"{page(change, 'history')}?page=2")
    assert "Newer acts Acts 51 to 52 of 52" in second
    assert "opened" in second


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


# --- who sees what ------------------------------------------------------------------------------
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


# --- checkpoints --------------------------------------------------------------------------------
def test_empty_trail_says_what_comes(company: Company, auditor: Client) -> None:
    text = shown(auditor, CHECKPOINTS)
    assert "Nothing is sealed yet" in text
    assert "A verification runs every hour; there was none yet." in text
    assert "None yet. The sealer writes one when it starts, and one a day." in text


def test_state_of_the_trail_tells_verification_report_and_triggers(
    company: Company, auditor: Client
) -> None:
    heartbeat.heartbeat()
    sealer.seal()
    at = clock_of(verified(size=9))
    text = shown(auditor, CHECKPOINTS)
    assert "Sealed and unbroken: 9 events, none missing, none altered" in text
    assert f"Verified {at}, and again every hour" in text
    assert "All triggers in place" in text
    with protection.lifted([AuditLeaf]):
        text = shown(auditor, CHECKPOINTS)
    assert "Not protected: the database would let the trail be changed" in text
    assert "audit_auditleaf: trigger" in text
    at = clock_of(verified(codes="ROW"))
    for address in (CHECKPOINTS, EVENTS):
        text = shown(auditor, address)
        assert "The seal is broken: a verification found something" in text
        assert f"Found ROW {at}. Run manage.py audit_verify on the server" in text
        assert 'class="card seal seal-bad" role="alert"' in markup(auditor.get(address))


def test_state_of_the_trail_is_for_those_who_see_all_of_it(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    sealer.seal()
    assert "Last sealed event" not in shown(signed_in(company.roleadmin), EVENTS)
    assert "Last sealed event" in shown(signed_in(company.lead), EVENTS)


def test_check_that_is_old_is_called_so(
    change: EmergencyChange, auditor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealer.seal()
    verified()
    later = clock.real() + STALE + timedelta(minutes=1)
    monkeypatch.setattr(clock, "real", lambda: later)
    assert "Sealed, the check is old: " in shown(auditor, CHECKPOINTS)


def test_state_says_what_the_outside_copy_does_not_cover_yet(
    change: EmergencyChange, auditor: Client, settings: Any
) -> None:
    sealer.seal()
    verified()
    assert "Outside copy None No checkpoint is mailed to anybody" in shown(auditor, CHECKPOINTS)
    settings.AUDIT_CHECKPOINT_RECIPIENTS = ("keeper@example.com",)
    assert "Outside copy None has left yet" in shown(auditor, CHECKPOINTS)
    tasks.send_checkpoint()
    assert "Outside copy None has left yet" in shown(auditor, CHECKPOINTS)  # written, not sent
    size = AuditCheckpoint.objects.latest("pk").size
    Message.objects.update(sent_at=clock.now())
    sealer.seal()
    newer = AuditLeaf.objects.count() - size
    assert newer > 0
    said = f"by mail to keeper@example.com covers {size} ; not yet the newest {newer}"
    assert said.replace(" ;", ";") in shown(auditor, CHECKPOINTS)


def test_time_stamp_that_covers_more_is_the_outside_copy(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    size = AuditCheckpoint.objects.latest("pk").size
    attestation.record("timestamp", size=size, token="")
    assert f"by a time stamp of another authority covers {size}: all of them" in shown(
        auditor, CHECKPOINTS
    )


def test_event_that_was_altered_is_red(change: EmergencyChange, auditor: Client) -> None:
    sealer.seal()
    event = AuditEvent.objects.filter(kind="history").order_by("-pk")[0]
    assert "The seal is broken" not in shown(auditor, page(event))
    with protection.lifted():
        sql("UPDATE audit_auditevent SET body = %s WHERE id = %s", "{}", event.pk)
    assert "The seal is broken at this event" in shown(auditor, page(event))


def test_note_is_downloaded_byte_for_byte(change: EmergencyChange, auditor: Client) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    response = auditor.get(page(checkpoint, "note"))
    assert response.content.decode() == checkpoint.note
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    name = f"checkpoint-{checkpoint.size}.txt"
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    checkpoint.pk += 1
    assert auditor.get(page(checkpoint, "note")).status_code == 404


def test_note_is_for_auditors_and_leads(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    sealer.seal()
    address = page(AuditCheckpoint.objects.get(), "note")
    codes = {who: signed_in(getattr(company, who)).get(address).status_code
             for who in ("engineer", "roleadmin", "lead", "auditor")}  # fmt: skip
    assert codes == {"engineer": 403, "roleadmin": 403, "lead": 200, "auditor": 200}


def test_commands_of_the_page_verify_the_note_with_openssl_alone(
    change: EmergencyChange, auditor: Client, tmp_path: Path
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    html = markup(auditor.get(page(checkpoint)))
    commands = [
        unescape(text) for text in re.findall(r"<pre class=\"asis\">(.*?)</pre>", html, re.S)
    ]
    (openssl,) = [text for text in commands if "openssl" in text]
    note = tmp_path / f"checkpoint-{checkpoint.size}.txt"

    def verify() -> str:
        done = subprocess.run(["sh", "-c", openssl], cwd=tmp_path, capture_output=True, text=True)
        return done.stdout + done.stderr

    note.write_bytes(auditor.get(page(checkpoint, "note")).content)
    assert "Signature Verified Successfully" in verify()
    note.write_text(checkpoint.note.replace(f"\n{checkpoint.size}\n", "\n1\n"))
    assert "Signature Verification Failure" in verify()


def test_page_of_a_checkpoint_has_note_root_key_and_pack_command(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    html = unescape(markup(auditor.get(page(checkpoint))))
    assert checkpoint.note in html
    assert "Signed by a known key" in html
    vkey = re.search(r"<pre class=\"asis\">(portal\.example\.com\+[^<]+)</pre>", html)
    assert vkey is not None
    pack = f"verify_pack.py PACK.zip --vkey {vkey[1]} --checkpoint checkpoint-{checkpoint.size}.txt"
    assert pack in html.replace("'", "")


def test_note_that_no_known_key_signed_is_called_so(
    change: EmergencyChange, auditor: Client
) -> None:
    sealer.seal()
    checkpoint = AuditCheckpoint.objects.get()
    forged = checkpoint.note.replace(f"\n{checkpoint.size}\n", "\n1\n")
    odd = [forged, "", "x", "— \n", "a\nb\nc\n\n— a ?\n"]
    for note in odd:
        row = AuditCheckpoint.objects.create(size=1, note=note, created_at=checkpoint.created_at)
        assert "Not to be believed" in shown(auditor, page(row))
    assert auditor.get(CHECKPOINTS).status_code == 200


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
