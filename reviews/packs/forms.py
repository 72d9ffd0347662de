"""What is asked for an evidence pack: which changes it is of."""

from django import forms
from django.http import HttpRequest

from ecportal.forms import DayField
from ecportal.site import signed_in
from reviews.models import Population
from reviews.packs.building import CannotBuild, Choice
from reviews.packs.choosing import of_numbers, of_period, of_population


class PackForm(forms.Form):
    """Asks which changes: by number, or by the days on which they were opened."""

    use_required_attribute = False
    numbers = forms.CharField(
        label="Changes",
        required=False,
        max_length=100_000,
        help_text="Their numbers, with spaces or commas between: EC-2026-0001, EC-2026-0002.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    population = forms.ModelChoiceField(
        queryset=Population.objects.all(), required=False, widget=forms.HiddenInput()
    )
    begins_on = DayField(label="Or all that were opened from", required=False)
    ends_on = DayField(
        label="Until", required=False, help_text="Days of the company’s time zone, both included."
    )

    def chosen(self, request: HttpRequest) -> Choice | None:
        """Return the choice, or None with an error on the form that says what is wrong."""
        data, by = self.cleaned_data, signed_in(request)
        days = (data["begins_on"], data["ends_on"])
        try:
            if data["population"]:
                return of_population(data["population"], by)
            if data["numbers"].strip() and any(days):
                raise CannotBuild("Name changes or a period, not both.")
            if any(days) and not all(days):
                raise CannotBuild("A period needs its first and its last day.")
            if all(days):
                return of_period(*days, by=by)
            return of_numbers(data["numbers"].replace(",", " ").split(), by)
        except CannotBuild as why:
            self.add_error(None, str(why))
            return None
