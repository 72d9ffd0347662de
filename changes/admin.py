"""How emergency changes, delegations and the policy are shown."""

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, Prefetch, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from changes import (
    delegation_panel,  # noqa: F401 - it registers its own
    deployment_admin,  # noqa: F401 - it registers its own
    forms,
    story,
    ticket_admin,  # noqa: F401 - it registers its own
)
from changes.answering import ANSWERS
from changes.change_list import SystemFilter, about, incident_number
from changes.decide_page import DecidePages
from changes.declare_page import PAGES, DeclarePages
from changes.evidence_pages import EvidencePages
from changes.guards import waiting_claim
from changes.lifecycle import CHANGES, DELEGATIONS, POLICIES
from changes.models import (
    Approval,
    ChangeSystem,
    Correction,
    Delegation,
    Deployment,
    Deviation,
    EmergencyChange,
    Evidence,
    EvidenceRead,
    ExecutionEntry,
    Policy,
    StabilityCheck,
)
from ecportal import lists, panels
from ecportal.admin import LifecycleAdmin, ReadOnlyAdmin
from ecportal.forms import ActForm
from ecportal.integrations.models import RemoteObject
from ecportal.integrations.models import System as RemoteSystem
from ecportal.panels import Button
from ecportal.site import signed_in
from ecportal.timeline import Entry
from incidents.models import Incident

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
    Prefetch("deployments", Deployment.objects.order_by("heard_at", "pk")),
    Prefetch("deviations", Deviation.objects.select_related("written_by")),
    Prefetch("checks", StabilityCheck.objects.select_related("checked_by")),
    Prefetch("corrections", Correction.objects.select_related("written_by")),
)
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
class EmergencyChangeAdmin(DeclarePages, DecidePages, EvidencePages):
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
        return visible.select_related("incident", "requester", "implementer")

    def open_items(self, request: HttpRequest) -> QuerySet[Any]:
        return EmergencyChange.objects.unfinished().visible_to(signed_in(request))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> EmergencyChange | None:
        whole = (
            self.get_queryset(request)
            .select_related(
                "determination__decided_by", "incident__recorded_by", "review__reviewer", *PEOPLE
            )
            .prefetch_related(*WHOLE)
            .annotate(slack_thread=_announced())  # with the change, as queries are counted
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
        answers = {self.act_address(record, verb) for verb in ANSWERS}
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


def _asked_for(change: EmergencyChange) -> str:
    claim = waiting_claim(change)
    if claim is None:
        return f"{change.requester} asks for a decision on it."
    by = claim.get_channel_display().lower()
    at = f"{timezone.localtime(claim.decided_at):%H:%M}"
    return f"{claim.claimed_by} says that {claim.approver} approved at {at}, {by}."


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
        ("Change window", ("window_from", "window_until")),
    )  # fmt: skip


def _announced() -> Subquery:
    """Return where the change is talked about in Slack: the link to its thread, if there is one."""
    threads = RemoteObject.objects.filter(
        system=RemoteSystem.SLACK, kind="thread", thread=OuterRef("number")
    )
    return Subquery(threads.order_by("pk").values("url")[:1])
