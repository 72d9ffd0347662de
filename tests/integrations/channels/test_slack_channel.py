"""What Slack is told arrives once, whatever Slack does meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from ecportal import clock
from ecportal.integrations.channels.slack import SlackChannel
from ecportal.integrations.models import RemoteObject
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import deliver, newest_of, tell
from tests.integrations.channels.servers import FAULTS, SlackServer
from tests.integrations.channels.told import CHANNEL, settle
from tests.letters import results

THREAD = "EC-2026-0042"
pytestmark = [pytest.mark.django_db, pytest.mark.once]


def say(act: str, text: str, **more: Any) -> Message:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]
    payload = {"act": act, "text": text, "blocks": blocks, **more}
    newest = newest_of(THREAD, Message.Channel.SLACK)
    return tell(
        Message.Channel.SLACK, CHANNEL, payload, subject=text, thread=THREAD, after=newest
    )  # fmt: skip


def said(slack: SlackServer) -> list[str]:
    return [message["text"] for message in slack.messages[CHANNEL]]


# To hang is to be cut off a second later: once of each kind is enough.
@pytest.mark.parametrize(
    ("fault", "place"),
    [(one, place) for one in FAULTS for place in range(4) if place == 1 or "hang" not in one],
)
def test_everything_is_said_once_whichever_request_fails(
    slack: SlackServer, fault: str, place: int
) -> None:
    say("announce", "Waits")
    asked = say("say", "Approve?", asks=True)
    root, settled = ({"text": text, "blocks": []} for text in ("Approved", "Yes"))
    say("say", "Approved by Lena", settles=asked.pk, settled=settled, root=root)

    def misbehave(turn: int) -> None:
        if turn < 2:
            slack.faults = [""] * place + [fault]

    settle("slack", before_each=misbehave)
    assert said(slack) == ["Approved", "Yes", "Approved by Lena"]
    assert slack.messages[CHANNEL][0].get("thread_ts") is None
    assert {one["thread_ts"] for one in slack.thread(CHANNEL)} == {slack.messages[CHANNEL][0]["ts"]}
    assert RemoteObject.objects.get(kind="thread").url.startswith("https://acme.slack.test/")


def test_limit_of_requests_is_kept_to(slack: SlackServer) -> None:
    message = say("announce", "Waits")
    slack.faults, slack.wait = ["429"] * 9, "1234"
    with clock.at(clock.now()):
        assert deliver("slack") == (0, 1)
        message.refresh_from_db()
        assert message.next_attempt_at == clock.now() + timedelta(seconds=1234)
    assert len(slack.asked) == 1


NOES = [
    ("invalid_auth", "deferred"), ("not_in_channel", "deferred"), ("channel_not_found", "deferred"),
    ("ratelimited", "deferred"), ("internal_error", "broken"), ("msg_too_long", "refused"),
    ("never_heard_of", "refused"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "result"), NOES)
def test_no_by_http_200_is_a_no(slack: SlackServer, error: str, result: str) -> None:
    message = say("announce", "Waits")
    slack.says_no["chat.postMessage"] = error
    assert deliver("slack") == (0, 1)
    assert results(message) == [result]
    message.refresh_from_db()
    assert error in message.answer
    if result != "refused":
        slack.says_no.clear()
        settle("slack")
        assert said(slack) == ["Waits"]


def test_reply_waits_for_the_announcement(slack: SlackServer) -> None:
    message = say("say", "Approved")
    assert deliver("slack") == (0, 1)
    assert results(message) == ["deferred"]
    assert not slack.asked


def test_question_that_somebody_removed_holds_up_nothing(slack: SlackServer) -> None:
    say("announce", "Waits")
    asked = say("say", "Approve?")
    settle("slack")
    slack.messages[CHANNEL].pop()
    done = say("say", "Approved", settles=asked.pk, settled={"text": "Yes", "blocks": []})
    settle("slack")
    assert results(done) == ["sent"]


def test_server_that_does_not_answer_is_away_and_not_at_fault(
    slack: SlackServer, settings: Any
) -> None:
    message = say("announce", "Waits")
    settings.SLACK_API_URL = "http://127.0.0.1:1"
    assert deliver("slack") == (0, 1)
    message.refresh_from_db()
    assert (results(message), message.failures) == (["away"], 0)


def test_probe_says_who_speaks_where(slack: SlackServer, settings: Any) -> None:
    assert SlackChannel().probe().in_words == "ecportal of Acme speaks in #incidents."
    slack.says_no["auth.test"] = "invalid_auth"
    assert SlackChannel().probe().in_words == "invalid_auth"
