"""Guards of what a change claims: deployments and tickets."""

from changes.models import Deployment, EmergencyChange, Ticket
from ecportal.lifecycle import Act


def visible_to_actor(record: Deployment | Ticket, act: Act) -> str | None:
    """What a confidential change claims is acted on only by those who may see that change.

    Pipelines and the portal itself see none, and still bring its evidence.
    """
    change = act.data.get("change") or record.change
    if change is None or not change.confidential or not act.by.may_sign_in:
        return None
    if EmergencyChange.objects.visible_to(act.by).filter(pk=change.pk).exists():
        return None
    return "This change is confidential and was not shared with you."


def change_stands(record: Deployment | Ticket, act: Act) -> str | None:
    change = act.data.get("change")
    if change is not None and change.status == EmergencyChange.Status.CANCELLED:
        return f"{change.number} was cancelled. Choose another change."
    return None
