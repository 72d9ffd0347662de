"""How every record of the process is shown: a page to read, and a page for each act."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern

from ecportal import drafts, panels
from ecportal.accounts.models import User
from ecportal.forms import ActForm, AskingForm, PlainAct
from ecportal.lifecycle import Lifecycle, TransitionRefused
from ecportal.panels import Button
from ecportal.records import ReadOnlyAdmin
from ecportal.refusals import NoSuchPage, Refused
from ecportal.site import signed_in
from ecportal.story import order_asked, tell
from ecportal.timeline import Entry, timeline

__all__ = ["CROWDED", "LifecycleAdmin", "ReadOnlyAdmin"]

CROWDED = (
    "Somebody changed this at the same moment. Nothing was saved; load the page again and look "
    "before you repeat it."
)


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
