"""The pages of a change beside its record: declaring it, deciding on it, its evidence."""

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse

from changes import answering, evidence_files, forms
from changes.answering import ANSWERS
from changes.authority import deciders_on
from changes.declaring import DeclaredAlready, declare
from changes.guards import waiting_claim
from changes.models import Approval, EmergencyChange
from ecportal import clock, drafts
from ecportal.accounts.models import User
from ecportal.admin import CROWDED, LifecycleAdmin
from ecportal.clock import duration
from ecportal.forms import ActForm
from ecportal.lifecycle import Option, TransitionRefused
from ecportal.marks import day_time
from ecportal.site import signed_in
from incidents.forms import NewIncidentForm
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident

PAGES = "admin/changes/emergencychange"
NOES = {
    "reject": "Reject this change",
    "deny_approval": "Reject the claimed approval",
    "reject_retroactively": "Reject this change after the fact",
}
"""The answers that ask on a further page which kind of no it is, and what that page is called."""


class ChangePages(LifecycleAdmin):
    """Adds these pages to the admin of changes."""

    def get_urls(self) -> list[URLPattern]:
        evidence = "<path:object_id>/evidence/<int:evidence_id>"
        return [
            self.own(self.declare_any_view, "declare/", "declare_any"),
            self.own(self.declare_view, "declare/<int:incident_id>/", "declare"),
            self.own(self.decide_view, "<path:object_id>/decide/", "decide"),
            self.own(self.evidence_view, f"{evidence}/", "evidence"),
            self.own(self.evidence_page_view, f"{evidence}/about/", "evidence_page"),
            self.own(self.evidence_shown_view, f"{evidence}/shown/", "evidence_shown"),
            self.own(self.evidence_preview_view, f"{evidence}/preview/", "evidence_preview"),
            *super().get_urls(),
        ]

    # --- declaring ------------------------------------------------------------------------------
    def declare_any_view(self, request: HttpRequest) -> HttpResponse:
        """Ask which incident it is, or record a new one: the way in for whoever is on no page.

        `?incident=` with a number or a key leads straight on.
        """
        self._require(request, EmergencyChange(), "open")
        if "incident" in request.GET:
            return _to_declaring(_named(request.GET["incident"]))
        user, posted = signed_in(request), request.POST if request.method == "POST" else None
        form = drafts.filled_in(request, NewIncidentForm(posted, record=Incident(), user=user))
        if form.is_valid():
            found = self._record(form, user)
            if found is not None:
                return _to_declaring(found, request)
        context = self.page(request, EmergencyChange(), "Declare an emergency")
        context["incidents"] = Incident.objects.live().prefetch_related("affected__system")[:50]
        context.update(form=form, **drafts.of(request))
        status = 422 if form.errors else 200
        return TemplateResponse(request, f"{PAGES}/declare_any.html", context, status=status)

    def _record(self, form: ActForm, user: User) -> Incident | None:
        incident = Incident(**{name: form.cleaned_data[name] for name in form.on_record})
        reason, data = form.reason_given(), form.act_data()
        try:
            return INCIDENTS.perform(incident, "record", by=user, reason=reason, **data)
        except TransitionRefused as refused:
            form.add_error("began_at", refused.sentence)
            return None

    def declare_view(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """Determine, open and ask for approval in one form."""
        self._require(request, EmergencyChange(), "open")
        user = signed_in(request)
        incident = _named(str(incident_id))
        posted = request.POST if request.method == "POST" else None
        form = drafts.filled_in(request, forms.DeclareForm(posted, incident=incident, user=user))
        if form.is_valid():
            try:
                change = declare(incident, form.cleaned_data, by=user)
            except DeclaredAlready as twice:
                self.message_user(request, twice.sentence)
                return drafts.sent(request, self.address(twice.change))
            except TransitionRefused as refused:
                field = refused.field if refused.field in form.fields else None
                form.add_error(field, str(refused))
            except IntegrityError:
                form.add_error(None, CROWDED)
            else:
                self.message_user(request, f"{change.number} is open. {_what_follows(change)}")
                return drafts.sent(request, self.address(change))
        context = self.page(request, EmergencyChange(), "Declare an emergency")
        visible = EmergencyChange.objects.visible_to(user).filter(incident=incident)
        context.update(form=form, incident=incident, already=visible, **drafts.of(request))
        status = 422 if form.errors else 200
        return TemplateResponse(request, f"{PAGES}/declare.html", context, status=status)

    # --- deciding -------------------------------------------------------------------------------
    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what is to be decided, whole, with each answer one tap away."""
        change, user = self.visible(request, object_id), signed_in(request)
        options = [o for o in self.lifecycle.options(change, user) if o.transition.verb in ANSWERS]
        claim = waiting_claim(change)
        named = claim is not None and claim.approver == user
        if named:
            options.sort(key=lambda option: option.transition.verb != "confirm_approval")
        possible = [option for option in options if option.refusal is None]
        context = self.page(request, change, _title(change, named=named))
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
        return TemplateResponse(request, f"{PAGES}/decide.html", context)

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
        said = answering.answered(record, rows, verb, signed_in(request), seen)
        return f"{said} Nothing was recorded twice." if said else None

    def perform(self, record: Any, verb: str, by: User, form: ActForm) -> Any:
        if isinstance(form, forms.DenyForm) and form.is_no_emergency:
            seen, why = form.cleaned_data["fingerprint"], form.reason_given()
            answering.deny_and_refuse(record, by=by, reason=why, fingerprint=seen)
            return record
        if isinstance(form, forms.EvidenceForm):
            with transaction.atomic():
                for piece in form.pieces():
                    self.lifecycle.perform(
                        record, verb, by=by, reason=form.reason_given(),
                        happened_at=form.cleaned_data["happened_at"], **piece,
                    )  # fmt: skip
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

    # --- evidence -------------------------------------------------------------------------------
    def evidence_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponseBase:
        found = evidence_files.find(self.visible(request, object_id), evidence_id)
        return evidence_files.download(found, signed_in(request))

    def evidence_shown_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponseBase:
        found = evidence_files.find(self.visible(request, object_id), evidence_id)
        return evidence_files.show(found, signed_in(request))

    def evidence_preview_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponseBase:
        found = evidence_files.find(self.visible(request, object_id), evidence_id)
        return evidence_files.preview(found, signed_in(request))

    def evidence_page_view(
        self, request: HttpRequest, object_id: str, evidence_id: int
    ) -> HttpResponse:
        """Show one piece of evidence with all that is known of it, and its content where safe."""
        change, user = self.visible(request, object_id), signed_in(request)
        found = evidence_files.find(change, evidence_id)
        context = {**self.page(request, change, str(found)), **evidence_files.about(found, user)}
        context["may_replace"] = not found.is_superseded and (
            self.lifecycle.permitted(change, "supersede_evidence", user)
            and self.lifecycle.refusal(change, "supersede_evidence", user) is None
        )
        return TemplateResponse(request, f"{PAGES}/evidence.html", context)


def _named(incident: str) -> Incident:
    """Return the incident of this number or key, or say that there is none."""
    every: QuerySet[Incident] = Incident.objects.prefetch_related("affected__system")
    is_key = incident.isdecimal() and len(incident) < 19
    found = every.filter(pk=int(incident)) if is_key else every.filter(number=incident.upper())
    first = found.first()
    if first is None:
        raise Http404("No incident has this number.")
    return first


def _to_declaring(incident: Incident, request: HttpRequest | None = None) -> HttpResponse:
    address = reverse("admin:changes_emergencychange_declare", args=[incident.pk])
    return drafts.sent(request, address) if request else redirect(address)


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


def _what_follows(change: EmergencyChange) -> str:
    if change.approver is not None:
        return f"{change.approver} must now confirm it in writing; you may start."
    if change.asked_approver is not None:
        return f"{change.asked_approver} is asked now."
    return "No Lead may decide on its systems: ask a Role Administrator to grant it to one."
