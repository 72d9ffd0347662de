"""Takes in what pipelines tell of deployments, and finds the change that each belongs to."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import CharField

from changes.deploying import TOLD, is_newer, is_to_be_entered
from changes.lifecycle import DEPLOYMENTS
from changes.models import Deployment
from changes.references import change_named_in
from changes.told import address, claimed, kept_key, moment, plain, recorded_or_held
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import DeploymentHeard
from ecportal.integrations.hearing import hears
from ecportal.lifecycle import Act
from incidents.intake import known

Attachment = Deployment.Attachment

NAMES_LIMIT: Final = 50


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
    told, key = _told(heard), kept_key(heard.key)
    at = moment(heard.at) or clock.now()
    values = {
        "by": by, "reason": f"{heard.system} told of it.", "happened_at": min(at, clock.now()),
        "told": told, "systems": known(heard.system_names[:NAMES_LIMIT])[0],
    }  # fmt: skip
    before = Deployment.objects.filter(source=heard.system, key=key).first()
    new = Deployment(source=heard.system, key=key)
    deployment, is_new = recorded_or_held(DEPLOYMENTS, before, new, **values)
    if is_new:
        done = f"Recorded {deployment}."
    elif _reported(deployment, values, dated=dated):
        done = f"Brought {deployment} up to date."
    else:
        done = _entered(deployment)
    return Taken(deployment, is_new, list(filter(None, (done, _attached(deployment, heard, by)))))


def _reported(deployment: Deployment, values: dict[str, Any], *, dated: bool) -> bool:
    # Asked for here as well: what comes twice or late is nobody's attempt at something forbidden.
    at = values["happened_at"]
    act = Act("advance", values["by"], values["reason"], at, at, {"told": values["told"]})
    if is_newer(deployment, act) or not (dated or _is_news(deployment, values)):
        return False
    DEPLOYMENTS.perform(deployment, "advance", **values)
    return True


def _entered(deployment: Deployment) -> str:
    """Enter what ran in the log of its change, which left it alone while it was held here."""
    if not is_to_be_entered(deployment):
        return ""
    DEPLOYMENTS.perform(
        deployment, "enter", by=User.objects.system(), reason="Its change has begun."
    )
    return f"Entered {deployment} in the execution log."


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
    return claimed(
        DEPLOYMENTS, deployment, "attach", change, by=by, reference=line,
        reason=f"{change.number} stands in what was told.",
    )  # fmt: skip


# --- what was told -----------------------------------------------------------------------------
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
