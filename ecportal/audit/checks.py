"""System checks: the settings that the trail needs, and the triggers."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from ecportal.audit import drift, protection

UNTRACKED_COLUMNS = {
    "accounts.user": {"password"},
    "accounts.apitoken": {"last_used_at"},
    "outbox.message": {
        *("taken_at", "attempts", "failures", "failing_since", "next_attempt_at", "sent_at"),
        *("recalled_at", "given_up_at", "answer", "text", "html", "payload", "after"),
    },
    "integrations.delivery": {"body", "headers", "outcome", "worked_at", "attempts", "answer"},
}
"""What a history may leave out: a hash of a password is nothing to keep for ever, how far a
message got is in its attempts, what a token was used for is in the acts, and of what was delivered
the history has the digest."""


@register()
def settings_keep_the_trail(**_: Any) -> list[CheckMessage]:
    """Refuse settings under which records would change without history."""
    wrong: list[CheckMessage] = []
    if not getattr(settings, "SIMPLE_HISTORY_ENABLED", True):
        wrong.append(Error("SIMPLE_HISTORY_ENABLED must be True.", id="audit.E001"))
    for model in drift.tracked_models():
        left_out = set(drift.history_of(model)._history_excluded_fields)
        if left_out - UNTRACKED_COLUMNS.get(model._meta.label_lower, set()):
            wrong.append(Error("A tracked model leaves columns out.", obj=model, id="audit.E002"))
        if model._meta.local_many_to_many and model._meta.label_lower != "accounts.user":
            wrong.append(
                Error("Use a tracked link model, not many-to-many.", obj=model, id="audit.E003")
            )
    return wrong


@register(Tags.database)
def history_is_protected(databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Warn of a missing trigger. Not an error: that would stop `migrate`, which mends it."""
    if not databases:
        return []
    return [
        Warning(finding, hint="`manage.py migrate` installs it again.", id="audit.W001")
        for finding in protection.findings()
    ]
