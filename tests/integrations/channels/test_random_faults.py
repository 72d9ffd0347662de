"""Whatever the servers and the workers do, and in whatever order: each thing is said once."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ecportal import clock
from ecportal.outbox.channels import CHANNELS
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import deliver, newest_of, tell
from ecportal.outbox.relay import take
from tests.integrations.channels import told
from tests.integrations.channels.servers import FAULTS
from tests.integrations.channels.told import INCIDENT

pytestmark = [pytest.mark.django_db, pytest.mark.once, pytest.mark.slow]
SYSTEMS = ("pagerduty", "jira", "webhook")
numbers = count(1)


@dataclass(frozen=True)
class Turn:
    """A worker's turn at one system: what its requests meet, and whether the worker dies in it."""

    system: str
    faults: tuple[str, ...]
    dies: bool


QUICK = [fault for fault in FAULTS if not fault.startswith("hang")]
TURNS = st.lists(
    st.builds(
        Turn,
        system=st.sampled_from(SYSTEMS),
        faults=st.lists(st.sampled_from(["", *QUICK]), max_size=3).map(tuple),
        dies=st.sampled_from([False, False, True]),
    ),
    min_size=3,
    max_size=10,
)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("authority")
    with ExitStack() as stack:
        yield {
            "pagerduty": stack.enter_context(told.pagerduty(folder)),
            "jira": stack.enter_context(told.jira()),
            "webhook": stack.enter_context(told.receiver()),
        }


def say_everything(thread: str, hook: str) -> None:
    """Write what is told of one change: three things to each system."""
    said = [
        ("pagerduty", INCIDENT, [{"act": "note", "text": f"{thread} {n}"} for n in range(3)]),
        ("jira", "OPS", [
            {"act": "create", "summary": thread, "text": "Text", "labels": []},
            {"act": "comment", "text": f"{thread} 1"}, {"act": "comment", "text": f"{thread} 2"},
        ]),
        ("webhook", hook, [{"type": thread, "data": {"n": n}} for n in range(3)]),
    ]  # fmt: skip
    for channel, address, payloads in said:
        for payload in payloads:
            after = newest_of(thread, Message.Channel(channel))
            tell(Message.Channel(channel), address, payload, subject=thread, thread=thread,
                 after=after)  # fmt: skip


def work(turn: Turn, server: Any) -> None:
    """Let a worker send what waits; one that dies does so after a request, and writes nothing."""
    server.faults = list(turn.faults)
    if not turn.dies:
        deliver(turn.system)
        return
    message = take(turn.system)
    if message is not None:
        CHANNELS[turn.system]().send(message)


@hypothesis_settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(turns=TURNS)
def test_each_thing_is_said_once_and_in_order(
    db: None, systems: dict[str, Any], turns: list[Turn]
) -> None:
    thread, now = f"EC-2026-{next(numbers):04}", clock.now()
    pagerduty, jira, receiver = (systems[name] for name in SYSTEMS)
    say_everything(thread, f"{receiver.url}/hook")
    for turn in turns:
        with clock.at(now):
            work(turn, systems[turn.system])
        now += timedelta(minutes=11)
    for server in systems.values():
        server.faults = []
    with clock.at(now):
        told.settle(*SYSTEMS)
    mine = Message.objects.filter(thread=thread)
    assert {message.status for message in mine} == {"sent"}
    notes = [text.split("\n")[0] for text in pagerduty.notes[INCIDENT]]
    assert [text for text in notes if text.startswith(thread)] == [
        f"{thread} {n}" for n in range(3)
    ]
    [issue] = [one for one in jira.issues.values() if one["fields"]["summary"] == thread]
    texts = [str(one["body"]) for one in issue["said"]]
    assert [f"{thread} 1" in texts[0], f"{thread} 2" in texts[1], len(texts)] == [True, True, 2]
    ids = [m.message_id for m in mine.filter(channel="webhook").order_by("pk")]
    taken = [key for key in receiver.by_id if key in ids]
    assert taken == ids
