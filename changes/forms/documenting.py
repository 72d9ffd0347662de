"""What may be typed to verify, document and correct a change."""

import hashlib
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.template.defaultfilters import filesizeformat

from changes.evidence_types import TEXT, content_type
from changes.models import Correction, Evidence
from ecportal.accounts.models import User
from ecportal.forms import LOG_LIMIT, ActForm, PlainAct, link, moment, reads_as_written, words
from incidents.forms import people


class CheckForm(ActForm):
    watched = words("What was watched?", rows=2, help_text="Dashboards, error rates, user reports.")
    link = link("Link to what was watched")
    reason = words("What did it show?", rows=2)
    happened_at = moment("When did you look?", help_text="Empty means now.")


class EvidenceForm(ActForm):
    kind = forms.ChoiceField(label="Kind", choices=Evidence.Kind)
    description = forms.CharField(
        label="What it proves", max_length=300, validators=[reads_as_written]
    )
    source_system = forms.CharField(
        label="Source system", max_length=100, required=False,
        help_text="Such as Grafana, GitHub Actions, the console.",
    )  # fmt: skip
    file = forms.FileField(
        label="File", required=False, allow_empty_file=False, max_length=255,
        help_text=f"Any kind, up to {filesizeformat(settings.EVIDENCE_MAX_BYTES)}. Stored under "
        "its digest; images, text and PDF can be looked at here, the rest is downloaded.",
    )  # fmt: skip
    link = link("Or a link")
    text = words("Or a pasted log", required=False, limit=LOG_LIMIT)
    reason = words("Comment", required=False, rows=2)
    happened_at = moment("Captured at", help_text="Empty means now.")

    def prepare(self) -> None:
        self.order_fields([
            "supersedes", "description", "kind", "file", "link", "text", "source_system",
            "happened_at", "reason",
        ])  # fmt: skip
        limit = settings.EVIDENCE_MAX_BYTES
        words = f"This file is too large. Attach at most {filesizeformat(limit)}."
        self.fields["file"].widget.attrs.update({"data-limit": limit, "data-too-large": words})

    def clean_file(self) -> Any:
        upload: Any = self.cleaned_data.get("file")
        if upload is not None and (upload.size or 0) > settings.EVIDENCE_MAX_BYTES:
            limit = filesizeformat(settings.EVIDENCE_MAX_BYTES)
            raise forms.ValidationError(
                f"This file is too large. Attach at most {limit}; a longer log can be split, or "
                "kept where it is and linked."
            )
        return upload

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        given = [name for name in ("file", "link", "text") if data.get(name)]
        if len(given) != 1 and not self.errors:
            raise forms.ValidationError(
                "Attach exactly one thing at a time: a file, a link or a pasted log."
            )
        return data

    def reason_given(self) -> str:
        return self.cleaned_data["reason"] or f"Attached: {self.cleaned_data['description']}"

    def act_data(self) -> dict[str, Any]:
        """Digest what was given while it streams; name the stored file by its digest."""
        data = super().act_data()
        upload: Any = data["file"]
        if data["text"]:
            content = data["text"].encode()
            data.update(size=len(content), sha256=hashlib.sha256(content).hexdigest())
            data["content_type"] = TEXT
        if upload is not None:
            digest, head = hashlib.sha256(), b""
            for chunk in upload.chunks():
                digest.update(chunk)
                head = head or chunk
            upload.seek(0)
            data["file_name"] = PurePath(upload.name or "file").name[:255]
            data.update(size=upload.size, sha256=digest.hexdigest())
            data["content_type"] = content_type(head)
            upload.name = data["sha256"]
        return data


class SupersedeForm(EvidenceForm):
    """A new version of something attached before; starts from what the old one says."""

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
        self.order_fields(["reason", "rollback_actions"])


class CorrectForm(PlainAct):
    part = forms.ChoiceField(label="What does it correct?", choices=Correction.Part)
    reason = words("The correction")


class ShareForm(PlainAct):
    person = forms.ModelChoiceField(queryset=User.objects.none())

    def prepare(self) -> None:
        self.fields["person"].queryset = people()  # type: ignore[attr-defined]
