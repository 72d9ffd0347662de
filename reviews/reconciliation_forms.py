"""What may be typed when reconciliation is settled."""

from django import forms

from changes.models import EmergencyChange
from ecportal.forms import PlainAct, words


class MatchForm(PlainAct):
    from_link = ("change",)

    change = forms.ModelChoiceField(
        label="To which change?", queryset=EmergencyChange.objects.none()
    )
    reason = words("How do you know that it belongs there?", rows=2)

    def prepare(self) -> None:
        visible = EmergencyChange.objects.visible_to(self.user)
        standing = visible.exclude(status=EmergencyChange.Status.CANCELLED)
        self.fields["change"].queryset = standing  # type: ignore[attr-defined]


class DismissForm(PlainAct):
    reason = words("Why was no emergency change made?", rows=2)
