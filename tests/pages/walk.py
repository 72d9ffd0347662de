"""A person at a browser: opens pages, fills in forms, and is told what the portal answered."""

import re
from html import unescape
from typing import Any

from django.http import HttpResponse
from django.test import Client

from changes.models import EmergencyChange
from ecportal.accounts.models import User
from tests.pages.world import act, page

ANSWERS = {
    "criterion": "outage", "why_not_normal": "Every minute costs orders.",
    "scope": "Roll checkout back to 4.18.2.", "risk": "low", "rollback_plan": "Deploy 4.19.0.",
    "route": "ask",
}  # fmt: skip
"""The six required answers of the page that declares an emergency."""


def declare_page(incident: Any) -> str:
    return f"/admin/changes/emergencychange/declare/{incident.pk}/"


def sentences(response: HttpResponse) -> str:
    """Return the page's text without its tags."""
    return unescape(re.sub(r"<[^>]+>", " ", response.content.decode()))


def hidden(response: HttpResponse, name: str) -> str:
    """Return the value of the hidden field of that name on the page."""
    found = re.search(rf'<input type="hidden" name="{name}" value="([^"]*)"',
                      response.content.decode())  # fmt: skip
    assert found, f"There is no hidden field {name}."
    return unescape(found[1])


def error_at(response: Any, field: str) -> str:
    """Return the sentence that stands at the field of a refused form."""
    assert f'id="id_{field}_error"' in response.content.decode()
    return " ".join(response.context["form"].errors[field])


class Person:
    """Somebody signed in; `do` expects the act to be taken, `refused` that it is not."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.client = Client()
        self.client.force_login(user)

    def open(self, address: str, status: int = 200, **query: Any) -> HttpResponse:
        response = self.client.get(address, query)
        assert response.status_code == status, (address, response.status_code)
        return response

    def send(self, address: str, **answers: Any) -> HttpResponse:
        return self.client.post(address, answers)

    def declare(self, incident: Any, **answers: Any) -> EmergencyChange:
        response = self.send(declare_page(incident), **{**ANSWERS, **answers})
        assert response.status_code == 302, sentences(response)
        key = response["Location"].split("/")[-3]
        return EmergencyChange.objects.get(pk=key)

    def do(self, record: Any, verb: str, reason: str = "It had to be.", **answers: Any) -> Any:
        """Open the act's page, fill it in, send it, and return the record as it is then."""
        assert "Not possible now" not in sentences(self.open(act(record, verb)))
        response = self.send(act(record, verb), reason=reason, **answers)
        assert response.status_code == 302, sentences(response)
        record.refresh_from_db()
        return record

    def decide(self, change: EmergencyChange, verb: str, **answers: Any) -> EmergencyChange:
        """Press the button of the page that shows what is to be decided."""
        shown = self.open(page(change, "decide"))
        if verb != "confirm_approval":
            asked = shown if verb.startswith("approve") else self.open(act(change, verb))
            answers["fingerprint"] = hidden(asked, "fingerprint")
        response = self.send(act(change, verb), **{"reason": "Approved as shown.", **answers})
        assert response.status_code == 302, sentences(response)
        change.refresh_from_db()
        return change

    def refused(self, record: Any, verb: str, said: str, **answers: Any) -> HttpResponse:
        """Send the act and expect the page again, with this sentence and nothing saved."""
        before = type(record)._default_manager.filter(pk=record.pk).values().get()
        rows = record.history.count()
        response = self.send(act(record, verb), **{"reason": "It had to be.", **answers})
        assert response.status_code == 422, response.status_code
        assert said in sentences(response), sentences(response)
        assert type(record)._default_manager.filter(pk=record.pk).values().get() == before
        assert record.history.count() == rows
        return response
