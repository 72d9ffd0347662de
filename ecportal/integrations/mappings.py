"""What the words of other systems mean in the portal; what is not here gets the default."""

import re
from typing import Final

# --- severities: 1 is the worst, 4 the mildest ---------------------------------------------------
PRIORITY: Final = {
    "p1": 1, "p2": 2, "p3": 3, "p4": 4, "p5": 4,
    "sev-1": 1, "sev-2": 2, "sev-3": 3, "sev-4": 4, "sev-5": 4,
    "sev1": 1, "sev2": 2, "sev3": 3, "sev4": 4, "sev5": 4,
}  # fmt: skip
"""PagerDuty: the incident's priority; where it has none, its urgency counts."""

URGENCY: Final = {"high": 2, "low": 3}

LABEL: Final = {
    "critical": 1, "page": 1, "emergency": 1, "error": 2, "high": 2, "major": 2,
    "warning": 3, "medium": 3, "info": 4, "low": 4, "none": 4,
}  # fmt: skip
"""Alertmanager: labels.severity; PagerDuty's Events v2: payload.severity."""

UNSTATED_SEVERITY: Final = 2

# --- deployments: pending, running, succeeded, failed, canceled, rolled_back ----------------------
GITHUB_STATE: Final = {
    "success": "succeeded", "failure": "failed", "error": "failed", "in_progress": "running",
    "queued": "pending", "pending": "pending", "waiting": "pending",
}  # fmt: skip
"""Of a deployment status. `inactive` says that a later one took its place, and changes nothing."""

GITHUB_CONCLUSION: Final = {
    "success": "succeeded", "neutral": "succeeded", "failure": "failed", "timed_out": "failed",
    "startup_failure": "failed", "stale": "failed", "action_required": "pending",
    "cancelled": "canceled", "skipped": "canceled",
}  # fmt: skip
"""Of a workflow run that is completed."""

GITLAB_STATUS: Final = {
    "created": "pending", "blocked": "pending", "approved": "pending", "pending": "pending",
    "running": "running", "success": "succeeded", "failed": "failed",
    "canceled": "canceled", "rejected": "canceled", "skipped": "canceled",
}  # fmt: skip

CDEVENTS_SERVICE: Final = {
    "deployed": "succeeded", "upgraded": "succeeded", "rolledback": "rolled_back",
}  # fmt: skip

CDEVENTS_OUTCOME: Final = {
    "success": "succeeded", "failure": "failed", "error": "failed", "cancel": "canceled",
}  # fmt: skip

DEPLOYING: Final = re.compile(r"deploy|release|roll.?(out|back)|promot|ship|(^|\W)cd(\W|$)", re.I)
"""Names of pipelines that bring something to production; others count if they name a change."""

_DASH: Final = r"[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
CHANGE_NUMBER: Final = re.compile(
    rf"(?<![^\W_])EC{_DASH}([0-9]{{4}}){_DASH}([0-9]{{4,9}})(?![^\W_])", re.IGNORECASE
)
"""The number of a change, whatever an editor made of its hyphens.

No letter or digit may stand on either side; an underscore may, because branches are called that
way.
"""
