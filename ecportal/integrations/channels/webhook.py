"""Webhooks of the portal, as Standard Webhooks has them: signed, and with one id however often."""

import ipaddress
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from standardwebhooks.webhooks import Webhook

from ecportal import clock
from ecportal.integrations.channels.answers import Result, Unsent, answered, away, refuse
from ecportal.integrations.channels.calling import Caller
from ecportal.integrations.models import System
from ecportal.integrations.systems import PROBES
from ecportal.outbox.channels import CHANNELS, Answer
from ecportal.outbox.models import Message

TEST_ID: Final = "msg_test"


class Webhooks:
    """Posts to the endpoint that is the message's address; the payload is the body.

    A redirect is not followed. The name is looked up once and connected to as checked: what it
    leads to a moment later is not asked.
    """

    batch_seconds = 45.0

    def __init__(self) -> None:
        self._caller: Caller | None = None
        self._silent: set[str] = set()

    def send(self, message: Message) -> Answer:
        if message.address not in settings.WEBHOOK_ENDPOINTS:
            return Answer(Result.REFUSED, "This endpoint is not configured any more.")
        if message.address in self._silent:
            return Answer(Result.AWAY, "It did not answer a moment ago.")
        answer = self._post(message.address, message.message_id, message.payload)
        if answer.ends_batch:  # for this endpoint; the others are not asked to wait for it
            self._silent.add(message.address)
        return replace(answer, ends_batch=False)

    def close(self) -> None:
        if self._caller is not None:
            self._caller.close()
        self._caller = None

    def probe(self) -> Answer:
        """Send each endpoint a test event; return the first answer that is none of success."""
        moment = clock.now()
        payload = {"type": "ecportal.test", "timestamp": moment.isoformat(), "data": {}}
        try:
            for address in settings.WEBHOOK_ENDPOINTS:
                answer = self._post(address, f"{TEST_ID}_{moment:%Y%m%d%H%M%S%f}", payload)
                if answer.result != Result.SENT:
                    return answer
        finally:
            self.close()
        number = len(settings.WEBHOOK_ENDPOINTS)
        return Answer(Result.SENT, f"{number} endpoint{'s' * (number != 1)} took a test event.")

    def _post(self, address: str, message_id: str, payload: dict[str, Any]) -> Answer:
        return answered(lambda: self._sign_and_post(address, message_id, payload))

    def _sign_and_post(self, address: str, message_id: str, payload: dict[str, Any]) -> Answer:
        body, now = json.dumps(payload, ensure_ascii=False, separators=(",", ":")), clock.now()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(settings.WEBHOOK_ENDPOINTS[address]).sign(
                message_id, now, body
            ),
        }
        target, further, extensions = _resolved(address)
        caller = self._opened()
        caller.begin()
        reply = caller.write(
            target, content=body.encode(), headers=headers | further, extensions=extensions
        )
        words = reply.body[:200].decode(errors="replace").strip()
        return Answer(Result.SENT, words, reply.status)

    def _opened(self) -> Caller:
        if self._caller is None:
            # No proxy of the environment: it would look the name up anew, and go anywhere.
            self._caller = Caller(verify=ssl.create_default_context(), trust_env=False)
        return self._caller


def _resolved(address: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Return the address by number, the header and the extension that name its host; or Unsent."""
    parts = urlsplit(address)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    try:
        numbers = list(_numbers(host, port))
    except (OSError, UnicodeError) as error:
        raise Unsent(away(f"{host}: {error}")) from None
    inside = [number for number in numbers if not number.is_global]
    if inside and not settings.WEBHOOK_PRIVATE:
        words = f"{host} is in a private network ({inside[0]}), which WEBHOOK_PRIVATE forbids."
        raise refuse(words)
    shown = f"[{numbers[0]}]" if numbers[0].version == 6 else str(numbers[0])
    target = parts._replace(netloc=f"{shown}:{port}").geturl()
    return target, {"Host": parts.netloc}, {"sni_hostname": host}


def _numbers(host: str, port: int) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    for *_kind, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        number = ipaddress.ip_address(str(where[0]).partition("%")[0])
        mapped = getattr(number, "ipv4_mapped", None)
        yield mapped or number


CHANNELS[str(Message.Channel.WEBHOOK)] = Webhooks
PROBES[str(System.WEBHOOK)] = lambda: Webhooks().probe()
