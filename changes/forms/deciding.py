"""What may be typed to decide on a change, in the portal, verbally or after the fact."""

from django import forms

from changes.authority import deciders_on
from changes.models import Approval, EmergencyChange
from ecportal.accounts.models import User
from ecportal.forms import ActForm, Cards, PlainAct, link, moment, words
from incidents.forms import people

KIND = EmergencyChange.Rejection
CALL_LOG_LIMIT = 500
"""Characters of the link to what was said, as the approval keeps it."""


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
        choices=[
            (KIND.SENT_BACK, "Not yet"),
            (KIND.REFUSED, "Not this change"),
            (KIND.NOT_EMERGENCY, "Not an emergency"),
        ],
        widget=Cards(
            {
                KIND.SENT_BACK: "Something must be changed first; then it is asked for again.",
                KIND.REFUSED: "Do not make this change.",
                KIND.NOT_EMERGENCY: "Use the normal process.",
            }
        ),
    )
    reason = words("Why?", rows=2, help_text="The Engineers read this. Say what would help.")


class ConfirmForm(PlainAct):
    reason = words("Comment", rows=2)

    def prepare(self) -> None:
        self.fields["reason"].initial = "I approved it as written down."


class DenyForm(SeenForm):
    """The named approver's no to a claim; which kind of no it is begins the answer."""

    KINDS = (
        ("never", "I did not say yes"),
        ("otherwise", "I said yes to something else"),
        (KIND.NOT_EMERGENCY, "Not an emergency"),
    )

    kind = forms.ChoiceField(
        label="Which kind of no?",
        choices=KINDS,
        widget=Cards(
            {
                "never": "We did not speak, or I said no.",
                "otherwise": "What is written here is not what I heard.",
                KIND.NOT_EMERGENCY: "I did not approve it. Use the normal process.",
            }
        ),
    )
    reason = words("What happened?", rows=2, help_text="What you were asked, and what you said.")

    @property
    def is_no_emergency(self) -> bool:
        return bool(self.cleaned_data["kind"] == KIND.NOT_EMERGENCY)

    def reason_given(self) -> str:
        return f"{dict(self.KINDS)[self.cleaned_data['kind']]}. {self.cleaned_data['reason']}"


class ClaimForm(ActForm):
    approver = forms.ModelChoiceField(label="Who approved?", queryset=User.objects.none())
    channel = forms.ChoiceField(
        label="How was it said?", choices=Approval.Channel, widget=Cards(look="segments"),
        initial=Approval.Channel.PHONE,
    )  # fmt: skip
    call_log = link("Link to the message or call log", limit=CALL_LOG_LIMIT)
    reason = words("What was said?", rows=2)
    happened_at = moment("When was it said?", now=True)

    def prepare(self) -> None:
        assert isinstance(self.record, EmergencyChange)
        keys = [lead.pk for lead in deciders_on(self.record) if lead.pk != self.user.pk]
        self.fields["approver"].queryset = people().filter(pk__in=keys)  # type: ignore[attr-defined]
        self.fields["approver"].initial = self.record.asked_approver_id
