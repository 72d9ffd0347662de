"""The form of an act: a reason, when it happened, and whatever the verb asks besides."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import DataError
from django.db.models import Model

from ecportal.accounts.models import User
from ecportal.lifecycle import REASON_LIMIT

LOG_LIMIT = 1_000_000
"""Characters of a pasted log; what is longer is attached as a file."""

OTHER_CENTURY = "Enter a date between 2000 and 2199."
CLOCK_FIELDS = ("reason", "happened_at")


reads_as_written = RegexValidator(
    "[\u202a-\u202e\u2066-\u2069]",
    "Remove the invisible characters that change the reading direction: the approver would read "
    "something else than what is stored.",
    inverse_match=True,
)


class MomentInput(forms.DateTimeInput):
    """The browser's own picker; its value is read in the reader's time zone."""

    input_type = "datetime-local"

    def __init__(self, *, now: bool = False) -> None:
        super().__init__(format="%Y-%m-%dT%H:%M")
        self.now = now


class DayInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class MomentField(forms.DateTimeField):
    """A time in the reader's zone, within the centuries in which the portal can be used."""

    widget = MomentInput

    def to_python(self, value: Any) -> Any:
        try:
            found = super().to_python(value)
        except OverflowError:
            raise ValidationError(OTHER_CENTURY) from None
        return _of_our_time(found)


class DayField(forms.DateField):
    widget = DayInput

    def to_python(self, value: Any) -> Any:
        return _of_our_time(super().to_python(value))


def _of_our_time(value: Any) -> Any:
    if value is not None and not 2000 <= value.year < 2200:
        raise ValidationError(OTHER_CENTURY)
    return value


class Choices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Several records to tick; a number that no record can have is none of them."""

    widget = forms.CheckboxSelectMultiple

    def _check_values(self, value: Any) -> Any:
        try:
            return super()._check_values(value)  # type: ignore[misc]
        except (OverflowError, DataError):
            raise ValidationError("One of these does not exist. Choose from the list.") from None


class Cards(forms.RadioSelect):
    """Answers to choose from, each with a line on when it is the right one.

    `look` says how they stand: as "cards", or as "segments" where the words are short.
    """

    def __init__(self, hints: Mapping[str, str] | None = None, look: str = "cards") -> None:
        super().__init__()
        self.hints = dict(hints or {})
        self.look = look

    def create_option(self, name: str, value: Any, *args: Any, **options: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **options)
        option["hint"] = self.hints.get(str(value), "")
        if option["index"] != "0":
            option["attrs"].pop("autofocus", None)
        return option


def moment(
    label: str, *, required: bool = False, help_text: str = "", now: bool = False
) -> forms.DateTimeField:
    """Return a field for a time; `now` says that it is now unless somebody enters another."""
    return MomentField(
        label=label, required=required, help_text=help_text, widget=MomentInput(now=now)
    )


def words(
    label: str,
    *,
    required: bool = True,
    help_text: str = "",
    rows: int = 3,
    limit: int = REASON_LIMIT,
) -> forms.CharField:
    """Return a field for sentences or logs.

    The limit is the server's to state: a browser's own would cut a pasted log without a word.
    """
    return forms.CharField(
        label=label,
        required=required,
        validators=[MaxLengthValidator(limit), reads_as_written],
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": rows}),
    )


def link(label: str, *, help_text: str = "", limit: int = 2000) -> forms.URLField:
    return forms.URLField(
        label=label, required=False, max_length=limit, assume_scheme="https", help_text=help_text
    )


WHAT_TO_ENTER: Sequence[tuple[type[forms.Field] | type[forms.Widget], str]] = (
    (forms.MultipleChoiceField, "Choose at least one."),
    (forms.ModelMultipleChoiceField, "Choose at least one."),
    (forms.ChoiceField, "Choose one."),
    (forms.ModelChoiceField, "Choose one."),
    (forms.DateTimeField, "Enter a date and a time."),
    (forms.DateField, "Enter a day."),
    (forms.IntegerField, "Enter a number."),
    (forms.Textarea, "Answer in a sentence."),
    (forms.Field, "Fill this in."),
)


class AskingForm(forms.Form):
    """Says at an empty answer what to enter there, instead of that a field is required."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("label_suffix", "")
        super().__init__(*args, **options)
        for field in self.fields.values():
            self._say_what_to_enter(field)

    @staticmethod
    def _say_what_to_enter(field: forms.Field) -> None:
        either = (field, field.widget)
        field.error_messages["required"] = next(
            sentence
            for kind, sentence in WHAT_TO_ENTER
            if any(isinstance(one, kind) for one in either)
        )

    def sentences(self) -> dict[str, str]:
        """Return what is wrong in words, by field; "__all__" is what belongs to none."""
        return {name: " ".join(map(str, found)) for name, found in self.errors.items()}


class ActForm(AskingForm):
    """Asks for one act on `record` by `user`.

    `on_record` names the fields that a creating act writes onto the new record; all others except
    the reason and the time go to the act as its data. `from_link` names those that the address of
    the page may fill in.
    """

    reason = words("Why")
    happened_at = moment("When", now=True)

    asks_when = True
    intro = ""
    on_record: tuple[str, ...] = ()
    from_link: tuple[str, ...] = ()

    def __init__(self, *args: Any, record: Model, user: User, **options: Any) -> None:
        self.record, self.user = record, user
        super().__init__(*args, **options)
        if not self.asks_when:
            del self.fields["happened_at"]
        order = [name for name in self.fields if name not in CLOCK_FIELDS]
        self.order_fields([*order, *CLOCK_FIELDS])
        self.prepare()

    def prepare(self) -> None:
        """Fill in what depends on the record and the person."""

    def act_data(self) -> dict[str, Any]:
        """Return what the act carries besides the reason, the time and the record's own fields."""
        taken = {*CLOCK_FIELDS, *self.on_record}
        return {name: value for name, value in self.cleaned_data.items() if name not in taken}

    def reason_given(self) -> str:
        return str(self.cleaned_data["reason"])


class RevisingForm(ActForm):
    """Starts from the values that the record has."""

    asks_when = False

    def prepare(self) -> None:
        for name in self.fields:
            if name not in CLOCK_FIELDS and hasattr(self.record, name):
                self.fields[name].initial = getattr(self.record, name)


class PlainAct(ActForm):
    """Nothing but a reason, dated now."""

    asks_when = False
