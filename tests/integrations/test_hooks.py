"""The addresses under /hooks/: who is let in, what is stored, and what is answered."""

import hashlib
import json
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.test import Client

from ecportal.audit.models import AuditEvent
from ecportal.integrations import receiving
from ecportal.integrations.models import Delivery
from tests.integrations.samples import PAGERDUTY
from tests.integrations.sending import SECRETS, SYSTEMS, deliver, post, signed, standard

pytestmark = pytest.mark.usefixtures("hooks")
each_system = pytest.mark.parametrize("system", SYSTEMS)


@each_system
def test_signed_delivery_is_stored_as_it_came(system: str) -> None:
    body = b' {"event" : {"event_type":"x.y"}} '
    response = deliver(system, body, **{"X-Github-Event": "ping", "Cookie": "a=b"})
    assert response.status_code == 202
    delivery = Delivery.objects.get()
    assert (delivery.system, bytes(delivery.body)) == (system, body)
    assert delivery.sha256 == hashlib.sha256(body).hexdigest()
    assert delivery.outcome == "waiting"
    assert delivery.headers == {"content-type": "application/json", "x-github-event": "ping"}
    assert not response.cookies


@each_system
def test_delivery_without_a_right_signature_is_refused(system: str) -> None:
    body = b"{}"
    wrong = {name: value[:-1] + "x" for name, value in signed(system, body).items()}
    odd = {name: f"{value}é\x80" for name, value in signed(system, body).items()}
    empty = dict.fromkeys(wrong, "")
    doubled = {name: f"{value[:-1]}, {value}y" for name, value in signed(system, body).items()}
    for headers in (wrong, odd, empty, doubled, {}):
        response = post(system, body, headers)
        assert response.status_code == 403, headers
        assert response.content == b"The signature or token is missing or not right.\n"
    assert not Delivery.objects.exists()


@each_system
def test_system_without_a_secret_is_not_there(system: str, settings: Any) -> None:
    for name in SECRETS:
        setattr(settings, name, ())
    assert deliver(system, {}).status_code == 404
    assert post(system, b"{}", {}).status_code == 404


def test_unknown_system_is_not_there(client: Client) -> None:
    for name in ("opsgenie", "pagerduty/x", "jira/../github", "x" * 3000):
        assert client.post(f"/hooks/{name}/").status_code == 404


@each_system
@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options", "head"])
def test_other_methods_are_refused(system: str, method: str, client: Client) -> None:
    response = getattr(client, method)(f"/hooks/{system}/")
    assert response.status_code == 405
    assert response["Allow"] == "POST"


def test_address_without_its_slash_is_the_same() -> None:
    body = json.dumps(PAGERDUTY).encode()
    response = Client().generic(
        "POST", "/hooks/pagerduty", body, "application/json", headers=signed("pagerduty", body)
    )
    assert response.status_code == 202


def test_no_token_of_a_form_is_asked_for() -> None:
    strict = Client(enforce_csrf_checks=True)
    assert deliver("pagerduty", PAGERDUTY, strict).status_code == 202


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"{", "not JSON"),
        (b"{}{}", "not JSON"),
        (b"'a'", "not JSON"),
        (b'{"a": "\0"}', "not JSON"),
        (b"\xff{}", "not UTF-8"),
        (b'{"a": "\xe9"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b"[]", "no JSON object"),
        (b"null", "no JSON object"),
        (b"7", "no JSON object"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', "names a key twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number that is too long"),
        (b'{"a": 1e999}', "number that is too large"),
        (b'{"a": NaN}', "no number of JSON"),
        (b'{"a": -Infinity}', "no number of JSON"),
        (b'{"a": ' + b"[" * 200_000, "nested too deeply"),
        (b'{"a": ' * 100_000, "nested too deeply"),
        (b'{"a": ' * 150 + b"1" + b"}" * 150, "nested too deeply"),
    ],
    ids=lambda value: str(value[:24]),
)
@pytest.mark.parametrize("system", ["pagerduty", "github"])
def test_what_is_no_json_object_is_refused_with_a_sentence(
    system: str, body: bytes, words: str
) -> None:
    response = deliver(system, body)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert not Delivery.objects.exists()


def test_delivery_that_comes_again_is_known_and_stored_once() -> None:
    body = json.dumps(PAGERDUTY).encode()
    answers = [deliver("pagerduty", body, **{"X-Webhook-Id": "7"}).status_code for _ in range(3)]
    assert answers == [202, 200, 200]
    assert Delivery.objects.get().delivery_id == "7"


def test_delivery_without_a_name_of_its_own_is_known_by_its_body() -> None:
    assert [deliver("jira", b"{}").status_code for _ in range(2)] == [202, 200]
    assert deliver("jira", b"{ }").status_code == 202
    assert deliver("github", b"{}").status_code == 202


def test_one_name_may_stand_for_deliveries_of_two_systems() -> None:
    name = {"X-GitHub-Delivery": "7", "Idempotency-Key": "7"}
    assert deliver("github", {}, **name).status_code == 202
    assert deliver("gitlab", {}, **name).status_code == 202


@pytest.mark.parametrize("name", ["x" * 5000, "a\x01b", "é" * 300, " ", "a\tb"])
def test_odd_name_of_a_delivery_does_no_harm(name: str) -> None:
    answers = [deliver("pagerduty", PAGERDUTY, **{"X-Webhook-Id": name}).status_code
               for _ in range(2)]  # fmt: skip
    assert answers == [202, 200]
    assert len(Delivery.objects.get().delivery_id) <= 200


def test_body_up_to_the_limit_of_the_system_is_taken() -> None:
    long = {"a": "x" * (3 * 1024 * 1024)}  # longer than forms may be
    assert deliver("github", long).status_code == 202
    assert deliver("pagerduty", long).status_code == 413
    assert deliver("cdevents", b"{" + b" " * (2 * 1024 * 1024)).status_code == 413
    lying = post("pagerduty", b"{}", {"Content-Length": "9" * 30})
    assert lying.status_code == 413


def test_github_may_send_its_json_in_a_form() -> None:
    body = b"payload=%7B%22zen%22%3A+%22Design+for+failure.%22%7D"
    assert deliver("github", body, **{"X-GitHub-Event": "ping"}).status_code == 202
    assert deliver("github", b"payload=&payload").status_code == 400
    for odd in (b"payload=", b"payload=%ff", b"payload=7", b"payload=\xff"):
        assert deliver("github", odd).status_code == 400


def test_database_that_is_away_asks_for_another_try() -> None:
    with patch.object(receiving.Delivery, "save", side_effect=OperationalError("gone")):
        response = deliver("pagerduty", PAGERDUTY)
    assert response.status_code == 503
    assert response["Retry-After"] == "30"
    assert "Traceback" not in response.content.decode()
    assert deliver("pagerduty", PAGERDUTY).status_code == 202


def test_delivery_is_in_the_trail_with_its_digest() -> None:
    deliver("pagerduty", PAGERDUTY)
    event = AuditEvent.objects.get(source="integrations.historicaldelivery")
    assert Delivery.objects.get().sha256 in event.body
    assert "A little bump" not in event.body


def test_gitlab_may_sign_what_it_sends() -> None:
    body = b"{}"
    right = standard("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body)
    assert post("gitlab", body, right).status_code == 202
    assert post("gitlab", b"{ }", right).status_code == 403
    wrong = {**right, "webhook-signature": "v1,AAAA", "X-Gitlab-Token": "gitlab token"}
    assert post("gitlab", body, wrong).status_code == 403  # a token does not mend a signature
