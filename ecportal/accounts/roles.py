"""Which role does what: the source of the groups, synced on every migrate.

One line a model: the verbs of its lifecycle, and `view`. A Role Administrator decides who is in a
group; what a group may do is decided here, in review.
"""

from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

ENGINEER: Final = "Engineer"
LEAD: Final = "Engineering Lead"
AUDITOR: Final = "Auditor"
ROLE_ADMINISTRATOR: Final = "Role Administrator"

_RECORDS: Final = (
    "incidents.system",
    "incidents.incident",
    "incidents.determination",
    "incidents.incidentnote",
    "changes.emergencychange",
    "changes.approval",
    "changes.evidence",
    "changes.deviation",
    "changes.stabilitycheck",
    "changes.executionentry",
    "changes.correction",
    "changes.deployment",
    "changes.ticket",
    "changes.delegation",
    "changes.policy",
    "reviews.retrospectivereview",
    "reviews.followupaction",
    "reviews.deadline",
    "reviews.escalationrung",
    "reviews.escalation",
    "reviews.notice",
    "reviews.controlexception",
    "reviews.reconciliationitem",
    "reviews.companyholiday",
    "reviews.sample",
    "reviews.sampleitem",
)
_READ: Final = dict.fromkeys(_RECORDS, "view")

ROLES: Final[dict[str, dict[str, str]]] = {
    ENGINEER: {
        **_READ,
        "incidents.incident": "view record revise note determine resolve reopen cancel",
        "changes.emergencychange": (
            "view open revise submit amend rework claim_approval start start_unapproved"
            " log_execution record_deviation catch_up finish check_stability report_instability"
            " verify attach_evidence supersede_evidence correct document cancel"
        ),
        "changes.deployment": "view attach detach",
        "changes.ticket": "view link unlink",
        "reviews.followupaction": "view complete",
        "reviews.sampleitem": "view answer",
    },
    LEAD: {
        **_READ,
        "incidents.system": "view register revise retire reinstate",
        "incidents.incident": "view record revise note determine resolve reopen cancel",
        "changes.emergencychange": (
            "view approve reject confirm_approval deny_approval approve_retroactively"
            " reject_retroactively correct share close"
            " see_confidential"
        ),
        "changes.deployment": "view attach detach",
        "changes.ticket": "view link unlink",
        "changes.delegation": "view delegate end",
        "changes.policy": "view revise",
        "reviews.retrospectivereview": "view complete",
        "reviews.followupaction": "view assign complete reassign drop",
        "reviews.escalationrung": "view define revise retire reinstate",
        "reviews.controlexception": "view answer report",
        "reviews.reconciliationitem": "view match dismiss reopen",
        "reviews.companyholiday": "view declare withdraw",
        "reviews.evidencepack": "view request",
        "reviews.population": "view generate",
        "reviews.sampleitem": "view answer",
        "outbox.message": "view retry",
        "integrations.delivery": "view retry",
        "integrations.remoteobject": "view test",
        "audit.auditevent": "view",
        "audit.auditcheckpoint": "view",
    },
    AUDITOR: {
        **_READ,
        "changes.emergencychange": "view see_confidential",
        "reviews.controlexception": "view report",
        "changes.evidenceread": "view",
        # Their own working papers; of the process itself an Auditor writes nothing.
        "reviews.population": "view generate",
        "reviews.sample": "view draw",
        "reviews.sampleitem": "view request",
        "reviews.evidencepack": "view request",
        "accounts.user": "view",
        "accounts.apitoken": "view",
        "auth.group": "view",
        "outbox.message": "view",
        "integrations.delivery": "view",
        "integrations.remoteobject": "view",
        "audit.auditevent": "view read_on_record",
        "audit.auditcheckpoint": "view",
    },
    ROLE_ADMINISTRATOR: {
        "accounts.user": "view enroll revise assign_role withdraw_role deactivate reactivate",
        "accounts.apitoken": "view revoke",
        "auth.group": "view",
        "incidents.system": "view grant withdraw",
        "changes.delegation": "view",
        "changes.evidenceread": "view",
        "audit.auditevent": "view",
        "outbox.message": "view retry",
        "integrations.remoteobject": "view test",
    },
}


def _permissions(rows: dict[str, str]) -> frozenset[str]:
    """Return app.verb_model for each verb of each model."""
    return frozenset(
        f"{model.split('.')[0]}.{verb}_{model.split('.')[1]}"
        for model, verbs in rows.items()
        for verb in verbs.split()
    )


SYSTEM: Final = _permissions(
    {
        "accounts.user": "enroll assign_role",
        "accounts.apitoken": "issue",
        "incidents.incident": "record revise note resolve reopen",
        "changes.deployment": "record advance attach enter detach",
        "changes.ticket": "record advance delete link unlink",
        "reviews.reconciliationitem": "find settle return",
        "changes.policy": "adopt",
        "reviews.retrospectivereview": "schedule",
        "reviews.controlexception": "register",
        "reviews.escalationrung": "define",
    }
)
"""What the named system account may do: the consequences that no person decides."""

SCOPES: Final[dict[str, frozenset[str]]] = {
    "deployments:write": _permissions({"changes.deployment": "record advance attach"}),
    "changes:read": _permissions({"changes.emergencychange": "view"}),
}
"""What the token of a service account may be made for, and what each scope permits."""

SYSTEM_SCOPE: Final = "approve_system"
"""On a System: the holder decides on emergency changes of it. Model-wide: of every system."""


def sync(**_: Any) -> None:
    """Make the groups hold exactly what ROLES says; make the system account. Safe to repeat."""
    from django.apps import apps
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType

    from ecportal.accounts.models import SYSTEM_USERNAME, User
    from ecportal.audit.models import AuditEvent

    needed = {model._meta.db_table for model in (User, Group, AuditEvent)}
    if not needed <= set(connection.introspection.table_names()):
        return  # a partial migration: the full one follows
    known = {(p.content_type_id, p.codename): p for p in Permission.objects.all()}

    def permission(model: str, codename: str) -> Permission:
        kind = ContentType.objects.get_for_model(apps.get_model(model))
        found = known.get((kind.pk, codename))
        if found is None:
            words = f"Can {codename.rsplit('_', 1)[0].replace('_', ' ')} {kind.name}"
            found = Permission.objects.create(content_type=kind, codename=codename, name=words)
            known[kind.pk, codename] = found
        return found

    scope = permission("incidents.system", SYSTEM_SCOPE)
    for role, rows in ROLES.items():
        held = {
            permission(model, f"{verb}_{model.split('.')[1]}")
            for model, verbs in rows.items()
            for verb in verbs.split()
        }
        if role == LEAD and settings.LEAD_SCOPE == "all":
            held.add(scope)
        group, _new = Group.objects.get_or_create(name=role)
        if set(group.permissions.all()) != held:
            group.permissions.set(held)
    if not User.objects.filter(is_system=True).exists():
        account = User(username=SYSTEM_USERNAME, first_name="ecportal", is_system=True)
        account.set_unusable_password()
        with transaction.atomic():
            account.save()
