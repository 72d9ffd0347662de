"""How every record of the process is shown: a page to read, and a page for each act."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import (
    display_for_field,
    display_for_value,
    label_for_field,
    lookup_field,
    unquote,
)
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.defaultfilters import urlize
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from ecportal import drafts, lists, marks, navigation, panels
from ecportal.accounts.models import User
from ecportal.accounts.permissions import verbs_of
from ecportal.audit.badge import seal_of
from ecportal.audit.origins import origins
from ecportal.forms import ActForm, AskingForm, PlainAct
from ecportal.lifecycle import Lifecycle, TransitionRefused
from ecportal.lists import PreparedList
from ecportal.panels import Button
from ecportal.refusals import NoSuchPage, Refused
from ecportal.site import signed_in
from ecportal.story import order_asked, tell, under_days
from ecportal.timeline import Entry, history_page, timeline

READS_BODIES = "audit.view_auditcheckpoint"
"""Whoever may read the whole trail is told where each act came from."""

CROWDED = (
    "Somebody changed this at the same moment. Nothing was saved; load the page again and look "
    "before you repeat it."
)


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Shows records and changes none: no add, no change, no deletion, no bulk act."""

    actions = None
    show_facets = admin.ShowFacets.NEVER
    last_columns: Sequence[Any] = ()
    """Columns that stand behind those that higher apps add."""
    show_full_result_count = False
    list_per_page = 50
    list_max_show_all = 50
    record_template = "admin/record.html"
    sections: Sequence[tuple[str, Sequence[str]]] = ()
    """What the record's page shows of its own fields, by section, besides its panels."""
    empty_list = "Nothing is recorded here yet."

    def open_items(self, request: HttpRequest) -> models.QuerySet[Any] | None:
        """Return the records that somebody still owes something; the navigation counts them."""
        return None

    @admin.display(description="Status", ordering="status")
    def status_pill(self, record: Any) -> SafeString:
        return marks.status_pill(record)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Allow filters by the model's own fields alone: what points at it may be hidden."""
        first = lookup.partition("__")[0]
        if first in {field.name for field in self.opts.get_fields() if not field.concrete}:
            return False
        return super().lookup_allowed(lookup, value, request)

    def visible(self, request: HttpRequest, object_id: str) -> Any:
        """Return the record if it exists for this person; else there is no such page."""
        record = self.get_object(request, unquote(object_id))
        if record is None:
            raise Http404(f"No {self.opts.verbose_name} is at this address.")
        if not self.has_view_permission(request, record):
            raise PermissionDenied
        return record

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        return [*self.list_display, *lists.columns_of(self.model), *self.last_columns]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PreparedList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not _dates_exist(request):
            messages.warning(request, "There is no such date. All records are shown.")
            return redirect(request.path)
        entry = navigation.place_of(self.opts.label_lower)[1]
        title = entry.name or capfirst(self.opts.verbose_name_plural)
        heading, _stop, words = self.empty_list.partition(". ")
        context = {"title": title, "empty_heading": heading, "empty_words": words}
        context.update(extra_context or {})
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied("A record is changed by its acts alone, never as a whole.")
        record = self.visible(request, object_id)
        context = {**self.page(request, record, str(record)), **self.ways(request, record)}
        context["seal"] = seal_of(record)
        context["sections"] = self.read(request, record)
        context["panels"] = panels.draw(self.model, request, record)
        return TemplateResponse(request, self.record_template, context)

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        """Return what the person can do from the record's page, for its template."""
        return {}

    def page(self, request: HttpRequest, record: Any, title: str) -> dict[str, Any]:
        """Return what every page of a record needs."""
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "record": record,
            "title": title,
            "record_url": self.address(record) if record.pk else "",
            "history_url": self.address(record, "history") if record.pk else "",
            "list_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }

    def own(self, view: Any, route: str, page: str) -> URLPattern:
        """Return the pattern of a further page of these records, for whoever is signed in."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_{page}"
        pattern: URLPattern = path(route, self.admin_site.admin_view(view), name=name)
        return pattern

    def address(self, record: Any, page: str = "change", *args: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
        return reverse(name, args=[record.pk, *args])

    def read(
        self, request: HttpRequest, record: Any
    ) -> list[tuple[str, list[tuple[str, str | SafeString]]]]:
        """Return the record's own fields, as labels and values to show, by section."""
        return [
            (title, [self._read_field(name, record) for name in fields])
            for title, fields in self.sections
        ]

    def _read_field(self, name: str, record: Any) -> tuple[str, str | SafeString]:
        label = str(label_for_field(name, self.model, self))
        field, _attribute, value = lookup_field(name, record, self)
        if value is None or value == "":
            return label, self.admin_site.empty_value_display
        if isinstance(field, models.ForeignKey):
            return label, self._link(getattr(record, name))
        if isinstance(value, bool):
            return label, "Yes" if value else "No"
        if isinstance(field, models.Field):
            value = display_for_field(value, field, self.admin_site.empty_value_display)
        elif not isinstance(value, str):
            value = display_for_value(value, self.admin_site.empty_value_display)
        # What is markup already stays as it is: a link inside a link would break the page.
        return label, value if isinstance(value, SafeString) else urlize(value, autoescape=True)

    @staticmethod
    def _link(record: models.Model) -> str | SafeString:
        """Return the record in words, linked to its page where it has one."""
        meta = record._meta
        if not admin.site.is_registered(type(record)):
            return str(record)
        url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[record.pk])
        return format_html('<a href="{}">{}</a>', url, record)

    def in_words(self, record: Any, acts: list[Entry]) -> list[Entry]:
        """Return the acts with better words than their buttons give, where there are any."""
        return acts

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show what each act changed, read-only; there is no way back to an old version."""
        record = self.visible(request, object_id)
        context = self.page(request, record, f"History of {record}")
        page = history_page(record, request.GET.get("page"))
        acts = self.in_words(record, list(page))
        if READS_BODIES in verbs_of(signed_in(request)):
            known = origins(act.event for act in acts)
            acts = [replace(act, origin=known.get(act.event or 0, "")) for act in acts]
        context.update(seal=seal_of(record), page=page, days=under_days(acts))
        return TemplateResponse(request, "admin/history.html", context)


def _dates_exist(request: HttpRequest) -> bool:
    """Whether the date filter of a list's address names years, months and days that there are."""
    limits = {"year": range(1900, 2200), "month": range(1, 13), "day": range(1, 32)}
    for name in request.GET:
        limit, value = limits.get(name.rpartition("__")[2]), str(request.GET[name])
        if limit is not None and not (value.isdecimal() and int(value[:9]) in limit):
            return False
    return True


class LifecycleAdmin(ReadOnlyAdmin):
    """Adds a button and a page for each act that the person may do with the record."""

    lifecycle: Lifecycle[Any]
    creation: str = ""
    act_forms: dict[str, type[ActForm]] = {}
    act_template = "admin/act.html"
    side_verbs: frozenset[str] = frozenset()
    """Acts that can be done but are nobody's next step."""
    is_work = False
    """Whether somebody has to take the record through its steps; else its acts are only offered."""
    purposes: dict[str, str] = {}
    """Why each act is the next step, in a sentence, where its name does not say it."""
    shows_changes = False
    """Whether the record's page shows what each act changed, not only its history."""
    small_verbs: frozenset[str] = frozenset()
    """Acts that the record's page leaves to its history."""
    batch_verb = ""
    """The act of which the record's page tells a run by one person as one."""

    # --- which acts -----------------------------------------------------------------------------
    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(
            self.creation
            and self.lifecycle.permitted(self.model(), self.creation, signed_in(request))
        )

    def buttons(self, request: HttpRequest, record: Any) -> list[Button]:
        """Return the person's acts on the record in the table's order, refused ones included."""
        own = [
            Button(
                option.transition.words,
                self.act_address(record, verb := option.transition.verb),
                option.refusal,
                verb not in self.side_verbs,
                self.purposes.get(verb, ""),
                verb,
            )
            for option in self.lifecycle.options(record, signed_in(request))
        ]
        return [*panels.further_buttons(request, record), *own]

    def act_address(self, record: Any, verb: str) -> str:
        return self.address(record, "act", verb)

    def ways(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        found = self.buttons(request, record)
        ways = [button for button in found if not button.tool]
        steps = sorted((b for b in ways if b.is_step), key=lambda button: bool(button.refusal))
        main = next(iter(steps), None)
        locked = [button for button in steps[1:] if button.refusal]
        order = order_asked(request.GET.get("order"))
        return {
            "tools": [button for button in found if button.tool],
            "is_work": self.is_work,
            "next_step": main,
            "locked_steps": locked,
            "other_steps": [b for b in ways if b is not main and b not in locked],
            "doors": {b.verb: b.url for b in ways if b.verb and not b.refusal},
            "story": tell(self.acts(record), order, small=self.small_verbs, batch=self.batch_verb),
        }

    def acts(self, record: Any) -> list[Entry]:
        """Return what happened on the record, for its page."""
        acts = timeline(record, with_changes=self.shows_changes, with_seal=True)
        return self.in_words(record, acts)

    def get_urls(self) -> list[URLPattern]:
        act = self.own(self.act_view, "<path:object_id>/act/<slug:verb>/", "act")
        return [act, *super().get_urls()]

    # --- the page of an act ---------------------------------------------------------------------
    def act_view(self, request: HttpRequest, object_id: str, verb: str) -> HttpResponse:
        record = self.visible(request, object_id)
        rows = self.lifecycle.rows
        if not any(row.verb == verb and row.sources and not row.internal for row in rows):
            raise NoSuchPage(f"There is no act {verb}.")
        self._require(request, record, verb)
        return self._act_page(request, record, verb, self.lifecycle.current(record, verb).words)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        if not self.creation:
            raise PermissionDenied
        record = self.model()
        self._require(request, record, self.creation)
        return self._act_page(
            request, record, self.creation, self.lifecycle.verbs[self.creation].words
        )

    def _require(self, request: HttpRequest, record: Any, verb: str) -> None:
        if not self.lifecycle.permitted(record, verb, signed_in(request)):
            raise self._refused(record, verb)

    def _refused(self, record: Any, verb: str) -> Refused:
        words = self.lifecycle.verbs[verb].words.rstrip("…")
        return Refused(
            f"Your role does not include “{words}”.",
            words[:1].lower() + words[1:],
            f"{self.opts.app_label}.{verb}_{self.opts.model_name}",
            str(getattr(record, "number", "") or record) if record.pk else "",
            self.address(record) if record.pk else "",
        )

    def _act_page(self, request: HttpRequest, record: Any, verb: str, words: str) -> HttpResponse:
        form = self.form_of(request, record, verb)
        if request.method == "POST" and form.is_valid():
            said = self.done_already(request, record, verb, form)
            done = None if said else self.attempt(request, record, verb, form)
            if done is not None:
                said = f"{words.rstrip('…')}: recorded."
            elif not said:
                # Of two taps at once the other may have come first.
                said = self.done_already(request, record, verb, form)
            if said:
                self.message_user(request, said, messages.SUCCESS)
                return drafts.sent(request, self.after_act(done or record, verb))
            record = self.get_object(request, str(record.pk)) if record.pk else self.model()
        return self.show_act(request, record, verb, words, form)

    def done_already(
        self, request: HttpRequest, record: Any, verb: str, form: ActForm
    ) -> str | None:
        """Return a sentence where this very act of this person stands already; else None."""
        return None

    def form_of(self, request: HttpRequest, record: Any, verb: str) -> ActForm:
        """Return the form of the act, filled in by what was posted or by what a link may say."""
        again = verb == self.creation and record.pk is not None
        form_class = PlainAct if again else self.act_forms.get(verb, PlainAct)
        said = {name: request.GET[name] for name in form_class.from_link if name in request.GET}
        posted = (request.POST, request.FILES) if request.method == "POST" else ()
        form = form_class(*posted, record=record, user=signed_in(request), initial=said)
        return drafts.filled_in(request, form)

    def show_act(
        self, request: HttpRequest, record: Any, verb: str, words: str, form: ActForm
    ) -> TemplateResponse:
        context = self.page(request, record, words.rstrip("…"))
        refusal = self.lifecycle.refusal(record, verb, signed_in(request)) if record.pk else None
        context.update(form=form, verb=verb, words=words.rstrip("…"), refusal=refusal)
        context.update(drafts.of(request))
        status = 422 if form.errors else 200
        return TemplateResponse(request, self.act_template, context, status=status)

    def attempt(self, request: HttpRequest, record: Any, verb: str, form: ActForm) -> Any | None:
        """Do the act; on a refusal write it to the form and return None. Nothing is half-saved."""
        if record.pk is None:
            for name in form.on_record:
                setattr(record, name, form.cleaned_data[name])
        try:
            return self.perform(record, verb, signed_in(request), form)
        except TransitionRefused as refused:
            form.add_error(refused.field if refused.field in form.fields else None, str(refused))
        except ValidationError as error:
            self._add_errors(form, error)
        except IntegrityError:
            form.add_error(None, CROWDED)
        return None

    def perform(self, record: Any, verb: str, by: User, form: ActForm) -> Any:
        """Do what the form asks for, whole or not at all; raise TransitionRefused."""
        return self.lifecycle.perform(
            record,
            verb,
            by=by,
            reason=form.reason_given(),
            happened_at=form.cleaned_data.get("happened_at"),
            **form.act_data(),
        )

    @staticmethod
    def _add_errors(form: AskingForm, error: ValidationError) -> None:
        if not hasattr(error, "error_dict"):
            form.add_error(None, error)
            return
        for name, errors in error.error_dict.items():
            form.add_error(name if name in form.fields else None, errors)

    def after_act(self, record: Any, verb: str) -> str:
        return self.address(record)
