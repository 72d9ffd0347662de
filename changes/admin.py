"""How emergency changes, delegations and the policy are shown."""

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db import IntegrityError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone

from changes import (
    deployment_admin,  # noqa: F401 - it registers its own
    evidence_files,
    forms,
    story,
)
from changes.change_list import SystemFilter, about, incident_number
from changes.declaring import declare
from changes.guards import waiting_claim
from changes.lifecycle import CHANGES, DELEGATIONS, POLICIES
from changes.models import (
    Approval,
    ChangeSystem,
    Correction,
    Delegation,
    Deviation,
    EmergencyChange,
    Evidence,
    EvidenceRead,
    ExecutionEntry,
    Policy,
    StabilityCheck,
)
from ecportal import lists, panels
from ecportal.admin import CROWDED, LifecycleAdmin, ReadOnlyAdmin
from ecportal.forms import ActForm
from ecportal.lifecycle import TransitionRefused
from ecportal.panels import Button
from ecportal.site import signed_in
from ecportal.timeline import Entry
from incidents.models import Incident

DECISIONS = (
    "approve", "reject", "confirm_approval", "deny_approval", "approve_retroactively",
    "reject_retroactively",
)  # fmt: skip
PEOPLE = (
    "requester", "approver", "implementer", "verifier", "documenter", "reviewer", "rejected_by",
    "asked_approver",
)  # fmt: skip
# With the people in the same query: a page of a change has a budget.
WHOLE = (
    Prefetch("systems", ChangeSystem.objects.select_related("system")),
    Prefetch(
        "approvals",
        Approval.objects.select_related(
            "approver", "claimed_by", "delegation__delegate", "delegation__delegator"
        ),
    ),
    Prefetch("evidence", Evidence.objects.select_related("attached_by", "superseded_by")),
    Prefetch("executions", ExecutionEntry.objects.select_related("written_by")),
    Prefetch("deviations", Deviation.objects.select_related("written_by")),
    Prefetch("checks", StabilityCheck.objects.select_related("checked_by")),
    Prefetch("corrections", Correction.objects.select_related("written_by")),
)
PAGES = "admin/changes/emergencychange"
PURPOSES = {
    "submit": "From then on its text is frozen, and a Lead decides.",
    "rework": "It was sent back: change what must be changed, then ask again.",
    "start": "It is approved. Say when the work begins.",
    "finish": "Say how it went, show the log, and name the tests that were skipped.",
    "verify": "The observation window is over. Say what you watched and what it showed.",
    "document": "Write down the results. Then a Lead reviews it.",
    "attach_evidence": "Nothing proves the work yet. After that it can be documented.",
}


@admin.register(EmergencyChange)
class EmergencyChangeAdmin(LifecycleAdmin):
    lifecycle = CHANGES
    act_forms: dict[str, type[ActForm]] = {
        "revise": forms.ReviseForm,
        "submit": forms.SubmitForm,
        "approve": forms.ApproveForm,
        "reject": forms.RejectForm,
        "claim_approval": forms.ClaimForm,
        "confirm_approval": forms.ConfirmForm,
        "deny_approval": forms.DenyForm,
        "approve_retroactively": forms.ApproveForm,
        "reject_retroactively": forms.SeenForm,
        "start": forms.StartForm,
        "start_unapproved": forms.StartUnapprovedForm,
        "log_execution": forms.ExecutionForm,
        "record_deviation": forms.DeviationForm,
        "catch_up": forms.CatchUpForm,
        "finish": forms.FinishForm,
        "check_stability": forms.CheckForm,
        "report_instability": forms.CheckForm,
        "verify": forms.CheckForm,
        "attach_evidence": forms.EvidenceForm,
        "supersede_evidence": forms.SupersedeForm,
        "document": forms.DocumentForm,
        "correct": forms.CorrectForm,
        "share": forms.ShareForm,
    }
    record_template = f"{PAGES}/record.html"
    act_template = f"{PAGES}/act.html"
    purposes = PURPOSES
    is_work = True
    small_verbs, batch_verb = story.SMALL, story.BATCH
    side_verbs = frozenset({
        "claim_approval", "start_unapproved", "report_instability", "check_stability",
        "attach_evidence", "supersede_evidence", "log_execution", "record_deviation", "catch_up",
        "revise", "amend", "correct", "share", "cancel",
    })  # fmt: skip
    list_display = ("number", about, "status_pill")
    last_columns = (incident_number,)
    list_filter = (
        lists.Tabs, "status", "incident__severity", SystemFilter, "risk", "without_approval",
    )  # fmt: skip
    search_help_text = "Number, title, incident or system"
    search_fields = ("number", "title", "incident__number", "systems__system__name")
    date_hierarchy = "opened_at"
    empty_list = "No emergency change yet. Declare one on its incident."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = EmergencyChange.objects.visible_to(signed_in(request))
        return visible.select_related("incident", "requester")

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return EmergencyChange.objects.unfinished().visible_to(signed_in(request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> EmergencyChange | None:
        whole = (
            self.get_queryset(request)
            .select_related("determination__decided_by", "incident__recorded_by", *PEOPLE)
            .prefetch_related(*WHOLE)
        )
        try:
            found: EmergencyChange = whole.get(pk=object_id)
            return found
        except (EmergencyChange.DoesNotExist, ValueError):
            return None

    # --- buttons --------------------------------------------------------------------------------
    def buttons(self, request: HttpRequest, record: Any) -> list[Button]:
        """Return the acts, all decisions behind one button: they are made where all is shown."""
        ways = self._with_evidence_first(record, super().buttons(request, record))
        answers = {self.act_address(record, verb) for verb in DECISIONS}
        decisions = [way for way in ways if way.url in answers]
        rest = [way for way in ways if way.url not in answers]
        if not decisions:
            return rest
        possible = any(way.refusal is None for way in decisions)
        refusal = None if possible else decisions[0].refusal
        purpose = _asked_for(record)
        button = Button("Read and decide", self.address(record, "decide"), refusal, purpose=purpose)
        return [button, *rest] if possible or not rest else [*rest, button]

    @staticmethod
    def _with_evidence_first(change: EmergencyChange, ways: list[Button]) -> list[Button]:
        """Make attaching evidence the step where only that keeps it from being documented."""
        if change.status != EmergencyChange.Status.VERIFIED or change.evidence.all():
            return ways
        return [replace(b, is_step=b.is_step or b.verb == "attach_evidence") for b in ways]

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        proofs = (ExecutionEntry.Source.DEPLOYMENT, ExecutionEntry.Source.LOG)
        logged = any(entry.source in proofs for entry in record.executions.all())
        lacks = record.finished_at is not None and not logged
        return {**super().ways(request, record), "lacks_log": lacks}

    def acts(self, record: Any) -> list[Entry]:
        return [*story.before(record), *super().acts(record)]

    def in_words(self, record: Any, acts: list[Entry]) -> list[Entry]:
        return story.in_words(record, acts)

    # --- pages ----------------------------------------------------------------------------------
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

    def declare_any_view(self, request: HttpRequest) -> HttpResponse:
        """Ask which incident it is; the way in for whoever is not on its page."""
        self._require(request, EmergencyChange(), "open")
        context = self.page(request, EmergencyChange(), "Declare an emergency")
        context["incidents"] = Incident.objects.live().prefetch_related("affected__system")[:50]
        return TemplateResponse(request, f"{PAGES}/declare_any.html", context)

    def declare_view(self, request: HttpRequest, incident_id: int) -> HttpResponse:
        """Determine, open and ask for approval in one form."""
        self._require(request, EmergencyChange(), "open")
        user = signed_in(request)
        incident = _incident(incident_id)
        posted = request.POST if request.method == "POST" else None
        form = forms.DeclareForm(posted, incident=incident, user=user)
        if form.is_valid():
            try:
                change = declare(incident, form.cleaned_data, by=user)
            except TransitionRefused as refused:
                field = refused.field if refused.field in form.fields else None
                form.add_error(field, str(refused))
            except IntegrityError:
                form.add_error(None, CROWDED)
            else:
                self.message_user(request, f"{change.number} is open. {_what_follows(change)}")
                return redirect(self.address(change))
        context = self.page(request, EmergencyChange(), "Declare an emergency")
        visible = EmergencyChange.objects.visible_to(user).filter(incident=incident)
        context.update(form=form, incident=incident, already=visible)
        status = 422 if form.errors else 200
        return TemplateResponse(request, f"{PAGES}/declare.html", context, status=status)

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show what is to be decided, whole, with each answer one tap away."""
        change = self.visible(request, object_id)
        user = signed_in(request)
        options = [
            option
            for option in self.lifecycle.options(change, user)
            if option.transition.verb in DECISIONS
        ]
        late = change.has_started and change.without_approval
        claim = waiting_claim(change)
        title = "Approve this emergency change?"
        if late:
            title = "Decide on this change after the fact"
        elif claim is not None and claim.approver == user:
            title = "Did you approve this emergency change?"
            options.sort(key=lambda option: option.transition.verb != "confirm_approval")
        context = self.page(request, change, title)
        context.update(
            shown=change.shown().items(),
            claim=claim,
            answers=[
                (option, self.act_address(change, option.transition.verb),
                 self.act_forms[option.transition.verb](record=change, user=user))
                for option in options if option.refusal is None
            ],
            refusals=list(dict.fromkeys(o.refusal for o in options if o.refusal)),
        )  # fmt: skip
        return TemplateResponse(request, f"{PAGES}/decide.html", context)

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

    def show_act(
        self, request: HttpRequest, record: Any, verb: str, words: str, form: ActForm
    ) -> TemplateResponse:
        if isinstance(form, forms.SeenForm) and form.is_bound:
            form.show_anew()
        response = super().show_act(request, record, verb, words, form)
        if verb in DECISIONS and response.context_data is not None:
            response.context_data["shown"] = record.shown().items()
        return response


def _asked_for(change: EmergencyChange) -> str:
    claim = waiting_claim(change)
    if claim is None:
        return f"{change.requester} asks for a decision on it."
    by = claim.get_channel_display().lower()
    at = f"{timezone.localtime(claim.decided_at):%H:%M}"
    return f"{claim.claimed_by} says that {claim.approver} approved at {at}, {by}."


def _incident(incident_id: int) -> Incident:
    return get_object_or_404(Incident.objects.prefetch_related("affected__system"), pk=incident_id)


def _what_follows(change: EmergencyChange) -> str:
    if change.approver is not None:
        return f"{change.approver} must now confirm it in writing; you may start."
    if change.asked_approver is not None:
        return f"{change.asked_approver} is asked now."
    return "No Lead may decide on its systems: ask a Role Administrator to grant it to one."


@panels.buttons(Incident)
def declare_button(request: HttpRequest, incident: Incident) -> list[Button]:
    """Put “Declare emergency” first on the page of each incident."""
    user = signed_in(request)
    if not CHANGES.permitted(EmergencyChange(), "open", user):
        return []
    refusal = None
    if incident.status == Incident.Status.CANCELLED:
        refusal = "The incident was cancelled."
    url = reverse("admin:changes_emergencychange_declare", args=[incident.pk])
    return [Button("Declare emergency", url, refusal)]


@panels.panel(Incident, "parts/incident_changes.html", "side")
def changes_of_incident(request: HttpRequest, incident: Incident) -> dict[str, Any]:
    visible = EmergencyChange.objects.visible_to(signed_in(request))
    return {"changes": visible.filter(incident=incident)}


@admin.register(EvidenceRead)
class EvidenceReadAdmin(ReadOnlyAdmin):
    """Who read which evidence when; for Auditors and Role Administrators."""

    list_display = ("reader", "evidence", "change", "read_at")
    list_select_related = ("reader", "evidence__change")
    search_fields = ("evidence__change__number", "reader__username")
    date_hierarchy = "read_at"
    empty_list = "No evidence was downloaded yet."
    sections = (("The read", ("reader", "evidence", "change", "read_at")),)

    @admin.display(description="Change")
    def change(self, read: EvidenceRead) -> str:
        return read.evidence.change.number

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        visible = EmergencyChange.objects.visible_to(signed_in(request))
        return super().get_queryset(request).filter(evidence__change__in=visible.values("pk"))


@admin.register(Delegation)
class DelegationAdmin(LifecycleAdmin):
    lifecycle = DELEGATIONS
    creation = "delegate"
    act_forms: dict[str, type[ActForm]] = {"delegate": forms.DelegateForm}
    list_display = ("delegator", "delegate", "begins_at", "ends_at", "status_pill")
    list_filter = (lists.StatusTabs,)
    list_select_related = ("delegator", "delegate")
    empty_list = "Nobody has delegated decisions."
    sections = (
        ("The delegation", ("delegator", "delegate", "begins_at", "ends_at", "limits", "reason")),
    )

    @admin.display(description="Systems")
    def limits(self, delegation: Delegation) -> str:
        names = [str(link) for link in delegation.systems.select_related("system")]
        return ", ".join(names) or "All"


@admin.register(Policy)
class PolicyAdmin(LifecycleAdmin):
    lifecycle = POLICIES
    act_forms: dict[str, type[ActForm]] = {"revise": forms.PolicyForm}
    shows_changes = True
    list_display = (
        "__str__", "approval_minutes", "confirmation_hours", "documentation_hours",
        "observation_minutes", "verifier_differs",
    )  # fmt: skip
    sections = (
        ("In force", ("approval_minutes", "confirmation_hours", "documentation_hours",
                      "observation_minutes", "verifier_differs")),
        ("Quiet hours of reminders", ("quiet_from", "quiet_until", "reminder_days")),
    )  # fmt: skip
