"""Which acts other systems are told: each once, in its own transaction, and of a secret nothing."""

import json
from typing import Any

import pytest
from django.db import transaction

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.audit.models import AuditEvent
from ecportal.environment import CHANGE_STATUSES, TOLD_FIELDS
from ecportal.integrations.models import RemoteObject
from ecportal.outbox.models import Message
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident
from reviews.models import EvidencePack
from reviews.packs import queue
from reviews.packs.ledger import entries_of
from reviews.telling_systems import TELLERS, TOLD
from reviews.words_for_systems import told_fields
from tests.scenario import Company, Journey, a_draft, an_incident

pytestmark = pytest.mark.once

PAGE = "https://acme.pagerduty.com/incidents/PGR0VU2"
HOOK = "https://hooks.example.test/ecportal"
CONFIGURED = {
    "PAGERDUTY_API_KEY": "key", "PAGERDUTY_FROM": "portal@example.test",
    "JIRA_URL": "https://jira.example.test", "JIRA_TOKEN": "token", "JIRA_PROJECT": "OPS",
    "JIRA_STATUSES": {"approved": "In Progress", "closed": "Done"},
    "WEBHOOK_ENDPOINTS": {HOOK: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
}  # fmt: skip
SECRET = "The scope that nobody outside may read."

# What each act of an ordinary change is told, written out: P a note in PagerDuty, J a comment in
# Jira, W a webhook's event; what comes before the request for approval is told to nobody.
AGREED = """
submit                    J W submitted
approve                 P J W approved
claim_approval          P J W approval_claimed
confirm_approval        P J W approval_confirmed
deny_approval           P J W approval_denied
reject                  P J W rejected
rework                    J W reworked
amend                     J W amended
start                     J W started
start_unapproved        P J W started_unapproved
approve_retroactively   P J W approved_retroactively
reject_retroactively    P J W rejected_retroactively
finish                  P J W implemented
report_instability      P J W unstable
verify                    J W verified
document                  J W documented
close                   P J W closed
cancel                  P J W cancelled
"""


@pytest.fixture
def everywhere(settings: Any) -> None:
    """Every system is configured; nothing is sent, as no worker runs."""
    for name, value in CONFIGURED.items():
        setattr(settings, name, value)


def a_journey(company: Company, **values: Any) -> Journey:
    incident = an_incident(company, source_url=PAGE)
    return Journey(company, a_draft(company, incident=incident, **values))


def said(channel: str) -> list[Message]:
    return list(Message.objects.filter(channel=channel).order_by("pk"))


def acts(channel: str) -> list[str]:
    return [message.payload["act"] for message in said(channel)]


def test_each_act_is_told_where_it_was_agreed() -> None:
    agreed = {line.split()[0]: line.split()[1:] for line in AGREED.strip().splitlines()}
    assert {verb: (["P"] * one.noted + ["J", "W", one.event]) for verb, one in TOLD.items()} == (
        agreed
    )
    assert set(TOLD) <= set(CHANGES.verbs)
    assert {verb for verb, one in TOLD.items() if one.begins} == {"submit", "start_unapproved"}
    assert {"pagerduty", "jira", "webhook"} <= set(TELLERS)


def test_nothing_is_written_for_what_is_not_configured(company: Company) -> None:
    a_journey(company).to("closed")
    assert not Message.objects.exclude(channel="email").exists()
    assert not EvidencePack.objects.exists()


def test_whole_process_is_told_in_order_and_each_act_once(
    company: Company, everywhere: None
) -> None:
    change = a_journey(company).to("closed")
    assert [m.subject.removeprefix(f"{change.number} ") for m in said("pagerduty")] == [
        "approved", "implementation finished", "reviewed and closed",
    ]  # fmt: skip
    assert acts("jira") == [
        "create", "point", "point", "comment", "move", "comment", "comment", "comment",
        "comment", "comment", "move",
    ]  # fmt: skip
    assert [m.payload["type"].removeprefix("ecportal.change.") for m in said("webhook")] == [
        "submitted", "approved", "started", "implemented", "verified", "documented", "closed",
    ]  # fmt: skip
    for channel in ("pagerduty", "jira", "webhook"):
        messages = said(channel)
        assert {message.thread for message in messages} == {change.number}
        assert [m.after for m in messages] == [None, *messages[:-1]], channel


def test_first_note_says_determination_time_and_approver(
    company: Company, everywhere: None
) -> None:
    change = a_journey(company).submit().approve().change
    [note] = said("pagerduty")
    text = note.payload["text"]
    assert (note.address, note.payload["act"]) == ("PGR0VU2", "note")
    for words in (
        f"{change.number} approved by Lead at 20", "Emergency change: Roll checkout back",
        "Determined by Engineer at 20", "Emergency, service outage, occurring now",
        "Why: Every minute costs orders.", f"/admin/changes/emergencychange/{change.pk}/change/",
    ):  # fmt: skip
        assert words in text, text


def test_claim_names_who_is_said_to_have_approved(company: Company, everywhere: None) -> None:
    a_journey(company).submit().claim()
    [note] = said("pagerduty")
    assert "approved by Lead (phone) at " in note.payload["text"]
    assert "as claimed by Engineer; to be confirmed" in note.payload["text"]


def test_act_that_is_refused_or_rolled_back_is_told_nobody(
    company: Company, everywhere: None
) -> None:
    journey = a_journey(company)
    with transaction.atomic():
        journey.submit()
        transaction.set_rollback(True)
    assert not Message.objects.exclude(channel="email").exists()


def test_draft_that_is_cancelled_was_never_told_and_stays_so(
    company: Company, everywhere: None
) -> None:
    a_journey(company).do("cancel", company.engineer)
    assert not Message.objects.exclude(channel="email").exists()


def test_start_without_approval_begins_the_telling(company: Company, everywhere: None) -> None:
    a_journey(company).start_unapproved()
    assert acts("jira")[0] == "create"
    assert (
        "implementation started without approval by Engineer"
        in (said("pagerduty")[0].payload["text"])
    )


def test_change_that_is_reworked_keeps_its_one_issue(company: Company, everywhere: None) -> None:
    journey = a_journey(company)
    journey.to("rejected")
    journey.do("rework", company.engineer).submit()
    assert acts("jira").count("create") == 1
    assert acts("jira")[-3:] == ["comment", "comment", "comment"]


def test_incident_that_did_not_come_from_pagerduty_is_not_told_there(
    company: Company, everywhere: None
) -> None:
    Journey(company, a_draft(company)).submit().approve()
    assert said("pagerduty") == []
    assert acts("jira")[0] == "create"


def test_incident_is_known_by_what_was_heard_of_it(company: Company, everywhere: None) -> None:
    change = a_draft(company)
    RemoteObject.objects.create(
        system="pagerduty", kind="incident", key="PHEARD1", thread=change.incident.number,
        recorded_at=clock.now(),
    )  # fmt: skip
    RemoteObject.objects.create(
        system="jira", kind="issue", key="OPS-7", thread=change.incident.number,
        recorded_at=clock.now(),
    )  # fmt: skip
    Journey(company, change).submit().approve()
    assert [note.address for note in said("pagerduty")] == ["PHEARD1"]
    assert {"act": "link", "to": "OPS-7"} in [message.payload for message in said("jira")]


def test_ledger_of_a_pack_names_what_systems_were_told(company: Company, everywhere: None) -> None:
    change = a_journey(company).to("approved")
    told = [entry for entry in entries_of(change) if "message" in entry]
    assert [(one["to"], one["about"]) for one in told if one["channel"] == "PagerDuty"] == [
        ("PagerDuty", f"{change.number} approved")
    ]
    assert {one["channel"] for one in told} == {"PagerDuty", "Jira", "Webhook"}
    assert {one["result"] for one in told} == {"Waiting to be sent"}
    assert SECRET not in json.dumps(told)


# --- the incident's end -------------------------------------------------------------------------
def resolve(incident: Incident, by: User) -> None:
    INCIDENTS.perform(incident, "resolve", by=by, reason="Orders come in again.")


def test_incident_that_a_person_resolves_is_resolved_over_there_after_a_note_with_the_link(
    company: Company, everywhere: None
) -> None:
    change = a_journey(company).to("implementing")
    resolve(change.incident, company.engineer)
    approved, note, end = said("pagerduty")
    assert (note.payload["act"], end.payload["act"]) == ("note", "resolve")
    assert (note.after, end.after) == (approved, note)
    assert f"{change.number}: Implementing" in note.payload["text"]
    assert f"/emergencychange/{change.pk}/" in note.payload["text"]


def test_installation_may_leave_resolving_to_pagerduty(
    company: Company, everywhere: None, settings: Any
) -> None:
    settings.PAGERDUTY_RESOLVES = False
    change = a_journey(company).to("implementing")
    resolve(change.incident, company.engineer)
    assert acts("pagerduty") == ["note", "note"]


def test_incident_that_was_resolved_over_there_is_not_told_back(
    company: Company, everywhere: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = an_incident(company, source_url=PAGE)
    system = User.objects.system()
    monkeypatch.setattr("ecportal.lifecycle.may", lambda *_: True)
    resolve(incident, system)
    assert said("pagerduty") == []


# --- what is confidential -----------------------------------------------------------------------
def test_confidential_change_tells_its_number_its_steps_and_its_link_alone(
    company: Company, everywhere: None
) -> None:
    journey = a_journey(company, confidential=True, scope=SECRET, title="Close the hole")
    change = journey.to("closed")
    resolve(change.incident, company.engineer)
    assert acts("jira")[:2] == ["create", "point"]
    everything = json.dumps([
        [m.subject, m.payload] for m in Message.objects.exclude(channel="email")
    ])  # fmt: skip
    assert change.number in everything
    secrets = (SECRET, "Close the hole", "Deploy 4.19.0", "Deployment 88213", "It had to be.",
               "Every minute costs", "Lead", "Engineer", "checkout")  # fmt: skip
    closing = everything.replace("Resolved by Engineer", "")
    assert [words for words in secrets if words in closing] == []
    assert not EvidencePack.objects.exists()


# --- evidence -----------------------------------------------------------------------------------
def test_closed_changes_pack_is_attached_when_it_is_built_and_that_is_in_the_trail(
    company: Company, everywhere: None
) -> None:
    change = a_journey(company).to("closed")
    [pack] = EvidencePack.objects.all()
    assert (pack.changes, pack.requested_by) == ([change.number], User.objects.system())
    EvidencePack.objects.update(file="p.zip", size=7, sha256="ab", finished_at=clock.now())
    pack.refresh_from_db()
    before = said("jira")
    queue.built.send(sender=EvidencePack, pack=pack)
    attach = said("jira")[-1]
    assert attach.after == before[-1]
    assert attach.payload["name"] == f"{change.number}-evidence-{pack.pk}.zip"
    [taken_away] = AuditEvent.objects.filter(kind="export")
    assert f"{change.number}, to Jira" in str(taken_away.body)


def test_pack_that_a_person_asked_for_goes_nowhere(company: Company, everywhere: None) -> None:
    change = a_journey(company).to("submitted")
    number = len(said("jira"))
    choice = queue.Choice((change.number,))
    pack = queue.ask(choice, "Mine", company.lead)
    queue.built.send(sender=EvidencePack, pack=pack)
    assert len(said("jira")) == number


def test_settings_name_statuses_and_fields_as_the_portal_does(company: Company) -> None:
    assert set(CHANGE_STATUSES) == set(EmergencyChange.Status.values)
    assert set(TOLD_FIELDS) == set(told_fields(a_draft(company)))
