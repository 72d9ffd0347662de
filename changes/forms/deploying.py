"""What may be typed about what a change may claim: a deployment or a ticket."""

from datetime import timedelta
from typing import Final

from django import forms
from django.db.models import Q

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.forms import PlainAct, words

LATELY: Final = timedelta(days=365)
"""How long after its opening a closed change is offered: the list must not grow for ever."""


class AttachForm(PlainAct):
    from_link = ("change",)

    change = forms.ModelChoiceField(
        label="To which change?", queryset=EmergencyChange.objects.none()
    )
    reason = words("How do you know that it belongs there?", rows=2)

    def prepare(self) -> None:
        status = EmergencyChange.Status
        visible = EmergencyChange.objects.visible_to(self.user)
        standing = visible.exclude(status=status.CANCELLED)
        lately = ~Q(status=status.CLOSED) | Q(opened_at__gte=clock.now() - LATELY)
        self.fields["change"].queryset = standing.filter(lately)  # type: ignore[attr-defined]
