"""What stands around a page for one person: the navigation, who they are, and where they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

from ecportal import navigation, panels
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.navigation import Link, Standing


@dataclass(frozen=True)
class Surroundings:
    """The groups of the navigation, in the form in which Django lists apps; `here` is one entry."""

    groups: list[dict[str, Any]] = field(default_factory=list)
    standing: Standing | None = None
    here: dict[str, Any] | None = None
    personal: list[Link] = field(default_factory=list)


def around(
    request: HttpRequest, person: User, apps: list[dict[str, Any]], admins: Mapping[Any, Any]
) -> Surroundings:
    """Return what stands around this page; `apps` is Django's list of what the person may open."""
    shown = {**_models(apps), **_pages(person)}
    standing = navigation.standing(person, _open_items(request, apps, admins))
    for key, entry in shown.items():
        entry["count"] = standing.open.get(key, 0)
    groups = _groups(shown)
    here = _here(request.path, groups)
    if here is not None:
        here["is_current"] = True
    personal = [link for link in navigation.links if link.shown_to(person)]
    return Surroundings(groups, standing, here, personal)


def _models(apps: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        entry["model"]._meta.label_lower: {**entry, "name": capfirst(entry["name"])}
        for app in apps
        for entry in app["models"]
        if entry["admin_url"]
    }


def _pages(person: User) -> dict[str, dict[str, Any]]:
    held = verbs_of(person)
    return {
        f"{part.app_label}/{part.slug}": {
            "name": part.title,
            "object_name": part.slug,
            "admin_url": reverse(f"admin:{part.name}"),
            "add_url": None,
            "view_only": True,
        }
        for part in panels.pages
        if part.listed and part.permission in held
    }


def _open_items(
    request: HttpRequest, apps: list[dict[str, Any]], admins: Mapping[type[Model], Any]
) -> dict[str, Any]:
    found = {}
    for entry in (entry for app in apps for entry in app["models"]):
        items = getattr(admins[entry["model"]], "open_items", lambda _request: None)(request)
        if items is not None:
            found[entry["model"]._meta.label_lower] = items
    return found


def _groups(shown: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    groups = []
    for duty in navigation.DUTIES:
        known = [entry.key for entry in duty.entries]
        keys = [key for key in known if key in shown]
        keys += [key for key in shown if key not in known and navigation.place_of(key)[0] is duty]
        if not keys:
            continue
        group: dict[str, Any] = {
            "name": duty.name,
            "app_label": duty.slug,
            "app_url": reverse(f"admin:duty_{duty.slug}"),
            "has_module_perms": True,
        }
        group["models"] = [_entry(key, shown[key], group) for key in keys]
        groups.append(group)
    return groups


def _entry(key: str, told: dict[str, Any], group: dict[str, Any]) -> dict[str, Any]:
    entry = navigation.place_of(key)[1]
    return {
        **told,
        "name": entry.name or told["name"],
        "shape": entry.shape,
        "about": entry.about,
        "duty": {"name": group["name"], "url": group["app_url"]},
    }


def _here(path: str, groups: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the entry whose address begins this one, the longest if there are several."""
    entries = (entry for group in groups for entry in group["models"])
    found = [entry for entry in entries if path.startswith(entry["admin_url"])]
    return max(found, key=lambda entry: len(entry["admin_url"]), default=None)
