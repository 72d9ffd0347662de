"""Whether a delivery is from whom it says: each system's signature over the raw body.

Every function takes the headers as they came and compares bytes in constant time. What is
missing, not ASCII, doubled or no signature at all is simply not right; nothing here raises.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

Headers = Mapping[str, str]

TOLERANCE: Final = 300
"""Seconds that a signed time may be off the server's clock, in either direction."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(_bytes(given), _bytes(right))


def _digest(secret: bytes, body: bytes) -> "hmac.HMAC":
    return hmac.new(secret, body, "sha256")


def _any(given: Iterable[str], right: Iterable[str]) -> bool:
    """Whether one of the given is one of the right; compares them all, whatever is found."""
    wanted = list(right)
    compared = [_same(one, other) for one in given for other in wanted]
    return any(compared)


def bearer(headers: Headers, body: bytes, secrets: Iterable[str]) -> bool:
    """`Authorization: Bearer TOKEN`."""
    scheme, _space, token = headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and _any([token.strip()], secrets)


def pagerduty(headers: Headers, body: bytes, secrets: Iterable[str]) -> bool:
    """`X-PagerDuty-Signature: v1=HEX[,v1=HEX]`; one is enough."""
    given = [part.strip() for part in headers.get("X-PagerDuty-Signature", "").split(",")]
    return _any(given, [f"v1={_digest(_bytes(key), body).hexdigest()}" for key in secrets])


def hub(name: str, headers: Headers, body: bytes, secrets: Iterable[str]) -> bool:
    """`sha256=HEX` in the header of this name, as WebSub has it."""
    right = [f"sha256={_digest(_bytes(key), body).hexdigest()}" for key in secrets]
    return _any([headers.get(name, "").strip()], right)


def github(headers: Headers, body: bytes, secrets: Iterable[str]) -> bool:
    """`X-Hub-Signature-256`; the SHA-1 of old in `X-Hub-Signature` is not looked at."""
    return hub("X-Hub-Signature-256", headers, body, secrets)


def jira(headers: Headers, body: bytes, secrets: Iterable[str]) -> bool:
    return hub("X-Hub-Signature", headers, body, secrets)


def gitlab_token(headers: Headers, body: bytes, secrets: Iterable[str]) -> bool:
    return _any([headers.get("X-Gitlab-Token", "")], secrets)


def standard_webhook(headers: Headers, body: bytes, secrets: Iterable[str], now: datetime) -> bool:
    """`webhook-signature: v1,BASE64 …` over `ID.TIMESTAMP.BODY`, as Standard Webhooks say it."""
    stamp = headers.get("webhook-timestamp", "")
    if not _is_near(stamp, now):
        return False
    signed = _bytes(f"{headers.get('webhook-id', '')}.{stamp}.") + body
    right = [
        f"v1,{base64.b64encode(_digest(key, signed).digest()).decode()}"
        for secret in secrets
        for key in standard_keys(secret)
    ]
    return _any(headers.get("webhook-signature", "").split(), right)


def standard_keys(secret: str) -> list[bytes]:
    """Return the keys that a secret may stand for: `whsec_` and base64, or the text itself."""
    try:
        decoded = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    return [key for key in (decoded, _bytes(secret)) if key]


def slack(headers: Headers, body: bytes, secrets: Iterable[str], now: datetime) -> bool:
    """`X-Slack-Signature: v0=HEX` over `v0:TIMESTAMP:BODY`, not older than five minutes."""
    stamp = headers.get("X-Slack-Request-Timestamp", "")
    if not _is_near(stamp, now):
        return False
    signed = _bytes(f"v0:{stamp}:") + body
    right = [f"v0={_digest(_bytes(key), signed).hexdigest()}" for key in secrets]
    return _any([headers.get("X-Slack-Signature", "").strip()], right)


def _is_near(stamp: str, now: datetime) -> bool:
    plain = stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12
    return plain and abs(int(stamp) - now.timestamp()) <= TOLERANCE
