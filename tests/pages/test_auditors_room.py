"""An auditor's work over HTTP: population, files, sample, requests, certificate."""

import hashlib
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews.models import Population, Sample
from tests.pages.walk import Person, sentences
from tests.pages.world import act, page
from tests.reviews.populations import generated, sampled
from tests.scenario import Company, Journey, a_change, a_draft, an_incident

pytestmark = pytest.mark.once

ADD = "/admin/reviews/population/add/"
DRAW = "/admin/reviews/sample/add/"


def period(first: int = 30, last: int = -1, by: str = "opened") -> dict[str, str]:
    """Return the answers of the period's form, in days before today."""
    today = timezone.localdate()
    ends = (today - timedelta(days=first), today - timedelta(days=last))
    return {"first_day": str(ends[0]), "last_day": str(ends[1]), "by": by}


def file_of(population: Population, form: str) -> str:
    return f"/admin/reviews/population/{population.pk}/file/{form}/"


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def generate(auditor: Person, **values: Any) -> Population:
    response = auditor.send(ADD, **(values or period()))
    assert response.status_code == 302, sentences(response)
    return Population.objects.latest("pk")


# --- the whole way ------------------------------------------------------------------------------
def test_auditor_gets_population_sample_and_answers_alone(company: Company) -> None:
    changes = [a_change(company, status) for status in ("closed", "closed", "submitted")]
    auditor = Person(company.auditor)
    assert "Generate a population" in sentences(auditor.open(ADD))
    population = generate(auditor)
    shown = sentences(auditor.open(page(population)))
    assert f"{changes[0].number} to {changes[-1].number}" in shown
    assert population.sha256_csv in shown

    form = sentences(auditor.open(DRAW, population=population.pk))
    seed = re.search(r'value="([0-9a-f]{16})"', auditor.open(DRAW).content.decode())
    assert "before anything is drawn" in form
    assert seed is not None
    drawn = auditor.send(DRAW, population=population.pk, method="seed", frame="not_cancelled",
                         size=2, seed=seed[1], numbers="")  # fmt: skip
    assert drawn.status_code == 302, sentences(drawn)
    sample = Sample.objects.get()
    assert (sample.seed, sample.items.count(), sample.drawn_by) == (seed[1], 2, company.auditor)

    item = sample.items.order_by("place")[0]
    asked = auditor.send(act(item, "request"), reason="Where is the call log?")
    assert asked["Location"] == page(sample)
    lead = Person(company.lead)
    assert "Where is the call log?" in sentences(lead.open("/admin/"))
    assert lead.send(act(item, "answer"), reason="On the change.").status_code == 302
    assert "An auditor asks" not in sentences(lead.open("/admin/"))
    told = sentences(auditor.open(page(sample)))
    assert "Where is the call log?" in told
    assert "On the change." in told
    assert "On the change." in sentences(auditor.open(page(item)))


def test_files_have_the_kept_fingerprints_whatever_happens_later(company: Company) -> None:
    change = a_change(company, "submitted", title="Müller’s 🔥 עברית")
    auditor = Person(company.auditor)
    population = generate(auditor)
    before = {form: body(auditor.open(file_of(population, form))) for form in ("csv", "json",
                                                                              "xlsx")}  # fmt: skip
    Journey(company, change).approve()
    a_draft(company)
    for form, data in before.items():
        response = auditor.open(file_of(population, form))
        assert body(response) == data
        assert hashlib.sha256(data).hexdigest() == population.sha256(form)
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Disposition"].startswith("attachment; filename=")
        assert response["Content-Disposition"].endswith(f'.{form}"')


def test_proof_stands_beside_the_files_and_says_what_came_since(company: Company) -> None:
    change = a_change(company, "submitted")
    auditor = Person(company.auditor)
    population = generate(auditor)
    proof = json.loads(auditor.open(f"/admin/reviews/population/{population.pk}/proof/").content)
    assert proof["run_again"]["same"]
    assert proof["files"]["csv"]["sha256"] == population.sha256_csv
    assert (proof["generated_by"], proof["count"]) == ("Auditor", 1)
    assert proof["query"] in sentences(auditor.open(page(population)))
    Journey(company, change).approve()
    late = a_draft(company)
    told = sentences(auditor.open(page(population)))
    assert "Came since" in told
    assert late.number in told
    again = sentences(auditor.open(page(population), again=1))
    assert f"Came into the period: {late.number}" in re.sub(r"\s+", " ", again)
    assert "reads differently: Status, Approved by" in re.sub(r"\s+", " ", again)
    proof = json.loads(auditor.open(f"/admin/reviews/population/{population.pk}/proof/").content)
    assert proof["run_again"]["came_since"] == [late.number]
    assert set(proof["run_again"]["read_differently"]) == {change.number}
    assert proof["files"]["csv"]["sha256"] == population.sha256_csv


def test_sample_is_drawn_on_the_page_of_the_population(company: Company) -> None:
    for _ in range(3):
        a_draft(company)
    auditor, population = Person(company.auditor), generated(company)
    html = auditor.open(page(population)).content.decode()
    form = html[html.index(f'action="{DRAW}" class="draw"') :]
    fields = dict(re.findall(r'name="(\w+)"[^>]* value="([^"]*)"', form[: form.index("</form>")]))
    assert set(fields) == {"population", "method", "frame", "seed"} | (
        {"csrfmiddlewaretoken"} & set(fields)
    )
    assert re.fullmatch("[0-9a-f]{16}", fields["seed"])
    response = auditor.send(DRAW, **fields, size="2")
    sample = Sample.objects.get()
    assert response["Location"] == page(sample)
    assert (sample.seed, sample.size, sample.frame_size) == (fields["seed"], 2, 3)
    refused = auditor.send(DRAW, **{**fields, "seed": ""}, size="9")
    assert refused.status_code == 422
    assert "Enter a seed" in sentences(refused)
    assert 'value="9"' in refused.content.decode()


def test_page_of_a_population_names_the_incidents_that_are_open(company: Company) -> None:
    a_draft(company)
    nobody = an_incident(company)
    told = re.sub(r"\s+", " ", sentences(Person(company.auditor).open(page(generated(company)))))
    assert f"2: 1 with an emergency change, 1 open : {nobody.number}".replace(" :", ":") in (
        told.replace(" ,", ",").replace(" :", ":")
    )


def test_whoever_may_not_draw_is_offered_no_draw(company: Company) -> None:
    a_draft(company)
    html = Person(company.lead).open(page(generated(company))).content.decode()
    assert DRAW not in html
    assert "Build the evidence pack" in html


# --- lists --------------------------------------------------------------------------------------
def test_rows_are_shown_fifty_a_page(company: Company) -> None:
    incident = a_draft(company).incident
    for _ in range(52):
        a_draft(company, incident=incident)
    population, auditor = generated(company), Person(company.auditor)
    pages = {n: auditor.open(page(population), page=n).content.decode() for n in (1, 2, "x", 99)}
    listed = {n: set(re.findall(r'name="numbers" value="([^"]+)"', text))
              for n, text in pages.items()}  # fmt: skip
    assert [len(listed[n]) for n in (1, 2)] == [50, 3]
    assert listed[1].isdisjoint(listed[2])
    assert (listed["x"], listed[99]) == (listed[1], listed[2])
    assert 'aria-current="page">2<' in pages[2]


def test_page_of_a_population_takes_as_many_queries_for_forty_rows_as_for_three(
    company: Company,
) -> None:
    auditor = Person(company.auditor)

    def numbers() -> list[int]:
        population = generated(company)
        listed = list(population.rows.values_list("number", flat=True))
        sample = sampled(company, population, numbers=listed)
        found = []
        for address in (page(population), f"{page(population)}?again=1", page(sample),
                        file_of(population, "csv")):  # fmt: skip
            with CaptureQueriesContext(connection) as caught:
                auditor.open(address)
            found.append(len(caught))
        return found

    for _ in range(3):
        a_change(company, "implemented")
    few = numbers()
    for _ in range(37):
        a_change(company, "implemented")
    assert numbers() == few
    assert max(few) <= 35, few


def test_empty_lists_say_what_to_do(company: Company) -> None:
    auditor = Person(company.auditor)
    said = {
        "population": "No population yet",
        "sample": "No sample yet",
        "sampleitem": "No change is in a sample yet",
    }
    for name, sentence in said.items():
        assert sentence in sentences(auditor.open(f"/admin/reviews/{name}/"))
    shown = sentences(auditor.open(page(generate(auditor, **period(first=900, last=800)))))
    assert "No emergency change was opened in this period" in shown
    assert "Certificate: none occurred" in shown


def test_missing_number_is_red_on_the_page(company: Company) -> None:
    changes = [a_draft(company) for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE changes_emergencychange SET number = 'EC-1999-0001', opened_at = "
                       "'1999-01-01 00:00:00+00:00' WHERE id = %s", [changes[1].pk])  # fmt: skip
    shown = sentences(Person(company.auditor).open(page(generated(company))))
    assert f"Missing: {changes[1].number}" in shown
    assert "2 numbers, 0 void, 1 gap" in re.sub(r"\s+", " ", shown)
