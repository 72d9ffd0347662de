"""What may be typed to decide on a change, in the portal, verbally or after the fact."""

from django import forms

from changes.authority import deciders_on
from changes.models import Approval, EmergencyChange
from ecportal.accounts.models import User
from ecportal.forms import ActForm, PlainAct, moment, words
from incidents.forms import people


class SeenForm(PlainAct):
    """A decision on exactly what was shown: the fingerprint travels with the page."""

    fingerprint = forms.CharField(widget=forms.HiddenInput(), max_length=64)

    def prepare(self) -> None:
        assert isinstance(self.record, EmergencyChange)
        self.fields["fingerprint"].initial = self.record.fingerprint()

    def show_anew(self) -> None:
        """Carry the fingerprint of what the page shows now, after a refusal."""
        assert isinstance(self.record, EmergencyChange)
        posted = {name: self.data[name] for name in self.data}
        self.data = {**posted, "fingerprint": self.record.fingerprint()}


class ApproveForm(SeenForm):
    reason = words("Comment", rows=2)

    def prepare(self) -> None:
        super().prepare()
        self.fields["reason"].initial = "Approved as shown."


class RejectForm(SeenForm):
    rejection = forms.ChoiceField(
        label="Which kind of no?",
        choices=EmergencyChange.Rejection,
        widget=forms.RadioSelect(),
    )


class ConfirmForm(PlainAct):
    reason = words("Comment", rows=2)

    def prepare(self) -> None:
        self.fields["reason"].initial = "I approved it as written down."


class DenyForm(PlainAct):
    reason = words("What is wrong with the claim?", rows=2)


class ClaimForm(ActForm):
    approver = forms.ModelChoiceField(label="Who approved?", queryset=User.objects.none())
    channel = forms.ChoiceField(
        label="How was it said?", choices=Approval.Channel, widget=forms.RadioSelect()
    )
    call_log = forms.URLField(
        label="Link to the message or call log", required=False, max_length=500,
        assume_scheme="https",
    )  # fmt: skip
    reason = words("What was said?", rows=2)
    happened_at = moment("When was it said?", help_text="Empty means now.")

    def prepare(self) -> None:
        assert isinstance(self.record, EmergencyChange)
        keys = [lead.pk for lead in deciders_on(self.record) if lead.pk != self.user.pk]
        self.fields["approver"].queryset = people().filter(pk__in=keys)  # type: ignore[attr-defined]
        self.fields["approver"].initial = self.record.asked_approver_id
