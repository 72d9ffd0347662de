"""Reads a person's calendar over HTTP, as a browser and as a calendar program do."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.test import Client
from icalendar import Calendar

from ecportal.accounts.models import User

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=BERLIN)
SECOND = timedelta(seconds=1)
PAGE, FEED = "/calendar/", "/calendar/deadlines.ics"


def browser(user: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def shown(client: Client) -> str:
    """Return the address on the person's own page, as path and query."""
    found = re.search(r'<code class="address">([^<]+)</code>', client.get(PAGE).content.decode())
    assert found, "No address is shown."
    address = unescape(found[1])
    assert address.startswith(settings.PORTAL_URL + FEED)
    return address.removeprefix(settings.PORTAL_URL)


def new_address(user: User) -> str:
    """Press the button that makes an address, and return it."""
    client = browser(user)
    answer = client.post(PAGE)
    assert (answer.status_code, answer["Location"]) == (302, PAGE)
    return shown(client)


def read(address: str, **headers: str) -> Any:
    """Read it as a calendar program does, without a session."""
    return Client(raise_request_exception=False).get(address, headers=headers)


def events(address: str) -> list[Any]:
    response = read(address)
    assert response.status_code == 200
    return Calendar.from_ical(response.content).walk("VEVENT")


def summaries(address: str) -> list[str]:
    return [str(entry["summary"]) for entry in events(address)]
