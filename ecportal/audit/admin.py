"""How the trail is shown: what happened, in words and as it was sealed, and the checkpoints."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern
from django.utils import timezone
from guardian.models import GroupObjectPermission, UserObjectPermission

from ecportal.admin import ReadOnlyAdmin
from ecportal.audit import attestation, drift, filters, membership, sign_in, words
from ecportal.audit.contents import Content, Key, model_of
from ecportal.audit.differences import visible
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.signed_note import SignedNote
from ecportal.audit.state import state_of_the_trail
from ecportal.lists import PreparedList

ABOUT_ACCOUNTS = (
    sign_in.LOGIN, sign_in.LOGOUT, sign_in.LOGIN_FAILED, sign_in.DENIED, membership.MEMBERSHIP,
)  # fmt: skip
"""The kinds of events that those see who are responsible for accounts alone."""

GRANTS = (UserObjectPermission, GroupObjectPermission)


class NoVersions(ReadOnlyAdmin):
    """Of what is never changed there is no history page."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        raise Http404("What is in the trail has no versions.")


def sees_everything(request: HttpRequest) -> bool:
    """Whether the person's role reads the whole trail; a superuser's rank alone does not count."""
    user: Any = request.user
    if not user.is_superuser:
        return bool(user.has_perm("audit.view_auditcheckpoint"))
    granted = Permission.objects.filter(group__user=user, content_type__app_label="audit")
    return granted.filter(codename="view_auditcheckpoint").exists()


def _pretty(content: Content) -> str:
    """Return the body over several lines, with marks of direction spelled out; for reading only."""
    if not content.body:
        return ""
    return visible(json.dumps(content.body, indent=2, ensure_ascii=False))


class EventList(PreparedList):
    """Reads the bodies of one page at once: their names and leaves take a few queries together."""

    model_admin: "EventAdmin"

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        events = list(self.result_list)
        contents = [Content.of(event) for event in events]
        names = self.model_admin.names_of(request, contents)
        leaves = AuditLeaf.objects.filter(event_id__in=[event.pk for event in events])
        places = dict(leaves.values_list("event_id", "idx"))
        for event, content in zip(events, contents, strict=True):
            event.content, event.leaf = content, places.get(event.pk)
            event.who_did = words.who(content, names)
            event.sentence = words.sentence(content, names, self.model_admin.labels(content))
        self.result_list = events


@admin.register(AuditEvent)
class EventAdmin(NoVersions):
    """Everything that happened, newest first, in words; each with what was hashed and sealed."""

    list_display = ("at", "person", "what", "kind_words", "place")
    list_display_links = ("at", "what")
    list_filter = (filters.RecordFilter, filters.KindFilter, filters.PeriodFilter)
    search_fields = ("body",)
    search_help_text = "A record’s number, a person, or the number of an event"
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    empty_list = "Nothing happened yet."
    record_template = "admin/audit/auditevent/record.html"
    change_list_template = "admin/audit/auditevent/change_list.html"

    @admin.display(description="When")
    def at(self, event: Any) -> str:
        moment = event.content.at
        return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}" if moment else "Unknown"

    @admin.display(description="Who")
    def person(self, event: Any) -> str:
        return str(event.who_did)

    @admin.display(description="What happened")
    def what(self, event: Any) -> str:
        return str(event.sentence)

    @admin.display(description="Kind")
    def kind_words(self, event: Any) -> str:
        return words.kind_in_words(event.kind)

    @admin.display(description="Seal")
    def place(self, event: Any) -> str:
        return "Not sealed yet" if event.leaf is None else f"Leaf {event.leaf}"

    # --- who sees what --------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return every event, or those about accounts and grants alone.

        The body of an act holds the whole record: whoever may not see each confidential change
        sees no bodies of records at all.
        """
        events = super().get_queryset(request)
        if sees_everything(request):
            return events
        people = drift.history_of(get_user_model())._meta.label_lower
        mine = Q(kind__in=ABOUT_ACCOUNTS) | Q(source=people)
        grants = [drift.history_of(model)._meta.label_lower for model in GRANTS]
        for kind in self._kinds_with_grants(request):
            mine |= Q(source__in=grants, body__contains=f'"content_type_id":{kind.pk},')
        return events.filter(mine)

    def _kinds_with_grants(self, request: HttpRequest) -> Iterable[ContentType]:
        """Return the kinds of records that the person's role shows; grants on others are hidden."""
        if request.user.is_superuser:
            return []
        return ContentType.objects.get_for_models(
            *(
                model
                for model in drift.tracked_models()
                if self.admin_site.is_registered(model)
                and self.admin_site.get_model_admin(model).has_view_permission(request)
            )
        ).values()

    # --- the list -------------------------------------------------------------------------------
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedList]:
        return EventList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        days = [request.GET[name] for name in (filters.FROM, filters.UNTIL) if name in request.GET]
        if any(day and filters.day_of(day) is None for day in days):
            messages.warning(request, "There is no such date. All events are shown.")
            return redirect(request.path)
        state = state_of_the_trail() if sees_everything(request) else None
        return super().changelist_view(request, {"state": state, **(extra_context or {})})

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = filters.of_people(term)
        if term.isdecimal() and len(term) < 19:
            found |= Q(pk=int(term))
        for record in self._numbered(request, term):
            found |= filters.of_record(record._meta.label_lower, str(record.pk)) or Q(pk__in=())
        return queryset.filter(found), False

    def _numbered(self, request: HttpRequest, number: str) -> Iterable[Any]:
        """Return the records of this number that the person may see."""
        for model, shown in self.admin_site._registry.items():
            names = {field.name for field in model._meta.concrete_fields}
            if "number" in names and shown.has_view_permission(request):
                yield from shown.get_queryset(request).filter(number__iexact=number)

    def record_named(self, request: HttpRequest, asked: str) -> str:
        """Return what a record is called that a link names, if the person may see it."""
        label, _colon, pk = asked.partition(":")
        key = (label, pk)
        return words.named(key, self._look_up(request, [key])) if model_of(label) else asked

    # --- names ----------------------------------------------------------------------------------
    def names_of(self, request: HttpRequest, contents: Iterable[Content]) -> words.Names:
        return self._look_up(request, (key for one in contents for key in one.names_wanted()))

    def _look_up(self, request: HttpRequest, keys: Iterable[Key]) -> dict[Key, str]:
        """Return what these records are called as far as the person may see them.

        One query for each kind of record, and one for what its list loads beside it.
        """
        wanted: dict[str, set[str]] = defaultdict(set)
        for label, pk in keys:
            if pk.isdecimal() and len(pk) < 19:
                wanted[label].add(pk)
        found = {}
        for label, pks in wanted.items():
            model = model_of(label)
            shown = self.admin_site._registry.get(model) if model else None
            if shown is None or not shown.has_view_permission(request):
                continue
            rows = shown.get_queryset(request).filter(pk__in=pks)
            if isinstance(shown.list_select_related, tuple):
                rows = rows.select_related(*shown.list_select_related)
            for row in rows:
                found[label, str(row.pk)] = str(getattr(row, "number", "") or row)
        return found

    def labels(self, content: Content) -> Mapping[str, str]:
        """Return the buttons of the record's lifecycle by verb."""
        model = model_of(content.record[0]) if content.record else None
        lifecycle = getattr(self.admin_site._registry.get(model), "lifecycle", None)  # type: ignore[arg-type]
        return {verb: row.words for verb, row in lifecycle.verbs.items()} if lifecycle else {}

    # --- one event ------------------------------------------------------------------------------
    def page(self, request: HttpRequest, record: Any, title: str) -> dict[str, Any]:
        content = Content.of(record)
        wanted = [*content.names_wanted(), *filter(None, [content.record])]
        names = self._look_up(request, wanted)
        leaf = AuditLeaf.objects.filter(event_id=record.pk).first()
        covering = AuditCheckpoint.objects.filter(size__gt=leaf.idx) if leaf else None
        told = words.sentence(content, names, self.labels(content))
        return {
            **super().page(request, record, f"Event {record.pk}"),
            "content": content,
            "who": words.who(content, names),
            "what": told,
            "kind": words.kind_in_words(record.kind),
            "pretty": _pretty(content),
            "mac_key": record.mac.partition(":")[0],
            "is_ours": record.body is not None and attestation.is_ours(record.body, record.mac),
            "leaf": leaf,
            "leaf_fits": leaf
            and record.body is not None
            and attestation.leaf_hash(record.body) == leaf.leaf_hash,
            "covering": covering.order_by("size").first() if covering is not None else None,
            "subject": self._subject(content, names),
            "sees_checkpoints": sees_everything(request),
        }

    def _subject(self, content: Content, names: words.Names) -> dict[str, str] | None:
        """Return the record that the event is about, with its page where the person may open it."""
        if content.record is None:
            return None
        model = model_of(content.record[0])
        shown = self.admin_site._registry.get(model) if model else None
        address = ""
        if isinstance(shown, ReadOnlyAdmin) and content.record in names:
            address = shown.address(model(pk=content.record[1]))  # type: ignore[misc]
        name = words.named(content.record, names)
        return {"name": name, "address": address, "filter": ":".join(content.record)}


@admin.register(AuditCheckpoint)
class CheckpointAdmin(NoVersions):
    """The signed roots, with what somebody outside needs to verify them."""

    list_display = ("leaves", "created_at", "short_root", "logs")
    list_display_links = ("leaves", "created_at")
    sortable_by = ()
    empty_list = "Nothing is signed yet. The sealer signs a checkpoint seconds after it starts."
    record_template = "admin/audit/auditcheckpoint/record.html"
    change_list_template = "admin/audit/auditcheckpoint/change_list.html"

    @admin.display(description="Leaves")
    def leaves(self, checkpoint: AuditCheckpoint) -> int:
        return checkpoint.size

    @admin.display(description="Root")
    def short_root(self, checkpoint: AuditCheckpoint) -> str:
        return f"{SignedNote(checkpoint.note).root[:16]}…"

    @admin.display(description="Signed by")
    def logs(self, checkpoint: AuditCheckpoint) -> str:
        return ", ".join(SignedNote(checkpoint.note).signers)

    def get_urls(self) -> list[URLPattern]:
        note = self.own(self.note_view, "<path:object_id>/note/", "note")
        return [note, *super().get_urls()]

    def note_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send the signed note as the file that the verifiers take."""
        checkpoint = self.visible(request, object_id)
        response = HttpResponse(checkpoint.note, content_type="text/plain; charset=utf-8")
        name = f"checkpoint-{checkpoint.size}.txt"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        extra = {"state": state_of_the_trail(), **(extra_context or {})}
        return super().changelist_view(request, extra)

    def page(self, request: HttpRequest, record: Any, title: str) -> dict[str, Any]:
        return {
            **super().page(request, record, f"Checkpoint of {record.size} leaves"),
            "note": SignedNote(record.note),
            "note_url": self.address(record, "note"),
            "state": state_of_the_trail(),
        }
