"""The portal's seven calls against Jira Cloud's own specification: every request is as it says."""

import io
from collections.abc import Iterator

import pytest
from django.test import override_settings

from ecportal.integrations.channels import calling
from ecportal.integrations.channels.jira_calls import Jira
from ecportal.integrations.models import RemoteObject
from ecportal.outbox.models import Message
from ecportal.outbox.publishing import deliver, newest_of, tell
from tests.emulators.npm import prism

THREAD = "EC-2026-0042"
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def behind() -> Iterator[str]:
    with prism("jira-cloud.json") as address:
        yield address


@pytest.fixture
def jira(behind: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Jira]:
    monkeypatch.setattr(calling, "REQUEST_SECONDS", 60.0)
    monkeypatch.setattr(calling, "MESSAGE_SECONDS", 240.0)
    own = {"JIRA_URL": behind, "JIRA_USER": "portal@example.test", "JIRA_TOKEN": "token",
           "JIRA_PROJECT": "OPS", "JIRA_ISSUE_TYPE": "Bug"}  # fmt: skip
    with override_settings(**own):
        found = Jira()
        yield found
        found.caller.close()


def test_each_call_is_as_the_specification_says(jira: Jira) -> None:
    assert jira.myself()
    text = jira.flavor.document("h: Risk\nHigh\n\nhttps://a.test/")
    key = jira.create({"summary": "Roll back", "labels": ["emergency"], "description": text})
    assert key
    assert jira.with_label("ec-2026-0042")
    assert jira.comment(key, "Approved.\n[EC-2026-0042#1]")
    assert jira.comment_with(key, "[EC-2026-0042#1]") is None
    jira.point(key, "ecportal:EC-2026-0042", "https://portal.example.com/1", "EC-2026-0042")
    assert "Linked" in jira.link(key, "OPS-7") or "already" in jira.link(key, "OPS-7")
    [way, *_more] = jira.caller.read(f"/issue/{key}/transitions").object()["transitions"]
    assert way["name"] in jira.move(key, way["name"])
    jira.attach(key, "evidence.zip", io.BytesIO(b"PK"))
    assert jira.has_attachment(key, "evidence.zip") is False


def test_change_is_told_from_beginning_to_end(jira: Jira) -> None:
    for payload in (
        {"act": "create", "summary": "Roll back", "text": "Approved.", "labels": ["emergency"]},
        {"act": "point", "id": "ecportal:1", "url": "https://a.test/1", "title": "Here"},
        {"act": "comment", "text": "Approved by Lena."},
    ):
        tell(Message.Channel.JIRA, "OPS", payload, subject=payload["act"], thread=THREAD,
             after=newest_of(THREAD, Message.Channel.JIRA))  # fmt: skip
    assert deliver("jira") == (3, 0)
    kinds = set(RemoteObject.objects.filter(thread=THREAD).values_list("kind", flat=True))
    assert kinds == {"issue", "comment"}
