"""An Auditor reads and never writes: every address of the site, by every method."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

from tests.pages.conftest import SignIn
from tests.pages.test_roles import everything
from tests.pages.world import World, counts, evidence_link

pytestmark = [pytest.mark.once, pytest.mark.slow]

OWN_PAPERS = {"/admin/reviews/population/add/", "/admin/reviews/sample/add/"}

OWN_ACCOUNT = {"login/", "logout/", "password_change/"}
"""Pages on which anybody who is signed in changes their own session or password."""


def patterns(resolver: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each route below the resolver, with its converters' names in angle brackets."""
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        elif isinstance(entry, URLPattern):
            yield route, entry.pattern.converters


def values(world: World, route: str) -> dict[str, list[Any]]:
    """Return what to put into a route: the records of its model, verbs, and garbage."""
    parts = route.split("/")
    models = {record._meta.model_name: record for record in world.records.values()}
    record = next((models[part] for part in parts if part in models), world.change)
    lifecycle = getattr(admin.site._registry.get(type(record)), "lifecycle", None)
    return {
        "object_id": [record.pk],
        "verb": [*(lifecycle.verbs if lifecycle else ()), "nothing"],
        "incident_id": [world.change.incident.pk],
        "evidence_id": [world.change.evidence.get().pk],
        "change_id": [world.change.pk],
        "content_type_id": [1, "x"],
        "form": ["csv", "json", "xlsx", "pdf"],
    }


def addresses(world: World) -> Iterator[str]:
    for route, converters in patterns(get_resolver()):
        if route.startswith("admin/^"):
            yield from (f"/admin/{config}/" for config in ("changes", "reviews", "outbox"))
            continue
        known = values(world, route)
        choices = [[(name, value) for value in known[name]] for name in converters if name in known]
        for chosen in itertools.product(*choices):
            address = route
            for name, value in chosen:
                address = address.replace(f"<{type_name(route, name)}{name}>", str(value))
            yield "/" + address.replace("(?P<url>.*)$", "nowhere")


def type_name(route: str, name: str) -> str:
    """Return the converter's prefix in the route, such as `int:`."""
    before = route[: route.index(f"{name}>")]
    return before[before.rindex("<") + 1 :]


def test_walk_finds_the_pages(world: World) -> None:
    evidence_link(world)
    found = set(addresses(world))
    pk = world.change.pk
    assert {
        "/admin/", "/admin/changes/emergencychange/", "/admin/reviews/notice/",
        f"/admin/changes/emergencychange/{pk}/change/",
        f"/admin/changes/emergencychange/{pk}/act/approve/", "/admin/autocomplete/",
        f"/admin/changes/emergencychange/declare/{world.change.incident.pk}/", "/admin/changes/",
        f"/admin/reviews/retrospectivereview/of/{pk}/", "/admin/accounts/user/add/",
    } <= found  # fmt: skip
    assert not [address for address in found if "<" in address and "/api/" not in address]


def test_auditor_reads_without_an_error_and_changes_nothing(
    world: World, signed_in: SignIn
) -> None:
    evidence_link(world)
    client = signed_in(world.people["A"])
    posted = {**everything(world), "action": "delete_selected", "_selected_action": [1],
              "post": "yes", "_save": "Save"}  # fmt: skip
    before = counts()
    wrong = []
    for address in addresses(world):
        if address.removeprefix("/admin/") in OWN_ACCOUNT:
            continue
        for send, answers in ((client.get, {}), (client.post, posted)):
            status = send(address, answers).status_code
            if status >= 500:
                wrong.append(f"{status} {send.__name__} {address}")
            own = address.endswith("/act/request/")
            if send == client.post and "/act/" in address and not own and status not in (403, 404):
                wrong.append(f"{status} post {address}")
    assert not wrong, "\n".join(wrong)
    after = counts()
    changed = {table for table, number in after.items() if number != before[table]}
    # That evidence was read is itself recorded; a request is the auditor's own working paper.
    assert changed == {
        "changes_evidenceread", "changes_historicalevidenceread", "reviews_historicalsampleitem",
        "audit_auditevent",
    }  # fmt: skip


def test_auditor_is_offered_no_act_on_any_page_of_the_process(
    world: World, signed_in: SignIn
) -> None:
    client = signed_in(world.people["A"])
    for label in ("reviews.Population", "reviews.Sample", "reviews.SampleItem"):
        del world.records[label]  # the auditor's own working papers
    for address in ("/admin/", *world.pages("change", "history")):
        text = client.get(address).content.decode()
        assert "/act/" not in text, address
        assert "/declare/" not in text, address
        assert set(re.findall(r'href="([^"]*/add/)', text)) <= OWN_PAPERS, address
        ways_out, finding = text.count('action="/admin/logout/"'), text.count('role="search"')
        assert text.count("<form") == ways_out + finding, address
