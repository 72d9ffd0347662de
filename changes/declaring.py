"""Declares an emergency: steps 1 and 2 and the way to 3, all or nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.lifecycle import TransitionRefused
from incidents.lifecycle import INCIDENTS
from incidents.models import Determination, Incident


class DeclaredAlready(TransitionRefused):
    """The same person declared the same a moment ago, as `change`: the second of a double tap."""

    def __init__(self, change: EmergencyChange) -> None:
        super().__init__(f"You declared this a moment ago: it is {change.number}.")
        self.change = change


@transaction.atomic
def declare(incident: Incident, answers: Mapping[str, Any], *, by: User) -> EmergencyChange:
    """Determine the emergency, open the change, and ask for approval or claim a verbal one.

    `answers` are those of the declare form. Raises TransitionRefused with a sentence; nothing is
    saved then.
    """
    why = answers["why_not_normal"]
    hidden = {"why": why} if answers.get("confidential") else {}
    INCIDENTS.perform(
        incident,
        "determine",
        by=by,
        reason="Confidential: the reason is with the change." if hidden else why,
        criterion=answers["criterion"],
        imminence=answers.get("imminence") or Determination.Imminence.OCCURRING,
        basis=answers.get("basis") or Determination.Basis.MONITORING,
        **hidden,
    )
    _refuse_twice(incident, answers["scope"], by)
    determination = incident.determinations.latest("pk")
    change = EmergencyChange(
        incident=incident,
        determination=determination,
        title=answers.get("title") or answers["scope"].strip().splitlines()[0][:200],
        scope=answers["scope"],
        risk=answers["risk"],
        risk_assessment=answers.get("risk_assessment", ""),
        rollback_plan=answers["rollback_plan"],
        confidential=bool(answers.get("confidential")),
    )
    systems = list(answers.get("systems") or ())
    systems = systems or [link.system for link in incident.affected.select_related("system")]
    CHANGES.perform(change, "open", by=by, reason=why, systems=systems)
    asked = answers.get("approver")
    CHANGES.perform(change, "submit", by=by, reason="Declared.", asked_approver=asked)
    if answers["route"] == "claim":
        _claim(change, answers, by)
    return change


def _refuse_twice(incident: Incident, scope: str, by: User) -> None:
    """Refuse the second of a double click: the incident's row is locked, so one comes first."""
    just_now = clock.now() - timedelta(minutes=2)
    twin = EmergencyChange.objects.filter(
        incident=incident, requester=by, scope=scope, opened_at__gte=just_now
    ).first()
    if twin is not None:
        raise DeclaredAlready(twin)


def _claim(change: EmergencyChange, answers: Mapping[str, Any], by: User) -> None:
    try:
        CHANGES.perform(
            change,
            "claim_approval",
            by=by,
            reason=answers["said"],
            happened_at=answers.get("said_at"),
            approver=answers["said_by"],
            channel=answers["channel"],
            call_log=answers.get("call_log", ""),
        )
    except TransitionRefused as refused:
        names = {"happened_at": "said_at", "reason": "said", "approver": "said_by"}
        raise TransitionRefused(
            refused.sentence, names.get(refused.field or "", refused.field)
        ) from refused
