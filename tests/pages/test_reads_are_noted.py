"""What an Auditor reads, and what anybody takes away, is itself in the trail."""

import hashlib
import json
from typing import Any

import pytest

from ecportal.audit.models import AuditEvent
from tests.pages.conftest import SignIn
from tests.pages.world import World, a_population

pytestmark = pytest.mark.once


def told(kind: str) -> list[dict[str, Any]]:
    events = AuditEvent.objects.filter(kind=kind).order_by("pk")
    return [json.loads(str(event.body)) for event in events]


def test_each_page_that_an_auditor_reads_is_an_event(world: World, signed_in: SignIn) -> None:
    address = f"/admin/changes/emergencychange/{world.change.pk}/change/?x=1"
    signed_in(world.people["A"]).get(address)
    [event] = told("read")
    assert event["fields"] == {"what": address}
    assert event["ctx"]["username"] == world.people["A"].username
    assert event["ctx"]["ip"] == "127.0.0.1"


def test_reading_by_others_and_pages_not_shown_are_none(world: World, signed_in: SignIn) -> None:
    for letter in "ELR":
        signed_in(world.people[letter]).get("/admin/")
    signed_in(world.people["A"]).get("/admin/changes/emergencychange/999/change/")
    assert told("read") == []


def test_what_is_taken_away_is_noted_with_its_digest(world: World, signed_in: SignIn) -> None:
    population = a_population(world.company)
    client = signed_in(world.people["L"])
    for form in ("file/csv/", "file/json/", "file/xlsx/", "proof/"):
        response = client.get(f"/admin/reviews/population/{population.pk}/{form}")
        content = b"".join(response) if response.streaming else response.content
        fields = told("export")[-1]["fields"]
        assert fields["sha256"] == hashlib.sha256(content).hexdigest()
        assert fields["what"] in response["Content-Disposition"]
    assert len(told("export")) == 4
