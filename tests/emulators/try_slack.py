"""Slack's own client against a Slack that remembers: thread, question, decision and person."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings
from slack_sdk import WebClient

from ecportal.integrations import slack_people
from ecportal.integrations.channels.slack import SlackChannel
from ecportal.integrations.models import RemoteObject
from ecportal.outbox.models import DeliveryAttempt, Message
from ecportal.outbox.publishing import deliver
from tests.emulators import npm
from tests.scenario import Company, Journey, a_draft

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    with npm.slack() as address:
        yield address


@pytest.fixture
def there(behind: str) -> Iterator[WebClient]:
    client = WebClient("xoxb-1", base_url=f"{behind}/")
    listed = client.conversations_list()["channels"]
    channel = next(one["id"] for one in listed if one["name"] == "emergency-changes")
    with override_settings(
        SLACK_BOT_TOKEN="xoxb-1", SLACK_API_URL=behind, SLACK_CHANNEL=channel, SLACK_CHANNELS={}
    ):
        yield client


def thread_of(there: WebClient, number: str) -> list[dict[str, Any]]:
    channel, ts = RemoteObject.objects.get(kind="thread", thread=number).key.split(":")
    return list(there.conversations_replies(channel=channel, ts=ts)["messages"])


def test_change_has_one_thread_and_its_question_is_answered(
    company: Company, there: WebClient
) -> None:
    journey = Journey(company, a_draft(company)).submit()
    assert deliver("slack") == (2, 0)
    journey.approve()
    deliver("slack")
    root, question, step = thread_of(there, journey.change.number)
    assert "approved*" in root["text"]
    assert question["text"].startswith(f"{journey.change.number} approved by Lead")
    assert step["thread_ts"] == root["ts"]
    assert RemoteObject.objects.get(kind="thread").url.endswith(root["ts"].replace(".", ""))


def test_broken_off_message_is_found_again(company: Company, there: WebClient) -> None:
    journey = Journey(company, a_draft(company)).submit()
    deliver("slack")
    said = len(thread_of(there, journey.change.number))
    [channel, ts] = RemoteObject.objects.get(kind="thread").key.split(":")
    RemoteObject.objects.all().delete()  # as if the answer to it had never come
    first = Message.objects.filter(channel="slack").earliest("pk")
    Message.objects.filter(pk=first.pk).update(sent_at=None)
    deliver("slack")
    first.refresh_from_db()
    assert first.attempts == 2
    assert RemoteObject.objects.get(kind="thread").key == f"{channel}:{ts}"
    assert len(thread_of(there, journey.change.number)) == said


def test_person_is_found_by_the_address(company: Company, there: WebClient) -> None:
    user = there.users_lookupByEmail(email="lead@example.test")["user"]
    team = there.auth_test()["team_id"]
    assert slack_people.meet(team, user["id"], 5) == company.lead
    assert slack_people.meet(team, "U0NOBODY", 5) is None


def test_probe_is_answered(there: WebClient) -> None:
    answer = SlackChannel().probe()
    assert answer.result in (DeliveryAttempt.Result.SENT, DeliveryAttempt.Result.REFUSED)
    assert "portal" in answer.text
