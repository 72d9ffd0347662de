"""What PagerDuty, Jira and webhooks are told arrives once, whatever their servers do."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from ecportal import clock
from ecportal.integrations.channels.jira import LARGEST_FILE
from ecportal.integrations.models import RemoteObject
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import deliver, newest_of, tell
from tests.integrations.channels.servers import FAULTS, JiraServer, PagerDutyServer, Receiver
from tests.integrations.channels.told import INCIDENT, SECRET, settle
from tests.letters import results

THREAD = "EC-2026-0042"
AFTER = ("500 after", "cut after", "half", "hang after", "null after")
pytestmark = [pytest.mark.django_db, pytest.mark.once]


def say(channel: str, address: str, **payload: Any) -> Message:
    return tell(
        Message.Channel(channel), address, payload, subject=f"{THREAD}: {payload.get('act')}",
        thread=THREAD, after=newest_of(THREAD, Message.Channel(channel)),
    )  # fmt: skip


def note(text: str = "EC-2026-0042 approved by Lena.") -> Message:
    return say("pagerduty", INCIDENT, act="note", text=text)


def create(**fields: Any) -> Message:
    return say("jira", "OPS", act="create", summary="EC-2026-0042 Roll back",
               text="Approved.\nh: Risk\nHigh", labels=["emergency"], fields=fields)  # fmt: skip


# --- PagerDuty ----------------------------------------------------------------------------------
def test_note_carries_its_own_mark_and_its_id_is_kept(pagerduty: PagerDutyServer) -> None:
    said = note()
    assert deliver("pagerduty") == (1, 0)
    assert pagerduty.notes[INCIDENT] == [f"EC-2026-0042 approved by Lena.\n[{THREAD}#{said.pk}]"]
    kept = RemoteObject.objects.get()
    assert (kept.system, kept.kind, kept.key, kept.thread) == ("pagerduty", "note", "N0", THREAD)
    assert pagerduty.asked == [("POST", f"/incidents/{INCIDENT}/notes")]


@pytest.mark.parametrize("fault", FAULTS)
def test_note_is_there_once_whatever_happened_to_the_first_request(
    pagerduty: PagerDutyServer, fault: str
) -> None:
    first, second = note("First"), note("Second")
    pagerduty.faults = [fault]
    assert deliver("pagerduty") == (0, 1)
    settle("pagerduty")
    assert [text.split("\n")[0] for text in pagerduty.notes[INCIDENT]] == ["First", "Second"]
    assert results(second) == ["sent"]
    assert results(first)[-1] == "sent"
    posts = [asked for asked in pagerduty.asked if asked[0] == "POST"]
    assert len(posts) == (2 if fault in AFTER else 3)


def test_limit_of_requests_is_kept_to_and_asked_about_once(pagerduty: PagerDutyServer) -> None:
    said = note()
    note("Second")
    pagerduty.faults, pagerduty.wait = ["429"] * 9, "1234"
    with clock.at(clock.now()):
        assert deliver("pagerduty") == (0, 1)
        said.refresh_from_db()
        assert said.next_attempt_at == clock.now() + timedelta(seconds=1234)
    assert len(pagerduty.asked) == 1
    assert results(said) == ["deferred"]


def test_note_on_an_incident_that_is_not_there_is_a_dead_letter(
    pagerduty: PagerDutyServer,
) -> None:
    said = say("pagerduty", "PNOTHERE", act="note", text="Approved.")
    assert deliver("pagerduty") == (0, 1)
    said.refresh_from_db()
    assert said.status == "given_up"
    assert "Incident Not Found" in said.answer


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_incident_is_resolved_after_its_notes(pagerduty: PagerDutyServer, fault: str) -> None:
    note()
    say("pagerduty", INCIDENT, act="resolve", text="Resolved by Lena.")
    pagerduty.faults = [fault, fault]
    settle("pagerduty")
    assert pagerduty.log == [("note", INCIDENT), ("resolved", INCIDENT)]


def test_server_that_does_not_answer_is_away_and_not_at_fault(
    pagerduty: PagerDutyServer, settings: Any
) -> None:
    said = note()
    settings.PAGERDUTY_API_URL = "https://127.0.0.1:1"
    assert deliver("pagerduty") == (0, 1)
    said.refresh_from_db()
    assert (results(said), said.failures) == (["away"], 0)


# --- Jira ---------------------------------------------------------------------------------------
def test_issue_has_its_type_its_labels_and_its_text(jira: JiraServer) -> None:
    create()
    assert deliver("jira") == (1, 0)
    [(key, issue)] = jira.issues.items()
    assert issue["fields"]["labels"] == ["emergency", "ec-2026-0042"]
    assert issue["fields"]["issuetype"] == {"id": "10001"}
    kept = RemoteObject.objects.get()
    assert (kept.kind, kept.key, kept.thread) == ("issue", key, THREAD)
    assert kept.url == f"{jira.url}/browse/OPS-1"


@pytest.mark.parametrize("fault", [one for one in FAULTS if not one.startswith("hang")])
@pytest.mark.parametrize("jira", ["3"], indirect=True)
def test_everything_is_there_once_though_some_request_fails_in_each_turn(
    jira: JiraServer, fault: str
) -> None:
    create()
    for payload in (
        {"act": "point", "id": "ecportal:1", "url": "https://a.test/1", "title": "Here"},
        {"act": "link", "to": "OPS-1"},
        {"act": "comment", "text": "Approved [by] Lena: *see* https://a.test/x_y"},
        {"act": "move", "to": "In Progress"},
        {"act": "comment", "text": "Closed."},
        {"act": "move", "to": "Done"},
    ):
        say("jira", "OPS", **payload)

    def misbehave(turn: int) -> None:
        jira.faults = [""] * (turn % 4) + [fault]

    settle("jira", before_each=misbehave)
    [issue] = jira.issues.values()
    assert (len(issue["said"]), issue["links"], issue["moves"]) == (
        2, ["OPS-1"], ["In Progress", "Done"],
    )  # fmt: skip
    assert list(issue["points"]) == ["ecportal:1"]
    assert not Message.objects.with_status("given_up").exists()


def test_text_is_written_as_this_jira_takes_it(jira: JiraServer) -> None:
    create()
    said = say("jira", "OPS", act="comment", text="{code} by *Lena*\n\nhttps://a.test/x_y.")
    settle("jira")
    body = jira.issues["OPS-1"]["said"][0]["body"]
    mark = f"[{THREAD}#{said.pk}]"
    if jira.version == "2":
        assert body.startswith("\\{code\\} by \\*Lena\\*\n\nhttps://a.test/x_y.\n")
        assert mark in body.replace("\\", "")
    else:
        first, second = body["content"]
        assert first["content"] == [{"type": "text", "text": "{code} by *Lena*"}]
        assert second["content"][0]["marks"] == [
            {"type": "link", "attrs": {"href": "https://a.test/x_y"}}
        ]
        assert second["content"][-1]["text"] == mark


def test_fields_that_are_configured_are_filled_in(jira: JiraServer, settings: Any) -> None:
    settings.JIRA_FIELDS = {
        "customfield_1": ("option", "risk"), "customfield_2": ("paragraph", "rollback_plan"),
        "customfield_3": ("", "number"), "customfield_4": ("", "scope"),
    }  # fmt: skip
    create(risk="High", rollback_plan="Deploy again.", number=THREAD)
    settle("jira")
    fields = jira.issues["OPS-1"]["fields"]
    assert (fields["customfield_1"], fields["customfield_3"]) == ({"value": "High"}, THREAD)
    assert "Deploy again." in json.dumps(fields["customfield_2"])
    assert "customfield_4" not in fields


def test_type_that_jira_does_not_have_is_said_with_those_that_it_has(
    jira: JiraServer, settings: Any
) -> None:
    settings.JIRA_ISSUE_TYPE = "Change"
    said = create()
    deliver("jira")
    said.refresh_from_db()
    assert said.status == "given_up"
    assert "no issue type “Change”, but: Emergency Change, Task" in said.answer


def test_status_that_cannot_be_reached_is_said_with_those_that_can(jira: JiraServer) -> None:
    create()
    said = say("jira", "OPS", act="move", to="Approved")
    settle("jira")
    said.refresh_from_db()
    assert "No transition leads from “To Do” to “Approved”. There are: “→ In Progress”" in (
        said.answer
    )


def test_what_hangs_on_an_issue_that_was_never_made_waits_and_then_is_given_up(
    jira: JiraServer,
) -> None:
    said = say("jira", "OPS", act="comment", text="Approved.")
    deliver("jira")
    said.refresh_from_db()
    assert said.answer.startswith("No issue stands for EC-2026-0042 yet")
    assert results(said) == ["deferred"]


def a_pack(settings: Any, folder: Path, size: int | None = None) -> Message:
    settings.STORAGES = {
        **settings.STORAGES,
        "packs": {"BACKEND": "django.core.files.storage.FileSystemStorage",
                  "OPTIONS": {"location": str(folder)}},
    }  # fmt: skip
    name = storages["packs"].save("pack.zip", ContentFile(b"PK" * 500))
    return say("jira", "OPS", act="attach", storage="packs", file=name, name="EC-evidence.zip",
               size=size or 1000, text="It is too large: see https://a.test/p")  # fmt: skip


@pytest.mark.parametrize("fault", ["", *FAULTS])
@pytest.mark.parametrize("jira", ["3"], indirect=True)
def test_evidence_is_attached_once(
    jira: JiraServer, settings: Any, tmp_path: Path, fault: str
) -> None:
    create()
    settle("jira")
    a_pack(settings, tmp_path)
    jira.faults = [fault]
    settle("jira")
    assert jira.issues["OPS-1"]["files"] == {"EC-evidence.zip": 1}


@pytest.mark.parametrize("limit", ["ours", "theirs"])
def test_evidence_that_is_too_large_is_linked_instead(
    jira: JiraServer, settings: Any, tmp_path: Path, limit: str
) -> None:
    create()
    a_pack(settings, tmp_path, size=LARGEST_FILE + 1 if limit == "ours" else None)
    jira.largest = 10**9 if limit == "ours" else 10
    settle("jira")
    issue = jira.issues["OPS-1"]
    assert issue["files"] == {}
    assert "It is too large" in json.dumps(issue["said"])


def test_other_server_at_jiras_address_takes_nothing_for_an_answer(
    jira: JiraServer, receiver: Receiver, settings: Any
) -> None:
    settings.JIRA_URL = receiver.url
    said = create()
    deliver("jira")
    said.refresh_from_db()
    assert said.status in ("waiting", "given_up")


# --- webhooks -----------------------------------------------------------------------------------
def event(receiver: Receiver) -> Message:
    return say("webhook", f"{receiver.url}/hook", type="ecportal.change.approved", data={"n": "é"})


def test_webhook_is_signed_as_the_specification_says(receiver: Receiver) -> None:
    said = event(receiver)
    assert deliver("webhook") == (1, 0)
    [(headers, body)] = receiver.took
    payload = Webhook(SECRET).verify(body, dict(headers.items()))
    assert payload == {"type": "ecportal.change.approved", "data": {"n": "é"}}
    assert headers["webhook-id"] == said.message_id
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", dict(headers.items()))


@pytest.mark.parametrize("fault", [one for one in FAULTS if one != "null after"])
def test_webhook_has_one_id_and_a_fresh_time_however_often_it_is_sent(
    receiver: Receiver, fault: str
) -> None:
    event(receiver)
    receiver.faults = [fault]
    settle("webhook")
    assert len(receiver.by_id) == 1
    times = [headers["webhook-timestamp"] for headers, _body in receiver.took]
    assert len(times) == len(set(times)) == (2 if fault in AFTER else 1)


def test_endpoint_that_hangs_holds_up_no_other(receiver: Receiver, settings: Any) -> None:
    away = "http://127.0.0.1:1/hook"
    settings.WEBHOOK_ENDPOINTS = {away: SECRET, **settings.WEBHOOK_ENDPOINTS}
    for number in range(3):
        tell(Message.Channel.WEBHOOK, away, {"n": number}, subject="Told")
    event(receiver)
    assert deliver("webhook") == (1, 3)
    assert len(receiver.took) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"])
def test_private_network_is_not_entered(receiver: Receiver, settings: Any, host: str) -> None:
    settings.WEBHOOK_PRIVATE = False
    address = f"http://{host}:{receiver.port}/hook"
    settings.WEBHOOK_ENDPOINTS = {address: SECRET}
    said = tell(Message.Channel.WEBHOOK, address, {}, subject="Told")
    deliver("webhook")
    said.refresh_from_db()
    assert said.status == "given_up"
    assert "private network" in said.answer
    assert receiver.asked == []
