"""Decisions by a click in Slack: every guard is asked again, and everybody sees what came of it."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.audit.models import AuditEvent
from ecportal.integrations.models import Delivery, RemoteObject
from ecportal.integrations.working import work_off
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import deliver
from tests.integrations.channels import told
from tests.integrations.channels.clicking import (
    answers,
    buttons,
    interact,
    post,
    press,
    pressed,
    send,
    texts,
)
from tests.integrations.channels.servers import SlackServer
from tests.integrations.channels.told import CHANNEL, OTHER, settle
from tests.scenario import Company, Journey, a_draft, an_incident

pytestmark = [pytest.mark.django_db, pytest.mark.once]


def test_change_leads_to_its_thread(people: Company, slack: SlackServer, client: Client) -> None:
    journey = asked(people)
    client.force_login(people.engineer)
    page = client.get(f"/admin/changes/emergencychange/{journey.change.pk}/change/")
    assert f'href="{RemoteObject.objects.get(kind="thread").url}"' in page.content.decode()


@pytest.fixture
def people(company: Company, slack: SlackServer) -> Company:
    for name in ("engineer", "engineer2", "lead", "lead2", "auditor", "roleadmin"):
        slack.meets(f"U{name.upper()}", f"{name}@example.test")
    return company


def asked(company: Company, **values: Any) -> Journey:
    """Return a change that waits for approval, told in Slack."""
    journey = Journey(company, a_draft(company, **values)).submit()
    settle("slack")
    return journey


def status(journey: Journey) -> str:
    journey.change.refresh_from_db()
    return str(journey.change.status)


# --- the thread ---------------------------------------------------------------------------------
def test_change_is_announced_and_asked_about_in_its_thread(
    people: Company, slack: SlackServer
) -> None:
    change = asked(people).change
    announced, question = slack.messages[CHANNEL]
    assert f"|{change.number}> waits for approval*: Roll checkout back" in announced["text"]
    assert question["thread_ts"] == announced["ts"]
    shown = " ".join(block["text"]["text"] for block in question["blocks"] if "text" in block)
    for value in change.shown().values():
        assert str(value if isinstance(value, str) else "".join(value)) in shown
    assert {"approve", "reject"} == set(buttons(slack))
    kept = RemoteObject.objects.get(system="slack", kind="thread")
    ts = announced["ts"].replace(".", "")
    assert (kept.thread, kept.url) == (
        change.number, f"https://acme.slack.test/archives/{CHANNEL}/p{ts}"
    )  # fmt: skip


def test_whole_process_stands_in_one_thread(people: Company, slack: SlackServer) -> None:
    change = Journey(people, a_draft(people)).to("closed")
    settle("slack")
    number = change.number
    said = [text.removeprefix(f"{number} ").split(" by ")[0] for text in texts(slack)[2:]]
    assert said == [
        "approved", "implementation started", "implementation finished", "is stable, as verified",
        "documented; waits for review", "reviewed and closed",
    ]  # fmt: skip
    assert "reviewed and closed*" in slack.messages[CHANNEL][0]["text"]
    assert len({one["thread_ts"] for one in slack.thread(CHANNEL)}) == 1
    assert "Outcome: Successful" in slack.messages[CHANNEL][4]["text"]
    assert not buttons(slack)


def test_decision_in_the_portal_takes_the_buttons_away(people: Company, slack: SlackServer) -> None:
    journey = asked(people).approve()
    settle("slack")
    assert not buttons(slack)
    question = slack.messages[CHANNEL][1]
    assert question["text"].startswith(f"{journey.change.number} approved by Lead at ")
    assert "Deploy 4.19.0 again." in str(question["blocks"])


def test_severity_can_have_a_channel_of_its_own(
    people: Company, slack: SlackServer, settings: Any
) -> None:
    settings.SLACK_CHANNELS = {1: OTHER}
    asked(people)
    asked(people, incident=an_incident(people, severity=2))
    assert [len(slack.messages[one]) for one in (CHANNEL, OTHER)] == [2, 2]


def test_confidential_change_shows_its_number_alone(people: Company, slack: SlackServer) -> None:
    change = asked(people, confidential=True).change
    everything = str(slack.messages[CHANNEL])
    assert change.number in everything
    for secret in (change.title, change.scope, "Engineer", "checkout", change.fingerprint()):
        assert secret not in everything
    assert not buttons(slack)


def test_what_is_too_long_for_a_message_is_decided_in_the_portal(
    people: Company, slack: SlackServer
) -> None:
    asked(people, scope="Roll back. " * 880)
    assert not buttons(slack)
    assert "too long" in str(slack.messages[CHANNEL][1]["blocks"])


def test_words_of_people_alarm_nobody(people: Company, slack: SlackServer) -> None:
    asked(people, title="<!channel> & <@U1>", scope="<!here> *look*").do(
        "cancel", people.engineer, "<!everyone> no"
    )
    settle("slack")
    for message in slack.messages[CHANNEL]:
        formatted = [b["text"]["text"] for b in message["blocks"]
                     if b.get("text", {}).get("type") == "mrkdwn"]  # fmt: skip
        for text in (message["text"], *formatted):
            assert "<!" not in text
            assert "<@" not in text


# --- who may ------------------------------------------------------------------------------------
def test_lead_approves_by_a_click(people: Company, slack: SlackServer) -> None:
    journey = asked(people)
    pressed_at = clock.now() + timedelta(seconds=1)
    with clock.at(pressed_at + timedelta(seconds=2)):
        response = press("ULEAD", buttons(slack)["approve"], at=pressed_at.timestamp())
    assert (response.status_code, response.content) == (200, b"")
    assert status(journey) == "approved"
    approval = journey.change.approvals.get()
    assert (approval.approver, approval.comment) == (people.lead, "Approved as shown in Slack.")
    assert approval.decided_at == pressed_at
    assert approval.fingerprint == journey.change.fingerprint()
    assert not buttons(slack)
    assert not slack.whispers
    assert texts(slack)[1].startswith(f"{journey.change.number} approved by Lead at ")


REFUSED = [
    ("UENGINEER", "approve", "Your role does not include “Approve”"),
    ("UENGINEER2", "approve", "Your role does not include “Approve”"),
    ("UAUDITOR", "approve", "Your role does not include “Approve”"),
    ("UROLEADMIN", "approve", "Your role does not include “Approve”"),
    ("USTRANGER", "approve", "The portal does not know who you are"),
    ("ULEAD", "confirm_approval", "“Confirm: I approved” is possible only while"),
]


@pytest.mark.parametrize(("user", "verb", "sentence"), REFUSED)
def test_whoever_may_not_is_told_why_and_nobody_else(
    people: Company, slack: SlackServer, user: str, verb: str, sentence: str
) -> None:
    journey = asked(people)
    slack.meets("USTRANGER", "stranger@example.test")
    button = {**buttons(slack)["approve"], "action_id": verb}
    press(user, button)
    assert status(journey) == "submitted"
    [(whom, said)] = answers(slack)
    assert whom == user
    assert said.startswith(sentence)
    assert set(buttons(slack)) == {"approve", "reject"}


def test_requester_does_not_approve_the_own_change(people: Company, slack: SlackServer) -> None:
    people.engineer.groups.add(*people.lead.groups.all())
    journey = asked(people)
    press("UENGINEER", buttons(slack)["approve"])
    assert status(journey) == "submitted"
    [(_whom, said)] = answers(slack)
    assert said.startswith("You requested this change; someone else must decide on it.")
    assert AuditEvent.objects.filter(kind="denied").exists()


def test_button_of_what_was_changed_since_decides_nothing(
    people: Company, slack: SlackServer
) -> None:
    journey = asked(people)
    old = buttons(slack)["approve"]
    journey.do("correct", people.engineer, "It is 4.18.3.")
    settle("slack")
    press("ULEAD", old)
    assert status(journey) == "submitted"
    assert answers(slack)[0][1].startswith("The change is not what you were shown.")
    press("ULEAD", buttons(slack)["approve"])
    assert status(journey) == "approved"


def test_two_clicks_decide_once(people: Company, slack: SlackServer) -> None:
    journey = asked(people)
    button = buttons(slack)["approve"]
    again = pressed("ULEAD", button)
    assert [interact(again).status_code for _time in range(2)] == [200, 200]
    press("ULEAD", button)
    assert status(journey) == "approved"
    assert journey.change.approvals.count() == 1
    assert Delivery.objects.count() == 2
    [(_whom, said)] = answers(slack)
    assert said.startswith("You approved this at ")
    assert said.endswith("Nothing was recorded twice.")


def test_late_lead_hears_what_was_decided(people: Company, slack: SlackServer) -> None:
    journey = asked(people)
    button = buttons(slack)["approve"]
    journey.approve(people.lead2)
    press("ULEAD", button)
    assert answers(slack)[0][1].startswith("Lead2 approved this already.")


def test_named_approver_confirms_by_a_click_and_nobody_else(
    people: Company, slack: SlackServer
) -> None:
    journey = asked(people).claim()
    settle("slack")
    assert set(buttons(slack)) == {"confirm_approval"}
    press("ULEAD2", buttons(slack)["confirm_approval"])
    assert answers(slack)[0][1].startswith("Only Lead, who is said to have approved")
    press("ULEAD", buttons(slack)["confirm_approval"])
    assert journey.change.approvals.get().status == "confirmed"
    assert not buttons(slack)


def test_account_is_asked_for_once_and_kept(people: Company, slack: SlackServer) -> None:
    asked(people)
    press("ULEAD", buttons(slack)["approve"])
    slack.people.clear()
    journey = asked(people, incident=an_incident(people))
    assert "<@ULEAD>" in slack.messages[CHANNEL][-1]["text"]
    press("ULEAD", buttons(slack)["approve"])
    assert status(journey) == "approved"
    assert (slack.named("users.info"), slack.named("users.lookupByEmail")) == (1, 1)
    assert AuditEvent.objects.filter(kind="slack_account").count() == 1


@pytest.mark.parametrize("trouble", ["two accounts", "inactive", "other team", "not a member"])
def test_account_that_is_not_surely_theirs_is_nobodys(
    people: Company, slack: SlackServer, trouble: str
) -> None:
    journey = asked(people)
    more: dict[str, Any] = {}
    if trouble == "two accounts":
        type(people.lead)._base_manager.filter(pk=people.lead2.pk).update(email="LEAD@example.test")
    elif trouble == "inactive":
        type(people.lead)._base_manager.filter(pk=people.lead.pk).update(is_active=False)
    elif trouble == "other team":
        more = {"team": "T2"}
    else:
        slack.says_no["users.lookupByEmail"] = "users_not_found"
    press("ULEAD", buttons(slack)["approve"], **more)
    assert status(journey) == "submitted"
    assert answers(slack)[0][1].startswith("The portal does not know who you are")


def test_slack_that_does_not_say_who_it_is_is_asked_again(
    people: Company, slack: SlackServer
) -> None:
    journey = asked(people)
    button = buttons(slack)["approve"]
    slack.faults = ["503", "503"]
    press("ULEAD", button)
    assert status(journey) == "submitted"
    with clock.at(clock.now() + timedelta(minutes=2)):
        work_off()
    assert status(journey) == "approved"


def test_worker_asks_slack_nothing_about_who_pressed(people: Company, slack: SlackServer) -> None:
    journey = asked(people)
    interact(pressed("ULEAD", buttons(slack)["approve"]))
    before = len(slack.asked)
    work_off()
    assert status(journey) == "approved"
    assert len(slack.asked) == before


# --- the dialog of a no -------------------------------------------------------------------------
def test_rejection_asks_for_its_kind_and_reason(people: Company, slack: SlackServer) -> None:
    journey = asked(people)
    press("ULEAD", buttons(slack)["reject"])
    [view] = slack.views
    response = send("ULEAD", view, rejection="sent_back", reason="Say which nodes.")
    assert (response.status_code, response.content) == (200, b"")
    assert status(journey) == "rejected"
    assert (journey.change.rejected_by, journey.change.rejection) == (people.lead, "sent_back")
    deliver("slack")
    assert not buttons(slack)
    assert "Said: Say which nodes." in slack.messages[CHANNEL][-1]["text"]


def test_dialog_says_what_is_wrong_at_its_field(people: Company, slack: SlackServer) -> None:
    journey = asked(people)
    press("ULEAD", buttons(slack)["reject"])
    [view] = slack.views
    for given, field in (
        ({"rejection": "sent_back", "reason": " "}, "reason"),
        ({"rejection": "never", "reason": "No."}, "rejection"),
        ({"rejection": "refused", "reason": "No\u202e."}, "reason"),
    ):
        said = send("ULEAD", view, **given).json()
        assert said["response_action"] == "errors"
        assert set(said["errors"]) == {field}
    journey.approve()
    said = send("ULEAD", view, rejection="refused", reason="No.").json()
    assert "is possible only while" in said["errors"]["rejection"]
    assert list(Delivery.objects.values_list("outcome", flat=True)[:4]) == ["ignored"] * 4


def test_who_may_not_reject_gets_no_dialog(people: Company, slack: SlackServer) -> None:
    asked(people)
    press("UENGINEER", buttons(slack)["reject"])
    assert not slack.views
    assert answers(slack)[0][1].startswith("Your role does not include “Reject…”")


def test_dialog_that_does_not_open_in_time_says_so(people: Company, slack: SlackServer) -> None:
    asked(people)
    slack.says_no["views.open"] = "expired_trigger_id"
    assert press("ULEAD", buttons(slack)["reject"]).status_code == 200
    assert answers(slack)[0][1].startswith("Slack and the portal did not understand each other")


def test_dialog_of_somebody_else_is_not_sent_in_their_name(
    people: Company, slack: SlackServer
) -> None:
    journey = asked(people)
    press("ULEAD", buttons(slack)["reject"])
    said = send("UENGINEER2", slack.views[0], rejection="refused", reason="No.").json()
    assert "does not know who you are" in said["errors"]["rejection"]
    assert status(journey) == "submitted"


# --- and everywhere else ------------------------------------------------------------------------
def test_decision_in_slack_is_in_the_record_in_jira_and_in_pagerduty(
    people: Company, slack: SlackServer, tmp_path: Path
) -> None:
    with told.jira() as jira, told.pagerduty(tmp_path) as pagerduty:
        page = f"https://acme.pagerduty.com/incidents/{told.INCIDENT}"
        journey = asked(people, incident=an_incident(people, source_url=page))
        settle("jira")
        before = time.monotonic()
        press("ULEAD", buttons(slack)["approve"])
        deliver("jira")
        deliver("pagerduty")
        took = time.monotonic() - before
        assert status(journey) == "approved"
        [issue] = jira.issues.values()
        approved = f"{journey.change.number} approved by Lead"
        assert approved in str(issue["said"][-1])
        assert approved in pagerduty.notes[told.INCIDENT][-1]
        assert took < 10


# --- the endpoints ------------------------------------------------------------------------------
def test_challenge_is_answered_at_once(slack: SlackServer) -> None:
    response = post("events", b'{"type":"url_verification","challenge":"3eZb","token":"x"}')
    assert (response.status_code, response.json()) == (200, {"challenge": "3eZb"})
    assert not Delivery.objects.exists()


def test_event_is_kept_once(slack: SlackServer) -> None:
    body = (
        b'{"type":"event_callback","event_id":"Ev1","event_time":1763800000,"event":{"type":"x"}}'
    )
    assert [post("events", body).status_code for _time in range(2)] == [200, 200]
    work_off()
    assert Delivery.objects.get().outcome == "ignored"


@pytest.mark.parametrize("path", ["interactive", "events", "commands"])
def test_request_that_slack_did_not_sign_is_refused(slack: SlackServer, path: str) -> None:
    now = int(clock.now().timestamp())
    assert post(path, b"payload=%7B%7D", secret="guessed").status_code == 403
    assert post(path, b"payload=%7B%7D", stamp=now - 301).status_code == 403
    assert not Delivery.objects.exists()


ODD = [
    {"type": "block_actions"}, {"type": "block_actions", "actions": "x"},
    {"type": "block_actions", "actions": [{"action_id": "approve", "value": 7}]},
    {"type": "block_actions", "actions": [{"action_id": "approve", "action_ts": "9" * 40}]},
    {"type": "view_submission"}, {"type": "view_submission", "view": {"callback_id": "reject"}},
    {"type": "view_submission", "view": {"callback_id": "declare", "state": {"values": []}}},
    {"type": "shortcut", "callback_id": "declare"}, {"type": "never heard of"}, {},
]  # fmt: skip


@pytest.mark.parametrize("payload", ODD, ids=range(len(ODD)))
def test_odd_payload_does_nothing(slack: SlackServer, payload: dict[str, Any]) -> None:
    assert interact(payload).status_code == 200
    work_off()
    assert not EmergencyChange.objects.exists()
    assert not Delivery.objects.filter(outcome__in=["failed", "waiting"]).exists()


@pytest.mark.parametrize("body", [b"", b"payload=", b"payload=[]", b"payload=%FF", b"\xff", b"x=1"])
@pytest.mark.parametrize("path", ["interactive", "events", "commands"])
def test_what_is_no_request_of_slack_is_refused(slack: SlackServer, path: str, body: bytes) -> None:
    assert post(path, body).status_code == 400
    assert not Message.objects.exists()
