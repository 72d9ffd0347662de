"""Odd values for every kind of form field, and ordinary ones to put beside them."""

from collections.abc import Iterator
from typing import Any

from django import forms

NUL = "a\0b"
LONG = "x" * 10_001
STRANGE = "🔥 ‮ שלום عربى ‎<script>alert(1)</script> {{ 7|add:1 }} %s ' OR 1=1 --\u2028"
HUGE = str(10**30)
MOMENTS = ("0001-01-01T00:00",)
DAYS = ("9999-12-31",)
KEYS = (HUGE, NUL)

ORDINARY = {
    "username": "mallory", "email": "mallory@example.test", "password": "correct horse battery",
    "time_zone": "Europe/Berlin", "addresses": "",
    "began_at": "2025-01-06T10:00", "begins_at": "2025-01-06T10:00", "ends_at": "2099-01-05T10:00",
    "no_deviations": "on", "skipped": "Load test", "why": "No time.", "channel": "phone",
}  # fmt: skip


WORDS = {"reason", "title", "name", "description", "scope", "skipped", "why", "watched", "text",
         "said", "why_not_normal", "rollback_plan", "first_name", "title_1", "lessons"}  # fmt: skip
"""Fields that take any words; these are expected to be recorded, not refused."""


def is_text(field: forms.Field) -> bool:
    return isinstance(field, forms.CharField) and not isinstance(
        field, (forms.URLField, forms.EmailField)
    )


def ordinary(form: forms.BaseForm) -> dict[str, Any]:
    """Return an answer to every field that has one to give; evidence is a pasted text."""
    return {
        name: value
        for name, field in form.fields.items()
        if (value := _ordinary(form, name, field)) not in (None, "")
    }


def _ordinary(form: forms.BaseForm, name: str, field: forms.Field) -> Any:
    if name == "fingerprint":
        return field.initial
    if name == "no_deviations" and "skipped" in form.fields:
        return None
    if name in ORDINARY:
        return ORDINARY[name]
    if isinstance(field, forms.ChoiceField):
        return _choice(field)
    if isinstance(field, forms.IntegerField):
        return field.min_value if field.min_value and field.min_value > 0 else 1
    if isinstance(field, forms.DateField):
        return "2099-01-05" if field.required or name == "catch_up_on" else None
    if isinstance(field, (forms.DateTimeField, forms.FileField, forms.URLField)):
        return None
    return "on" if isinstance(field, forms.BooleanField) else "Some words"


def _choice(field: forms.ChoiceField) -> Any:
    if isinstance(field, forms.ModelMultipleChoiceField):
        return [record.pk for record in field.queryset[:1]]
    if isinstance(field, forms.ModelChoiceField):
        return getattr(field.queryset.first(), "pk", None)
    return next(str(key) for key, _words in field.choices if key != "")


def variants(form: forms.BaseForm) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a name and the answers, odd in one respect each."""
    base = ordinary(form)
    texts = [name for name, field in form.fields.items() if is_text(field)]
    yield "everything NUL", dict.fromkeys(form.fields, NUL)
    yield "everything strange", dict.fromkeys(form.fields, STRANGE)
    yield "every text long", {**base, **dict.fromkeys(texts, LONG)}
    yield "strange words", {**base, **{name: STRANGE for name in texts if name in WORDS}}
    for name, field in form.fields.items():
        for value in _odd(field):
            yield f"{name} {value!r:.40}", {**base, name: value}


def _odd(field: forms.Field) -> tuple[Any, ...]:
    if isinstance(field, forms.DateTimeField):
        return MOMENTS
    if isinstance(field, forms.DateField):
        return DAYS
    if isinstance(field, forms.ModelMultipleChoiceField):
        return tuple([key] for key in KEYS)
    if isinstance(field, forms.ModelChoiceField):
        return KEYS
    if isinstance(field, forms.IntegerField):
        return (HUGE, "-1", "1e3", "١")
    if isinstance(field, forms.URLField):
        return ("http://[::1", "https://" + "a" * 3000, "https://🔥.example.test/‮")
    return ()
