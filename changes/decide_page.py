"""The page on which a change is decided: what exactly, by whom, and each answer one tap away."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern

from changes import answering, forms
from changes.answering import ANSWERS
from changes.authority import deciders_on
from changes.denying import deny_and_refuse
from changes.guards import waiting_claim
from changes.models import Approval, EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from ecportal.admin import LifecycleAdmin
from ecportal.clock import duration
from ecportal.forms import ActForm
from ecportal.lifecycle import Option
from ecportal.marks import day_time
from ecportal.site import signed_in

NOES = {
    "reject": "Reject this change",
    "deny_approval": "Reject the claimed approval",
    "reject_retroactively": "Reject this change after the fact",
}
"""The answers that ask on a further page which kind of no it is, and what that page is called."""


class DecidePages(LifecycleAdmin):
    """Adds the page for decisions to the admin of changes, and what its answers need."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self.own(self.decide_view, "<path:object_id>/decide/", "decide"),
            *super().get_urls(),
        ]

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what is to be decided, whole, with each answer one tap away."""
        change, user = self.visible(request, object_id), signed_in(request)
        options = [o for o in self.lifecycle.options(change, user) if o.transition.verb in ANSWERS]
        claim = waiting_claim(change)
        named = claim is not None and claim.approver == user
        if named:
            options.sort(key=lambda option: option.transition.verb != "confirm_approval")
        possible = [option for option in options if option.refusal is None]
        title = _title(change, named=named) if possible else "What there is to decide"
        context = self.page(request, change, title)
        context.update(
            shown=change.shown(),
            fingerprint=change.fingerprint(),
            claim=claim,
            outage=_outage(change),
            answers=[self._answer(change, option, user) for option in possible],
            refusals=list(dict.fromkeys(o.refusal for o in options if o.refusal)),
            already=_said_before(change, user),
            others=[] if possible else [lead for lead in deciders_on(change) if lead != user],
        )
        if possible:
            context["capacity"] = answering.capacity(change, possible[0].transition.verb, user)
        return TemplateResponse(request, "admin/changes/emergencychange/decide.html", context)

    def _answer(self, change: EmergencyChange, option: Option, user: User) -> dict[str, Any]:
        """Return one answer: its words, where it goes, and the form that goes with it, if any."""
        verb, words = option.transition.verb, option.transition.words
        answer: dict[str, Any] = {"url": self.act_address(change, verb), "verb": verb}
        if verb in NOES:
            return {**answer, "words": "Reject…"}
        if verb == "confirm_approval":
            claim = waiting_claim(change)
            words = f"{words} at {day_time(claim.decided_at)}" if claim else words
        form = self.act_forms[verb](record=change, user=user)
        return {**answer, "words": words, "form": form}

    def done_already(
        self, request: HttpRequest, record: Any, verb: str, form: ActForm
    ) -> str | None:
        """Two taps are one decision: the second is told when the first was taken."""
        if verb not in ANSWERS:
            return None
        record.refresh_from_db(fields=["status"])
        rows = Approval.objects.filter(change=record)
        seen = form.cleaned_data.get("fingerprint", "")
        return answering.answered_twice(record, rows, verb, signed_in(request), seen)

    def perform(self, record: Any, verb: str, by: User, form: ActForm) -> Any:
        if isinstance(form, forms.DenyForm) and form.is_no_emergency:
            seen, why = form.cleaned_data["fingerprint"], form.reason_given()
            deny_and_refuse(record, by=by, reason=why, fingerprint=seen)
            return record
        return super().perform(record, verb, by, form)

    def show_act(
        self, request: HttpRequest, record: Any, verb: str, words: str, form: ActForm
    ) -> TemplateResponse:
        if isinstance(form, forms.SeenForm) and form.is_bound:
            form.show_anew()
        response = super().show_act(request, record, verb, words, form)
        if verb in ANSWERS and response.context_data is not None:
            response.context_data.update(
                shown=record.shown(), fingerprint=record.fingerprint(), is_no=verb in NOES
            )
            if verb in NOES:
                response.context_data.update(title=NOES[verb], words=NOES[verb])
        return response


def _title(change: EmergencyChange, *, named: bool) -> str:
    if change.has_started and change.without_approval:
        return "Decide on this change after the fact"
    return "Did you approve this change?" if named else "Approve this emergency change?"


def _outage(change: EmergencyChange) -> str:
    incident = change.incident
    return f"Live, {duration(clock.now() - incident.began_at)}" if incident.is_live else ""


def _said_before(change: EmergencyChange, user: User) -> list[str]:
    """Say what the user decided already, as far as it stands."""
    rows = list(change.approvals.all())
    return [said for verb in ANSWERS if (said := answering.answered(change, rows, verb, user))]
