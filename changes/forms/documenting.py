"""What may be typed to verify, document and correct a change."""

import hashlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from changes.evidence_types import TEXT, content_type
from changes.models import Correction, EmergencyChange, Evidence
from ecportal.accounts.models import User
from ecportal.forms import LOG_LIMIT, ActForm, PlainAct, link, moment, reads_as_written, words
from incidents.forms import people


class CheckForm(ActForm):
    watched = words("What was watched?", rows=2, help_text="Dashboards, error rates, user reports.")
    reason = words("What did it show?", rows=2)
    link = link("Link to what was watched")
    happened_at = moment("When did you look?", now=True)

    def prepare(self) -> None:
        """Start from what was watched the last time: it is usually the same dashboard."""
        assert isinstance(self.record, EmergencyChange)
        self.order_fields(["watched", "reason", "happened_at", "link"])
        last = self.record.checks.last()
        if last is not None:
            self.initial.setdefault("watched", last.watched)
            self.initial.setdefault("link", last.link)


class SeveralFiles(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once; its value is their list."""

    widget = SeveralFiles

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given = data if isinstance(data, list | tuple) else [data]
        found = [super(FilesField, self).clean(one, initial) for one in given]
        return [one for one in found if one]


class EvidenceForm(ActForm):
    at_once = 10
    """How many files may be attached together."""

    kind = forms.ChoiceField(label="Kind", choices=Evidence.Kind)
    description = forms.CharField(
        label="What it proves", max_length=300, validators=[reads_as_written]
    )
    source_system = forms.CharField(
        label="Source system", max_length=100, required=False,
        help_text="Such as Grafana, GitHub Actions, the console.",
    )  # fmt: skip
    file = FilesField(
        label="Files", required=False, allow_empty_file=False, max_length=255,
        help_text=f"Any kind, up to {filesizeformat(settings.EVIDENCE_MAX_BYTES)} each. Images, "
        "text and PDF can be looked at here, the rest is downloaded.",
    )  # fmt: skip
    link = link("Or a link")
    text = words("Or a pasted log", required=False, limit=LOG_LIMIT)
    reason = words("Comment", required=False, rows=2)
    happened_at = moment("Captured at", now=True)

    def prepare(self) -> None:
        self.order_fields([
            "supersedes", "description", "kind", "file", "link", "text", "source_system",
            "happened_at", "reason",
        ])  # fmt: skip
        limit = settings.EVIDENCE_MAX_BYTES
        too_large = f"This file is too large. Attach at most {filesizeformat(limit)}."
        if self.at_once == 1:
            self.fields["file"].widget = forms.FileInput()
        self.fields["file"].widget.attrs.update({
            "data-limit": limit, "data-too-large": too_large, "data-at-once": self.at_once,
        })  # fmt: skip

    def clean_file(self) -> list[Any]:
        uploads: list[Any] = self.cleaned_data["file"]
        if len(uploads) > self.at_once:
            raise forms.ValidationError(f"Attach at most {self.at_once} files at once.")
        for upload in uploads:
            if (upload.size or 0) > settings.EVIDENCE_MAX_BYTES:
                limit = filesizeformat(settings.EVIDENCE_MAX_BYTES)
                which = "This file" if len(uploads) == 1 else _name(upload)
                raise forms.ValidationError(
                    f"{which} is too large. Attach at most {limit}; a longer log can be split, or "
                    "kept where it is and linked."
                )
        return uploads

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        given = [name for name in ("file", "link", "text") if data.get(name)]
        if len(given) != 1 and not self.errors:
            raise forms.ValidationError(
                "Attach exactly one thing at a time: files, a link or a pasted log."
            )
        self.said = self._said_of_each()
        return data

    def _said_of_each(self) -> list[str]:
        """Return what was typed about each of several files, in their order."""
        typed = self.data.getlist("about") if hasattr(self.data, "getlist") else []
        field = self.fields["description"]
        try:
            return [str(field.clean(one)) if one.strip() else "" for one in typed[: self.at_once]]
        except forms.ValidationError as error:
            self.add_error("description", error)
            return []

    def reason_given(self) -> str:
        return self.cleaned_data["reason"] or f"Attached: {self.cleaned_data['description']}"

    def pieces(self) -> Iterator[dict[str, Any]]:
        """Yield what the act carries, once for each piece: a link, a log, or each of the files."""
        data, files = super().act_data(), self.cleaned_data["file"]
        if data["text"]:
            content = data["text"].encode()
            data.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
            data["content_type"] = TEXT
        if not files:
            yield {**data, "file": None}
        for place, upload in enumerate(files):
            own = self.said[place] if place < len(self.said) else ""
            if len(files) > 1:
                own = own or f"{data['description']} ({_name(upload)})"[:300]
            yield {**data, **_kept(upload), "description": own or data["description"]}


def _name(upload: Any) -> str:
    return PurePath(upload.name or "file").name[:255]


def _kept(upload: Any) -> dict[str, Any]:
    """Digest a file while it streams, and name it by its digest for the store."""
    digest, head = hashlib.sha256(), b""
    for chunk in upload.chunks():
        digest.update(chunk)
        head = head or chunk
    upload.seek(0)
    kept = {
        "file": upload,
        "file_name": _name(upload),
        "size": upload.size,
        "sha256": digest.hexdigest(),
        "content_type": content_type(head),
    }
    upload.name = kept["sha256"]
    return kept


class SupersedeForm(EvidenceForm):
    """A new version of something attached before; starts from what the old one says."""

    at_once = 1
    from_link = ("supersedes",)
    supersedes = forms.ModelChoiceField(label="What does it replace?", queryset=Evidence.objects)
    reason = words("Why is it replaced?", rows=2)

    def prepare(self) -> None:
        super().prepare()
        current = Evidence.objects.filter(change_id=self.record.pk, superseded_by=None)
        self.fields["supersedes"].queryset = current  # type: ignore[attr-defined]
        chosen = str(self.initial.get("supersedes", ""))
        old = current.filter(pk=int(chosen[:18])).first() if chosen.isdecimal() else None
        if old is not None:
            for name in ("kind", "description", "source_system"):
                self.initial.setdefault(name, getattr(old, name))


class DocumentForm(ActForm):
    rollback_actions = words(
        "Rollback actions taken", rows=2, help_text="“None” if nothing was rolled back."
    )
    reason = words("What is the result?")
    asks_when = False

    def prepare(self) -> None:
        assert isinstance(self.record, EmergencyChange)
        self.order_fields(["reason", "rollback_actions"])
        if self.record.outcome == EmergencyChange.Outcome.SUCCESSFUL:
            self.fields["rollback_actions"].initial = "None."


class CorrectForm(PlainAct):
    part = forms.ChoiceField(label="What does it correct?", choices=Correction.Part)
    reason = words("The correction")


class ShareForm(PlainAct):
    person = forms.ModelChoiceField(queryset=User.objects.none())

    def prepare(self) -> None:
        programs = User.objects.filter(is_active=True, is_service=True)
        self.fields["person"].queryset = people() | programs  # type: ignore[attr-defined]
