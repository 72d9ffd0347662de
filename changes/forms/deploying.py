"""What may be typed about a deployment."""

from django import forms

from changes.models import EmergencyChange
from ecportal.forms import PlainAct, words


class AttachForm(PlainAct):
    change = forms.ModelChoiceField(
        label="To which change?", queryset=EmergencyChange.objects.none()
    )
    reason = words("How do you know that it belongs there?", rows=2)

    def prepare(self) -> None:
        visible = EmergencyChange.objects.visible_to(self.user)
        standing = visible.exclude(status=EmergencyChange.Status.CANCELLED)
        self.fields["change"].queryset = standing  # type: ignore[attr-defined]
