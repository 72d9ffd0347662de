"""Takes in what pipelines tell of deployments, and finds the change that each belongs to."""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.db import IntegrityError, transaction
from django.db.models import CharField
from django.db.models.functions import Lower

from changes.deploying import TOLD, is_newer
from changes.lifecycle import DEPLOYMENTS
from changes.models import Deployment, Ticket
from changes.references import change_named_in
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import DeploymentHeard
from ecportal.integrations.hearing import hears
from ecportal.lifecycle import Act, TransitionRefused
from incidents.models import System

Attachment = Deployment.Attachment

NAMES_LIMIT: Final = 50
_web_address = URLValidator(schemes=["http", "https"])


@hears(DeploymentHeard)
def hear(heard: DeploymentHeard) -> str:
    """Record what a webhook told, as the portal itself; return what was done in sentences."""
    return " ".join(take_in(heard, by=User.objects.system()).done)


class Taken(NamedTuple):
    """A deployment after it was told of, and what was done, in sentences."""

    deployment: Deployment
    is_new: bool
    done: list[str]


@transaction.atomic
def take_in(heard: DeploymentHeard, *, by: User, dated: bool = True) -> Taken:
    """Record or bring up to date the deployment that was told of, and attach it where it belongs.

    Nothing is done where something newer was told already: however often and in whichever order
    events come, the newest by the source's clock counts. With `dated` false the time is only that
    of the arrival, and the same words are no news.
    """
    told, key = _told(heard), _key(heard.key)
    at = moment(heard.at) or clock.now()
    values = {
        "by": by, "reason": f"{heard.system} told of it.", "happened_at": min(at, clock.now()),
        "told": told, "systems": _systems(heard.system_names),
    }  # fmt: skip
    known = Deployment.objects.filter(source=heard.system, key=key)
    deployment = known.first()
    new = None if deployment else _recorded(Deployment(source=heard.system, key=key), values)
    done = [f"Recorded {new}."] if new else []
    deployment = new or deployment or known.get()  # the last: recorded by another at this moment
    if new is None and _reported(deployment, values, dated=dated):
        done.append(f"Brought {deployment} up to date.")
    if attached := _attached(deployment, heard, by):
        done.append(attached)
    return Taken(deployment, new is not None, done)


def _recorded(deployment: Deployment, values: dict[str, Any]) -> Deployment | None:
    """Return the new row, or None where somebody else was faster."""
    try:
        with transaction.atomic():
            return DEPLOYMENTS.perform(deployment, "record", **values)
    except IntegrityError:
        return None


def _reported(deployment: Deployment, values: dict[str, Any], *, dated: bool) -> bool:
    # Asked for here as well: what comes twice or late is nobody's attempt at something forbidden.
    held = Deployment.objects.select_for_update(of=("self",), no_key=True)
    deployment.refresh_from_db(from_queryset=held)
    at = values["happened_at"]
    act = Act("advance", values["by"], values["reason"], at, at, {"told": values["told"]})
    if is_newer(deployment, act) or not (dated or _is_news(deployment, values)):
        return False
    DEPLOYMENTS.perform(deployment, "advance", **values)
    return True


def _is_news(deployment: Deployment, values: dict[str, Any]) -> bool:
    """Whether anything was said that is not known."""
    known = set(deployment.systems.values_list("system", flat=True))
    return not known.issuperset(system.pk for system in values["systems"]) or any(
        value and value != getattr(deployment, name) for name, value in values["told"].items()
    )


def _attached(deployment: Deployment, heard: DeploymentHeard, by: User) -> str:
    """Attach what no person attached or detached; the first change that is named wins."""
    if deployment.attachment != Attachment.NONE:
        return ""
    found = change_named_in(plain(text) for text in heard.mentions)
    if found is None:
        return ""
    change, line = found
    try:
        DEPLOYMENTS.perform(
            deployment, "attach", by=by, reason=f"{change.number} stands in what was told.",
            change=change, reference=line,
        )  # fmt: skip
    except TransitionRefused as refused:
        return f"Not attached to {change.number}: {refused.sentence}"
    return f"Attached it to {change.number}."


# --- what was told, as the portal can keep it ---------------------------------------------------
def plain(text: str) -> str:
    """Return the text without what no database keeps: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _told(heard: DeploymentHeard) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for name in TOLD:
        value, field = getattr(heard, name), Deployment._meta.get_field(name)
        if isinstance(value, datetime):
            value = moment(value)
        elif isinstance(value, str):
            value = plain(value)
            if isinstance(field, CharField) and name != "url":
                value = value[: field.max_length]
        told[name] = value
    told["url"] = address(told["url"], Deployment)
    return told


def address(text: str, model: type[Deployment | Ticket]) -> str:
    """Return the address if a page may link to it and the model has room for it, else nothing."""
    limit = model._meta.get_field("url").max_length or 0
    try:
        _web_address(text)
    except ValidationError:
        return ""
    return text if len(text) <= limit else ""


def moment(value: datetime | None) -> datetime | None:
    """Return a time of our centuries, else none."""
    return value if value is not None and 2000 <= value.year < 2200 else None


def _key(text: str) -> str:
    """Return the key as it is kept: of a very long one the beginning and its SHA-256."""
    key = plain(text)
    if len(key) <= 255:
        return key
    return f"{key[:190]}…{hashlib.sha256(key.encode()).hexdigest()}"


def _systems(names: Iterable[str]) -> list[System]:
    """Return the systems of these names that the portal knows, upper and lower case alike."""
    wanted = {plain(name).lower() for name in list(names)[:NAMES_LIMIT]}
    if not wanted:
        return []
    return list(System.objects.alias(lower=Lower("name")).filter(lower__in=wanted))
