"""Deployments as pipelines tell of them."""

from datetime import timedelta
from typing import Any

from changes.deployments import take_in
from changes.models import Deployment
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.integrations.facts import DeploymentHeard


def heard(**values: Any) -> DeploymentHeard:
    """Return what GitHub might tell of a deployment to production that succeeded a minute ago."""
    told = {
        "system": "github", "key": "88213", "at": clock.now() - timedelta(minutes=1),
        "status": "succeeded", "environment": "production", "commit": "6dcb09b5b57875f3",
        "branch": "main", "actor": "priya", "url": "https://github.example.test/runs/88213",
    }  # fmt: skip
    return DeploymentHeard(**{**told, **values})


def told(**values: Any) -> Deployment:
    return take_in(heard(**values), by=User.objects.system()).deployment
