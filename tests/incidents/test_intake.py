"""An alert becomes one incident, or one line that says why not."""

import copy
import json
import os
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from ecportal import clock
from ecportal.integrations.reading import Malformed, decode
from ecportal.models import NumberSequence
from incidents.intake import Told, told
from incidents.management.commands.open_from_alert import SIZE_LIMIT, open_alert
from incidents.models import Incident
from tests.scenario import Company

pytestmark = pytest.mark.once

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
VENDORS = settings.BASE_DIR.parent / "shared" / "integrations"

PAGERDUTY = {
    "event": {
        "id": "01BRB6ZP4M",
        "event_type": "incident.triggered",
        "resource_type": "incident",
        "occurred_at": "2026-11-23T08:41:00.169Z",
        "data": {
            "id": "PGR0VU2",
            "type": "incident",
            "html_url": "https://acme.pagerduty.example.com/incidents/PGR0VU2",
            "number": 2,
            "status": "triggered",
            "created_at": "2026-11-23T08:40:00Z",
            "title": "A little bump in the road",
            "service": {"summary": "Checkout", "type": "service_reference"},
            "priority": {"summary": "P1", "type": "priority_reference"},
            "urgency": "high",
        },
    }
}
ALERTMANAGER = {
    "receiver": "ecportal",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "CheckoutDown", "service": "checkout", "severity": "critical"},
            "annotations": {"summary": "Checkout 5xx > 20%", "description": "Since the release."},
            "startsAt": "2026-11-23T08:25:15.936748945Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.com/graph",
            "fingerprint": "1e13768c7ec52373",
        }
    ],
    "commonLabels": {"alertname": "CheckoutDown", "service": "checkout"},
    "commonAnnotations": {"summary": "Checkout 5xx > 20%"},
    "externalURL": "http://alertmanager:9093",
    "version": "4",
    "groupKey": '{}:{alertname="CheckoutDown"}',
}
EVENT = {
    "event_action": "trigger",
    "dedup_key": "disk/host1",
    "client_url": "https://monitoring.example.com/1",
    "payload": {
        "summary": "Disk of host1 is full",
        "timestamp": "2026-11-23T08:42:58.315+0000",
        "source": "host1",
        "severity": "warning",
        "component": "postgres",
    },
}
SAMPLES = {"pagerduty": PAGERDUTY, "alertmanager": ALERTMANAGER, "events v2": EVENT}


@pytest.fixture
def portal(company: Company) -> Any:
    with clock.at(NOW):
        yield company


def changed(payload: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    """Return the payload with another value at the path; None where nothing shall be."""
    result = copy.deepcopy(payload)
    holder: Any = result
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = to
    return result


def read(payload: dict[str, Any]) -> Told:
    return told(open_alert(payload), NOW)


def command(path: Path | str) -> list[str]:
    out = StringIO()
    call_command("open_from_alert", str(path), stdout=out)
    return out.getvalue().splitlines()


def send(tmp_path: Path, payload: Any) -> list[str]:
    path = tmp_path / "alert.json"
    path.write_bytes(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    return command(path)


def refused(tmp_path: Path, payload: Any) -> str:
    """Send what must be refused; return the one line, after checking that nothing was written."""
    with pytest.raises(CommandError) as caught:
        send(tmp_path, payload)
    return check_refusal(caught.value)


def check_refusal(error: CommandError) -> str:
    line = str(error)
    assert error.returncode == 2
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    assert len(line) < 400
    assert not Incident.objects.exists()
    assert not NumberSequence.objects.filter(series__startswith="INC").exists()
    return line


def test_pagerduty_webhook_becomes_an_incident(portal: Company, tmp_path: Path) -> None:
    lines = send(tmp_path, PAGERDUTY)
    incident = Incident.objects.get()
    assert lines == [
        f"{incident.number} A little bump in the road",
        reverse("admin:incidents_incident_change", args=[incident.pk]),
    ]
    assert incident.severity == 1
    assert (incident.source, incident.source_key) == ("pagerduty", "PGR0VU2")
    assert incident.source_url == "https://acme.pagerduty.example.com/incidents/PGR0VU2"
    assert incident.began_at == datetime(2026, 11, 23, 8, 40, tzinfo=UTC)
    assert incident.recorded_by.is_system
    assert [link.system for link in incident.affected.all()] == [portal.system]
    assert incident.history.get().history_change_reason == "PagerDuty alert PGR0VU2."


@pytest.mark.parametrize("wrapped", [False, True])
def test_alertmanager_webhook_becomes_an_incident(
    portal: Company, tmp_path: Path, wrapped: bool
) -> None:
    send(tmp_path, {"headers": {}, "body": ALERTMANAGER} if wrapped else ALERTMANAGER)
    incident = Incident.objects.get()
    assert incident.title == "Checkout 5xx > 20%"
    assert incident.severity == 1
    assert incident.source == "alertmanager"
    assert incident.began_at == datetime(2026, 11, 23, 8, 25, 15, 936748, tzinfo=UTC)
    assert incident.source_url == "http://prometheus.example.com/graph"
    assert "Since the release." in incident.description
    assert [link.system for link in incident.affected.all()] == [portal.system]


def test_event_v2_becomes_an_incident_and_names_an_unknown_system(
    portal: Company, tmp_path: Path
) -> None:
    send(tmp_path, EVENT)
    incident = Incident.objects.get()
    assert incident.title == "Disk of host1 is full"
    assert incident.severity == 3
    assert incident.source_key == "disk/host1"
    assert not incident.affected.exists()
    assert incident.description.endswith(
        "Named by the alert, but no system of the portal: postgres"
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_same_alert_again_is_the_same_incident(portal: Company, tmp_path: Path, name: str) -> None:
    first = send(tmp_path, SAMPLES[name])
    again = send(tmp_path, SAMPLES[name])
    assert again == [f"{first[0]} (recorded already)", first[1]]
    assert Incident.objects.count() == 1


def test_later_event_of_the_same_pagerduty_incident_is_the_same_incident(
    portal: Company, tmp_path: Path
) -> None:
    send(tmp_path, PAGERDUTY)
    send(tmp_path, changed(PAGERDUTY, "event", "event_type", to="incident.priority_updated"))
    assert Incident.objects.count() == 1


def test_group_that_grows_is_one_incident_and_one_that_fires_anew_another(
    portal: Company, tmp_path: Path
) -> None:
    send(tmp_path, ALERTMANAGER)
    first = ALERTMANAGER["alerts"][0]  # type: ignore[index]
    more = {**first, "startsAt": "2026-11-23T08:50:00Z"}
    send(tmp_path, {**ALERTMANAGER, "alerts": [first, more]})
    send(tmp_path, {**ALERTMANAGER, "alerts": [more]})
    assert Incident.objects.count() == 1
    send(tmp_path, {**ALERTMANAGER, "alerts": [{**first, "startsAt": "2026-11-23T08:55:00Z"}]})
    assert Incident.objects.count() == 2


@pytest.mark.parametrize(
    ("payload", "severity"),
    [
        (PAGERDUTY, 1),
        (changed(PAGERDUTY, "event", "data", "priority", "summary", to="P3"), 3),
        (changed(PAGERDUTY, "event", "data", "priority", "summary", to="P5"), 4),
        (changed(PAGERDUTY, "event", "data", "priority", to=None), 2),
        (changed(changed(PAGERDUTY, "event", "data", "priority", to=None),
                 "event", "data", "urgency", to="low"), 3),
        (changed(ALERTMANAGER, "alerts", 0, "labels", "severity", to="error"), 2),
        (changed(ALERTMANAGER, "alerts", 0, "labels", "severity", to="info"), 4),
        (changed(ALERTMANAGER, "alerts", 0, "labels", "severity", to="whatever"), 2),
        (EVENT, 3),
    ],
)  # fmt: skip
def test_severity_follows_the_table(db: None, payload: dict[str, Any], severity: int) -> None:
    assert read(payload).severity == severity


def test_title_that_is_too_long_is_cut_and_kept_whole_in_the_description(db: None) -> None:
    title = "x" * 5000
    alert = read(changed(PAGERDUTY, "event", "data", "title", to=title))
    assert alert.title == f"{'x' * 199}…"
    assert f"Title in full: {title}" in alert.description


def test_alert_from_the_future_begins_now_and_says_so(db: None) -> None:
    later = changed(PAGERDUTY, "event", "data", "created_at", to="2026-11-23T10:00:00+01:00")
    assert read(later).began_at == NOW
    assert "future" not in read(later).description
    later = changed(PAGERDUTY, "event", "data", "created_at", to="2027-01-01T00:00:00Z")
    assert read(later).began_at == NOW
    assert "2027-01-01 00:00:00 UTC, which was in the future" in read(later).description


def test_pagerduty_incident_without_a_creation_time_began_with_the_event(db: None) -> None:
    alert = read(changed(PAGERDUTY, "event", "data", "created_at", to=None))
    assert alert.began_at == datetime(2026, 11, 23, 8, 41, 0, 169000, tzinfo=UTC)


def test_what_no_database_takes_is_left_out(portal: Company, tmp_path: Path) -> None:
    title = "A\0 b\ud800ump\nin the road 🔥"
    send(tmp_path, changed(PAGERDUTY, "event", "data", "title", to=title))
    assert Incident.objects.get().title == "A bump in the road 🔥"


def test_link_that_is_none_is_told_in_the_description(db: None) -> None:
    for link in ("javascript:alert(1)", "http://vm:9093", f"https://example.com/{'x' * 600}"):
        alert = read(changed(PAGERDUTY, "event", "data", "html_url", to=link))
        assert alert.source_url == ""
        assert f"Link: {link}" in alert.description


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (changed(PAGERDUTY, "event", "event_type", to="incident.resolved"), "open incident"),
        (changed(PAGERDUTY, "event", "event_type", to=None), "'event_type' is missing"),
        (changed(PAGERDUTY, "event", "event_type", to="incident.acknowledged"), "open incident"),
        (changed(PAGERDUTY, "event", "event_type", to="service.updated"), "open incident"),
        (changed(PAGERDUTY, "event", "data", "status", to="resolved"), "open incident"),
        (changed(PAGERDUTY, "event", "data", "type", to="incident_note"), "no incident"),
        (changed(PAGERDUTY, "event", "data", "title", to=None), "'title' is missing"),
        (changed(PAGERDUTY, "event", "data", "title", to=" \0\n"), "'title' is missing"),
        (changed(PAGERDUTY, "event", "data", "title", to=["a"]), "'title' is no text"),
        (changed(PAGERDUTY, "event", "data", "id", to=7), "'id' is no text"),
        (changed(PAGERDUTY, "event", "data", "number", to="2"), "is no number"),
        (changed(PAGERDUTY, "event", "data", "service", to="x"), "service is no object"),
        (changed(PAGERDUTY, "event", "data", to=[]), "event.data is no object"),
        (changed(PAGERDUTY, "event", "data", "created_at", to="yesterday"), "no time"),
        (changed(PAGERDUTY, "event", "data", "created_at", to="2026-11-23T08:40:00"), "no time"),
        (changed(PAGERDUTY, "event", "data", "created_at", to="9999-12-31T23:59:59-14:00"),
         "no time"),
        (changed(ALERTMANAGER, "status", to="resolved"), "open incident"),
        (changed(ALERTMANAGER, "alerts", 0, "status", to="resolved"), "No alert"),
        (changed(ALERTMANAGER, "alerts", 0, "startsAt", to="0001-01-01T00:00:00Z"), "not set"),
        (changed(ALERTMANAGER, "alerts", 0, "startsAt", to=None), "'startsAt' is missing"),
        (changed(ALERTMANAGER, "alerts", 0, "labels", "service", to=1), "'service' is no text"),
        (changed(ALERTMANAGER, "alerts", to={}), "alerts is no list"),
        (changed(ALERTMANAGER, "alerts", to=[1]), "is no object"),
        (changed(ALERTMANAGER, "groupKey", to=None), "'groupKey' is missing"),
        (changed(EVENT, "event_action", to="acknowledge"), "open incident"),
        (changed(EVENT, "payload", "timestamp", to=None), "'timestamp' is missing"),
        ([], "no JSON object"),
        (None, "no JSON object"),
        ({}, "neither"),
        ({"body": 1}, "no object"),
    ],
)  # fmt: skip
def test_what_is_no_open_alert_is_refused_in_one_line(
    portal: Company, tmp_path: Path, payload: Any, words: str
) -> None:
    assert words in refused(tmp_path, payload)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b"\xff\xfe\xfd", "not UTF-8"),
        (b"[" * 200_000, "nested"),
        (b'{"event": ' * 100_000, "nested"),
        (b'{"event": ' + b"9" * 5000 + b"}", "number that is too long"),
        (b"x" * (SIZE_LIMIT + 1), "larger than 5 MiB"),
    ],
    ids=["empty", "blank", "cut", "no UTF", "deep list", "deep object", "long number", "large"],
)
def test_what_is_not_json_is_refused_in_one_line(
    portal: Company, tmp_path: Path, raw: bytes, words: str
) -> None:
    assert words in refused(tmp_path, raw)


def test_what_is_no_file_is_refused_in_one_line(portal: Company, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.write_text(json.dumps(PAGERDUTY))
    locked.chmod(0)
    paths = [tmp_path, tmp_path / "none", tmp_path / "two\nlines", tmp_path / ("x" * 300)]
    for path in paths if os.geteuid() == 0 else [*paths, locked]:  # root reads everything
        with pytest.raises(CommandError) as caught:
            command(path)
        check_refusal(caught.value)


# --- alerts that nobody thought of --------------------------------------------------------------
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["\0", "\ud800", "x" * 5000, "0001-01-01T00:00:00Z", "9" * 400, ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)  # fmt: skip


def paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside, at any depth."""
    if not isinstance(value, dict | list):
        return [here]
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    return [here, *(path for key, below in inner for path in paths(below, (*here, key)))]


@st.composite
def mutants(draw: st.DrawFn) -> Any:
    payload: Any = draw(st.sampled_from(list(SAMPLES.values())))
    for _ in range(draw(st.integers(1, 3))):
        payload = copy.deepcopy(payload)
        path = draw(st.sampled_from(paths(payload)))
        if not path:
            return draw(ANYTHING)
        holder = payload
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()):
            holder[path[-1]] = draw(ANYTHING)
        else:
            del holder[path[-1]]
        if not isinstance(payload, dict) or not payload:
            break
    return payload


@given(payload=mutants())
@limits(
    max_examples=150,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_mutation_gives_one_incident_or_one_line(
    portal: Company, tmp_path: Path, payload: Any
) -> None:
    with transaction.atomic():
        try:
            lines = send(tmp_path, payload)
        except CommandError as error:
            check_refusal(error)
        else:
            incident = Incident.objects.get()
            assert lines[0].startswith(incident.number)
            assert len(lines) == 2
            assert incident.began_at <= NOW
        transaction.set_rollback(True)


@given(raw=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@limits(max_examples=200, deadline=None, database=None)
def test_any_bytes_give_a_sentence(raw: bytes) -> None:
    # Random bytes are never an alert; that any other exception comes out is what can go wrong.
    with pytest.raises(Malformed, match=r"^[^\n]+\.$"):
        decode(raw)


# --- what the vendors really send ---------------------------------------------------------------
def vendor(path: str) -> Any:
    file = VENDORS / path
    if not file.exists():
        pytest.skip(f"{VENDORS} is absent: no vendor samples here")
    return json.loads(file.read_bytes())


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("pagerduty/webhooks/composed-incident.triggered.json", "A little bump in the road"),
        ("pagerduty/webhooks/incident.priority_updated.json", "A little bump in the road"),
        ("pagerduty/events-v2/trigger.json", "Example alert on host1.example.com"),
        ("alertmanager/0-firing.json", "Checkout 5xx > 20%"),
    ],
)
def test_vendor_sample_of_an_open_alert_becomes_an_incident(
    portal: Company, tmp_path: Path, path: str, title: str
) -> None:
    assert title in send(tmp_path, vendor(path))[0]
    assert Incident.objects.get().began_at <= NOW


@pytest.mark.parametrize(
    "path",
    [
        "pagerduty/webhooks/composed-incident.acknowledged.json",
        "pagerduty/webhooks/composed-incident.annotated.json",
        "pagerduty/webhooks/composed-incident.resolved.json",
        "pagerduty/webhooks/service.updated.json",
        "pagerduty/events-v2/acknowledge.json",
        "pagerduty/events-v2/resolve.json",
        "alertmanager/1-resolved.json",
    ],
)
def test_vendor_sample_of_anything_else_is_refused(
    portal: Company, tmp_path: Path, path: str
) -> None:
    refused(tmp_path, vendor(path))


def test_pagerduty_sample_of_the_signature_vectors_becomes_an_incident(
    portal: Company, tmp_path: Path
) -> None:
    body = vendor("pagerduty/vectors.json")["vectors"][0]["body"]
    assert "A little bump in the road" in send(tmp_path, body.encode())[0]
