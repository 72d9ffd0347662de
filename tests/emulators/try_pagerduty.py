"""PagerDuty's own client against PagerDuty's own specification: every request is as it says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from django.test import override_settings

from ecportal import clock
from ecportal.integrations.channels.pagerduty import Client, PagerDuty
from ecportal.integrations.models import RemoteObject
from ecportal.outbox.models import LEASE, DeliveryAttempt, Message
from ecportal.outbox.publishing import deliver, tell
from tests.emulators.front import Front
from tests.emulators.npm import prism
from tests.integrations.channels.servers import running

THREAD = "EC-2026-0042"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    with prism("pagerduty-rest.json") as address:
        yield address


@pytest.fixture
def front(behind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setattr(Client, "timeout", 60)
    with (
        running(Front(behind), authority) as up,
        override_settings(
            PAGERDUTY_API_KEY="key", PAGERDUTY_FROM="portal@example.test", PAGERDUTY_API_URL=up.url
        ),
    ):
        yield up


def say(act: str) -> Message:
    payload = {"act": act, "text": "EC-2026-0042 approved by Lena."}
    return tell(Message.Channel.PAGERDUTY, "PT4KHLK", payload, subject=act, thread=THREAD)


def test_note_and_the_end_are_taken(front: Front) -> None:
    say("note")
    say("resolve")
    assert deliver("pagerduty") == (2, 0)
    assert front.answered == [200] * len(front.answered)
    assert RemoteObject.objects.filter(system="pagerduty", kind="note").exists()


def test_second_attempt_looks_at_the_notes_first(front: Front) -> None:
    said = say("note")
    front.faults = ["cut after"]
    assert deliver("pagerduty") == (0, 1)
    with clock.at(clock.now() + 2 * LEASE):
        assert deliver("pagerduty") == (1, 0)
    assert [verb for verb, _path in front.asked] == ["POST", "GET", "POST"]
    said.refresh_from_db()
    assert said.status == "sent"


def test_probe_is_answered(front: Front) -> None:
    answer = PagerDuty().probe()
    assert front.answered == [200]
    assert answer.result in (DeliveryAttempt.Result.SENT, DeliveryAttempt.Result.REFUSED)
    assert "portal@example.test" in answer.text
