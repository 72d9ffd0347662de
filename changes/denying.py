"""What a denied claim leads to where the change was no emergency."""

from django.db import transaction

from changes.lifecycle import CHANGES
from changes.models import EmergencyChange
from ecportal.accounts.models import User


@transaction.atomic
def deny_and_refuse(change: EmergencyChange, *, by: User, reason: str, fingerprint: str) -> None:
    """Deny the claim, and where the change waits for a decision then, send it to normal change.

    Raises TransitionRefused; nothing is saved then.
    """
    CHANGES.perform(change, "deny_approval", by=by, reason=reason)
    if change.status == EmergencyChange.Status.SUBMITTED:
        kind = EmergencyChange.Rejection.NOT_EMERGENCY
        CHANGES.perform(
            change, "reject", by=by, reason=reason, rejection=kind, fingerprint=fingerprint
        )
