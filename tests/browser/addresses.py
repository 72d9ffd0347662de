"""Every page that the resolver knows, as an address that leads to a record of the world."""

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.test import Client
from django.urls import URLPattern, get_resolver

from ecportal.accounts.models import User
from ecportal.lifecycle import Lifecycle
from tests.pages.world import World

STEPS = ("draft", "submitted", "approved", "implementing", "verified", "documented", "rejected")
"""Statuses beside that of the world's own change, whose pages look different."""

NO_PAGE = {
    # where they lead is visited itself
    "home", "view_on_site", None, "reviews_retrospectivereview_by_change", "logout",
    "reviews_evidencepack_retry",
    # made, and never acted upon
    "reviews_population_act", "reviews_sample_act",
    # answer with a file, or to a script
    "autocomplete", "jsi18n", "audit_auditcheckpoint_note", "calendar-feed",
    "changes_emergencychange_evidence", "changes_emergencychange_evidence_shown",
    "reviews_population_file", "reviews_population_proof",
    "reviews_population_none_occurred_json", "reviews_evidencepack_download",
    "reviews_evidencepack_progress", "changes_emergencychange_evidence_preview",
    # the API's
    "openapi-json", "tell_of_deployment", "read_change", "ask_at_gate",
}  # fmt: skip
"""Names of addresses that never show a page."""


def patterns() -> Iterator[tuple[str, str | None]]:
    """Yield the route and the name of every address."""

    def walk(found: list[Any], before: str) -> Iterator[tuple[str, str | None]]:
        for pattern in found:
            route = before + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                yield route, pattern.name
            else:
                yield from walk(pattern.url_patterns, route)

    return walk(get_resolver().url_patterns, "/")


def addresses(world: World, others: list[Any]) -> dict[str, list[str]]:
    """Return the addresses of the pages by the name of their pattern."""
    found = {
        name: list(_filled(route, world, others))
        for route, name in patterns()
        if name not in NO_PAGE and not re.search(r"_(delete|add)$", name or "")
    }
    # No record is deleted, and what makes one has a page only where somebody may make it.
    for route, name in patterns():
        if name and name.endswith("_add"):
            found[name] = [route]
    return found


def _filled(route: str, world: World, others: list[Any]) -> Iterator[str]:
    if "(?P<app_label>" in route:
        labels = re.search(r"\(\?P<app_label>([^)]*)\)", route)
        assert labels
        yield from (f"/admin/{label}/" for label in labels[1].split("|"))
        return
    record = _record(route, world)
    if record is None:
        yield route.replace("<int:incident_id>", str(world.change.incident_id))
        return
    acts: set[str] = set()
    for one in [record, *(other for other in others if type(other) is type(record))]:
        plain = route.replace("<path:object_id>", str(one.pk))
        plain = plain.replace("<int:incident_id>", str(world.change.incident_id))
        if "<int:evidence_id>" in plain:
            evidence = one.evidence.first()
            if evidence is None:
                continue
            plain = plain.replace("<int:evidence_id>", str(evidence.pk))
        if "<slug:verb>" in plain:
            # The page of an act is the same whatever the record was before.
            table = Lifecycle.registry[type(one)]
            for row in table.rows:
                status = str(getattr(one, "status", ""))
                if not row.internal and status in row.sources and row.verb not in acts:
                    acts.add(row.verb)
                    yield plain.replace("<slug:verb>", row.verb)
        else:
            yield plain


def _record(route: str, world: World) -> Any:
    match = re.match(r"/admin/(\w+)/(\w+)/.*<path:object_id>", route)
    if match is None:
        return None
    return world.records[apps.get_model(match[1], match[2])._meta.label]


def first_readers(
    found: dict[str, list[str]], people: dict[str, User], letters: str
) -> dict[str, str]:
    """Return each address that shows somebody a page, with the first of `letters` who sees it."""
    readers: dict[str, str] = {}
    for letter in letters:
        client = Client(raise_request_exception=False)
        client.force_login(people[letter])
        for address in {one for several in found.values() for one in several} - readers.keys():
            response = client.get(address)
            if response.status_code == 200 and "html" in response["Content-Type"]:
                readers[address] = letter
    return readers
