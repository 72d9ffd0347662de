"""What an auditor can type wrongly about a period or a draw, and what is filled in for them."""

import re

import pytest

from reviews.models import Population, Sample
from tests.pages.test_auditors_room import ADD, DRAW, period
from tests.pages.walk import Person, error_at, sentences
from tests.reviews.populations import generated
from tests.scenario import Company, a_draft

pytestmark = pytest.mark.once


def test_period_form_proposes_the_last_quarter(company: Company) -> None:
    text = Person(company.auditor).open(ADD).content.decode()
    assert len(re.findall(r'type="date" name="\w+" value="20\d\d-\d\d-\d\d"', text)) == 2


@pytest.mark.parametrize(
    ("answers", "field", "said"),
    [
        ({"first_day": ""}, "first_day", "Enter a day."),
        ({"first_day": "2026-02-30"}, "first_day", "Enter a valid date."),
        ({"last_day": "9999-12-31"}, "last_day", "Enter a date between 2000 and 2199."),
        ({"by": "deleted"}, "by", "is not one of the available choices."),
    ],
)
def test_period_that_cannot_be_is_refused_at_its_field(
    company: Company, answers: dict[str, str], field: str, said: str
) -> None:
    response = Person(company.auditor).send(ADD, **{**period(), **answers})
    assert response.status_code == 422
    assert said in error_at(response, field)
    assert not Population.objects.exists()


def test_period_that_ends_before_it_begins_is_refused(company: Company) -> None:
    response = Person(company.auditor).send(ADD, **period(first=1, last=2))
    assert response.status_code == 422
    assert "The period ends before it begins." in sentences(response)


@pytest.mark.parametrize(
    ("answers", "field", "said"),
    [
        ({"seed": " "}, "seed", "Enter a seed"),
        ({"size": ""}, "size", "Enter how many changes to draw."),
        ({"size": "2"}, "size", "Enter a sample size from 1 to 1."),
        ({"size": "0"}, "size", "greater than or equal to 1"),
        ({"method": "hand", "numbers": " , "}, "numbers", "Name at least one number."),
        ({"method": "hand", "numbers": "EC-1"}, "numbers", "EC-1: not among"),
    ],
)
def test_draw_that_cannot_be_is_refused_at_its_field(
    company: Company, answers: dict[str, str], field: str, said: str
) -> None:
    a_draft(company)
    given = {"population": generated(company).pk, "method": "seed", "frame": "all", "size": "1",
             "seed": "s", "numbers": ""}  # fmt: skip
    response = Person(company.auditor).send(DRAW, **{**given, **answers})
    assert response.status_code == 422
    assert said in error_at(response, field)
    assert not Sample.objects.exists()


def test_changes_ticked_in_the_list_are_filled_in(company: Company) -> None:
    numbers = [a_draft(company).number for _ in range(3)]
    population = generated(company)
    auditor = Person(company.auditor)
    ticked = "&".join(f"numbers={number}" for number in numbers[:2])
    shown = auditor.client.get(f"{DRAW}?population={population.pk}&method=hand&{ticked}")
    assert ", ".join(numbers[:2]) in shown.content.decode()
    sent = auditor.send(DRAW, population=population.pk, method="hand", frame="all",
                        numbers=", ".join(numbers[:2]))  # fmt: skip
    assert sent.status_code == 302, sentences(sent)
    assert Sample.objects.get().size == 2
