"""Each system's signature: what is right, and that nothing else is, whatever it looks like."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from ecportal.integrations import signatures
from tests.integrations.sending import hexed, standard
from tests.integrations.vendors import vendor

pytestmark = pytest.mark.once

BODY = b'{"a": 1}'
NOW = datetime.fromtimestamp(1_800_000_000, UTC)
STAMP = "1800000000"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def slack(secret: str, body: bytes, stamp: str = STAMP) -> dict[str, str]:
    signed = f"v0:{stamp}:".encode() + body
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={hexed(secret, signed)}",
    }


# --- own vectors --------------------------------------------------------------------------------
def test_known_digests_are_right() -> None:
    """Recomputed with `openssl dgst -sha256 -hmac`."""
    hello = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    secret, body = ["It's a Secret to Everybody"], b"Hello, World!"
    assert signatures.github({"X-Hub-Signature-256": f"sha256={hello}"}, body, secret)
    assert signatures.jira({"X-Hub-Signature": f"sha256={hello}"}, body, secret)
    assert signatures.pagerduty({"X-PagerDuty-Signature": f"v1={hello}"}, body, secret)


def test_pagerduty_may_send_several_signatures_of_which_one_is_right() -> None:
    right = f"v1={hexed('new', BODY)}"
    for header in (right, f"v1=00,{right}", f" v2=00 , {right} ", f"{right},{right}"):
        assert signatures.pagerduty({"X-PagerDuty-Signature": header}, BODY, ["old", "new"])
    wrong = ["", "v1=", right.replace("v1", "v2"), right[3:], f"{right};v1=00", right[:-1], ","]
    for header in wrong:
        assert not signatures.pagerduty({"X-PagerDuty-Signature": header}, BODY, ["new"])


@pytest.mark.parametrize("secret", ["old", "new"])
def test_each_of_several_secrets_is_good(secret: str) -> None:
    keys = ["old", "new"]
    hub = f"sha256={hexed(secret, BODY)}"
    assert signatures.github({"X-Hub-Signature-256": hub}, BODY, keys)
    assert signatures.jira({"X-Hub-Signature": hub}, BODY, keys)
    assert signatures.bearer({"Authorization": f"Bearer {secret}"}, BODY, keys)
    assert signatures.gitlab_token({"X-Gitlab-Token": secret}, BODY, keys)
    assert signatures.slack(slack(secret, BODY), BODY, keys, NOW)


def test_no_secret_lets_nobody_in() -> None:
    assert not signatures.bearer({"Authorization": "Bearer "}, BODY, [])
    assert not signatures.gitlab_token({}, BODY, [])
    assert not signatures.github({}, BODY, [])


def test_github_signature_of_old_is_not_enough() -> None:
    assert not signatures.github({"X-Hub-Signature": f"sha256={hexed('key', BODY)}"}, BODY, ["key"])


@pytest.mark.parametrize(
    ("header", "right"),
    [("Bearer token", True), ("bearer token", True), ("Bearer  token", True), ("token", False),
     ("Basic token", False), ("Bearer", False), ("Bearertoken", False), ("Bearer toke", False),
     ("Bearer token, Bearer token", False), ("Bearer töken", False)],
)  # fmt: skip
def test_bearer_token(header: str, right: bool) -> None:
    assert signatures.bearer({"Authorization": header}, BODY, ["token"]) is right


def test_standard_webhook_has_its_time_and_its_name_in_the_signature() -> None:
    headers = standard(KEY, BODY, int(STAMP))
    assert signatures.standard_webhook(headers, BODY, ["whsec_AAAA", KEY], NOW)
    several = {**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']} v2,AA"}
    assert signatures.standard_webhook(several, BODY, [KEY], NOW)
    for name, value in {"webhook-id": "msg_2", "webhook-timestamp": "1800000001",
                        "webhook-signature": "v1,"}.items():  # fmt: skip
        assert not signatures.standard_webhook({**headers, name: value}, BODY, [KEY], NOW)
        assert not signatures.standard_webhook({**headers, name: ""}, BODY, [KEY], NOW)


@pytest.mark.parametrize(("seconds", "right"), [(0, True), (-300, True), (300, True),
                                                (-301, False), (301, False)])  # fmt: skip
def test_signature_with_a_time_holds_five_minutes(seconds: int, right: bool) -> None:
    stamp = int(STAMP) + seconds
    assert signatures.slack(slack("key", BODY, str(stamp)), BODY, ["key"], NOW) is right
    found = signatures.standard_webhook(standard(KEY, BODY, stamp), BODY, [KEY], NOW)
    assert found is right


@pytest.mark.parametrize(
    "stamp", ["", "now", "-1800000000", "1e9", "１８００００００００", "9" * 400]
)
def test_time_that_is_none_is_not_right(stamp: str) -> None:
    assert not signatures.slack(slack("key", BODY, stamp), BODY, ["key"], NOW)


ODD = st.text(max_size=40) | st.sampled_from(
    ["v1=", "v1=é", "sha256=\ud800", "Bearer \x00", "v1,=", "v0=" + "é" * 64, "v1=" + "0" * 64]
)


@given(value=ODD, body=st.binary(max_size=40), stamp=ODD)
@limits(max_examples=100, deadline=None, database=None)
def test_no_header_and_no_body_makes_a_check_raise(value: str, body: bytes, stamp: str) -> None:
    names = ("Authorization", "X-PagerDuty-Signature", "X-Hub-Signature", "X-Hub-Signature-256",
             "X-Gitlab-Token", "webhook-signature", "webhook-id", "X-Slack-Signature")  # fmt: skip
    headers = dict.fromkeys(names, value)
    for checked_at in (stamp, STAMP):
        headers["webhook-timestamp"] = headers["X-Slack-Request-Timestamp"] = checked_at
        keys = ["a secret of ours", KEY]
        for check in (signatures.bearer, signatures.pagerduty, signatures.jira,
                      signatures.github, signatures.gitlab_token):  # fmt: skip
            assert check(headers, body, keys) is False
        assert signatures.slack(headers, body, keys, NOW) is False
        assert signatures.standard_webhook(headers, body, keys, NOW) is False


# --- the systems' own vectors -------------------------------------------------------------------
def vectors(system: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vendor(f"{system}/vectors.json")["vectors"]
    return found


@pytest.mark.parametrize(
    ("system", "header"),
    [("pagerduty", "X-PagerDuty-Signature"), ("github", "X-Hub-Signature-256"),
     ("jira", "X-Hub-Signature")],
)  # fmt: skip
def test_official_vectors(system: str, header: str) -> None:
    check = getattr(signatures, system)
    for vector in vectors(system):
        headers = {header: vector["header"]} if vector["header"] else {}
        assert check(headers, vector["body"].encode(), [vector["secret"]]) is vector["valid"]


def test_official_vector_of_slack() -> None:
    for vector in vectors("slack"):
        headers = {"X-Slack-Request-Timestamp": vector["timestamp"],
                   "X-Slack-Signature": vector["signature"]}  # fmt: skip
        for moment, right in ((vector["valid_at"], True), (vector["stale_at"], False)):
            now = datetime.fromtimestamp(moment, UTC)
            secrets = [vector["signing_secret"]]
            assert signatures.slack(headers, vector["body"].encode(), secrets, now) is right


def test_official_vector_of_standard_webhooks() -> None:
    for vector in vectors("standard-webhooks"):
        now = datetime.fromtimestamp(vector["valid_at"], UTC)
        body = vector["body"].encode()
        assert signatures.standard_webhook(vector, body, [vector["secret"]], now)
