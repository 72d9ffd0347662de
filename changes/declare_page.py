"""The pages that declare an emergency: for which incident, and six answers."""

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse

from changes import forms
from changes.declaring import DeclaredAlready, declare
from changes.models import EmergencyChange
from ecportal import drafts
from ecportal.accounts.models import User
from ecportal.admin import CROWDED, LifecycleAdmin
from ecportal.forms import ActForm
from ecportal.lifecycle import TransitionRefused
from ecportal.site import signed_in
from incidents.forms import NewIncidentForm
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident

PAGES = "admin/changes/emergencychange"


class DeclarePages(LifecycleAdmin):
    """Adds the pages that declare to the admin of changes."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self.own(self.declare_any_view, "declare/", "declare_any"),
            self.own(self.declare_view, "declare/<int:incident_id>/", "declare"),
            *super().get_urls(),
        ]

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
            except ValidationError as error:
                self._add_errors(form, error)
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


def _what_follows(change: EmergencyChange) -> str:
    if change.approver is not None:
        return f"{change.approver} must now confirm it in writing; you may start."
    if change.asked_approver is not None:
        return f"{change.asked_approver} is asked now."
    return "No Lead may decide on its systems: ask a Role Administrator to grant it to one."
