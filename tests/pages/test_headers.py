"""The content security policy on every response, and pages that need no exception from it."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from ecportal.lifecycle import Lifecycle
from tests.pages.conftest import SignIn
from tests.pages.world import World, act, evidence_link, listing, lists, page

pytestmark = [pytest.mark.once, pytest.mark.slow]

POLICY = {
    "default-src 'self'", "object-src 'none'", "base-uri 'none'", "form-action 'self'",
    "frame-ancestors 'none'",
}  # fmt: skip


SEALED_OFF = {"default-src 'none'", "form-action 'none'", "frame-ancestors 'none'", "sandbox"}
"""The policy of what somebody attached."""

LINKS = ("http", "https", "mailto")
"""What a link that somebody may follow leads to; nothing else of another origin is loaded."""


class Inline(HTMLParser):
    """Collects what the policy would refuse: inline scripts, styles, handlers, foreign sources."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.script = tag == "script" and "src" not in values
        if tag == "style":
            self.found.append("<style>")
        for name, value in values.items():
            if name.startswith("on") or name == "style":
                self.found.append(f"<{tag} {name}={value!r}>")
            elif name in ("src", "href", "action", "formaction", "data", "poster"):
                self._source(tag, name, str(value))

    def _source(self, tag: str, name: str, value: str) -> None:
        scheme = re.match(r"\s*([a-z]+):", value, re.IGNORECASE)
        foreign = scheme or value.startswith("//")
        if foreign and not (tag == "a" and scheme and scheme[1].lower() in LINKS):
            self.found.append(f"<{tag} {name}={value!r}>")

    def handle_data(self, data: str) -> None:
        if self.script and data.strip():
            self.found.append(f"<script>{data.strip()[:40]}")

    def handle_endtag(self, tag: str) -> None:
        self.script = False


def inline_parts(html: str) -> list[str]:
    parser = Inline()
    parser.feed(html)
    return parser.found


def pages(world: World) -> Iterator[str]:
    """Yield the addresses of all pages; most answer some role with 403, which has a page too."""
    yield from ("/", "/admin/", "/admin/password_change/", "/admin/nowhere/", "/nowhere/")
    yield from (
        "/admin/password_change/done/",
        "/admin/?x=%00",
        "/admin/changes/",
        "/admin/jsi18n/",
    )
    yield from lists()
    yield from (f"{address}?q=zzz&_facets=True" for address in lists())
    yield from world.pages("change", "history")
    yield f"/admin/changes/emergencychange/declare/{world.change.incident.pk}/"
    yield "/admin/changes/emergencychange/declare/"
    yield from (f"/admin/reviews/{name}/" for name in ("register", "duties", "controls"))
    yield page(world.change, "decide")
    yield page(world.change, "evidence", world.change.evidence.get().pk)
    yield page(world.change, "evidence_page", world.change.evidence.get().pk)
    for record in world.records.values():
        yield listing(record, "add")
        if type(record) in Lifecycle.registry:
            yield from (act(record, verb) for verb in ("revise", "complete", "assign_role"))
    yield from (
        act(world.change, verb)
        for verb in (
            "approve",
            "finish",
            "verify",
            "correct",
            "attach_evidence",
            "supersede_evidence",
        )
    )


def test_every_page_obeys_the_policy_that_it_sends(world: World, signed_in: SignIn) -> None:
    evidence_link(world)
    shown: set[str] = set()
    for letter in "LER":
        client = signed_in(world.people[letter])
        for address in pages(world):
            if address in shown:
                continue
            response = client.get(address, follow=True)
            if response.status_code == 200:
                shown.add(address)
            assert response.status_code < 500, address
            assert_policy(response, address)
            if response["Content-Type"].startswith("text/html"):
                assert inline_parts(response.content.decode()) == [], address


def assert_policy(response: Any, address: str) -> None:
    header = response["Content-Security-Policy"]
    attached = re.search(r"/evidence/\d+/$", address) and response.status_code == 200
    policy = SEALED_OFF if attached else POLICY
    assert {part.strip() for part in header.split(";")} == policy, address
    assert response["X-Frame-Options"] == "DENY", address
    assert response["X-Content-Type-Options"] == "nosniff", address
    assert response["Referrer-Policy"] == "same-origin", address


def test_pages_for_nobody_in_particular_obey_it_too(client: Client, db: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    for response in (
        client.get("/admin/login/"),
        client.post("/admin/login/", {"username": "x", "password": "y"}),
        client.get("/nowhere/"),
        client.get("/?a=%00"),
        client.post("/admin/logout/", follow=True),
        strict.post("/admin/login/", {}),
    ):
        assert_policy(response, response.request["PATH_INFO"])
        assert inline_parts(response.content.decode()) == []


def test_page_of_a_mistake_of_the_portal_itself_has_nothing_inline() -> None:
    html = (Path(settings.BASE_DIR) / "templates" / "500.html").read_text()
    assert inline_parts(html) == []


def test_refused_form_has_nothing_inline(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.people["E"])
    for address in (act(world.change, "verify"), act(world.change.incident, "determine"),
                    listing(world.change.incident, "add")):  # fmt: skip
        response = client.post(address, {"reason": ""})
        assert response.status_code == 422
        assert inline_parts(response.content.decode()) == []
        assert_policy(response, address)


def test_pages_of_signed_in_people_are_kept_by_no_cache(world: World, signed_in: SignIn) -> None:
    client = signed_in(world.people["L"])
    for address in ("/admin/", page(world.change), page(world.change, "decide")):
        assert "no-cache" in client.get(address)["Cache-Control"]
