"""An auditor's work over HTTP: population, files, sample, requests, certificate."""

import hashlib
import io
import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from guardian.shortcuts import assign_perm

from changes.models import EmergencyChange
from ecportal import clock
from reviews.models import Population, Sample, SampleItem
from tests.pages.conftest import SignIn
from tests.pages.walk import Person, error_at, sentences
from tests.pages.world import act, counts, page
from tests.reviews.populations import days, generated, sampled
from tests.scenario import Company, Journey, a_change, a_draft, person

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


def none_occurred(population: Population, form: str = "") -> str:
    return f"/admin/reviews/population/{population.pk}/none-occurred/{form}"


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


# --- forms --------------------------------------------------------------------------------------
def test_period_form_proposes_the_last_quarter(company: Company) -> None:
    text = Person(company.auditor).open(ADD).content.decode()
    assert len(re.findall(r'type="date" name="\w+" value="20\d\d-\d\d-\d\d"', text)) == 2


@pytest.mark.parametrize(
    ("answers", "field", "said"),
    [
        ({"first_day": ""}, "first_day", "This field is required."),
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
    assert "before it begins on" in sentences(response)


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
        "population": "No population yet. Generate one for a period.",
        "sample": "No sample yet. An Auditor draws one from a population.",
        "sampleitem": "No change is in a sample yet.",
    }
    for name, sentence in said.items():
        assert sentence in sentences(auditor.open(f"/admin/reviews/{name}/"))
    shown = sentences(auditor.open(page(generate(auditor, **period(first=900, last=800)))))
    assert "No emergency change was opened in this period." in shown
    assert "Certificate: none occurred" in shown


def test_missing_number_is_red_on_the_page(company: Company) -> None:
    changes = [a_draft(company) for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute("UPDATE changes_emergencychange SET number = 'EC-1999-0001', opened_at = "
                       "'1999-01-01 00:00:00+00:00' WHERE id = %s", [changes[1].pk])  # fmt: skip
    shown = sentences(Person(company.auditor).open(page(generated(company))))
    assert f"Missing: {changes[1].number}" in shown
    assert "1 missing number" in re.sub(r"\s+", " ", shown)


# --- who sees what ------------------------------------------------------------------------------
def test_confidential_change_is_listed_whole_for_those_who_may_see_it(company: Company) -> None:
    a_draft(company, confidential=True, title="Zeppelin")
    population = generated(company)
    for user in (company.auditor, company.lead):
        reader = Person(user)
        assert "Zeppelin" in sentences(reader.open(page(population)))
        assert b"Zeppelin" in body(reader.open(file_of(population, "csv")))


def test_confidential_change_is_a_number_for_those_who_may_not(company: Company) -> None:
    hidden = a_draft(company, confidential=True, title="Zeppelin")
    a_draft(company, title="Ordinary")
    population = generated(company)
    reader = Person(person("root", is_superuser=True))
    shown = sentences(reader.open(page(population), again=1))
    assert "Zeppelin" not in shown
    assert hidden.number in shown
    assert "1 change redacted for you" in re.sub(r"\s+", " ", shown)
    for form in ("csv", "json", "xlsx"):
        data = body(reader.open(file_of(population, form)))
        assert b"Zeppelin" not in data
        assert hidden.number.encode() in data
        assert b"Ordinary" in data
    proof = json.loads(reader.open(f"/admin/reviews/population/{population.pk}/proof/").content)
    assert proof["redacted_for_this_reader"] == 1
    redacted = body(reader.open(file_of(population, "csv")))
    assert proof["files"]["csv"]["sha256"] == hashlib.sha256(redacted).hexdigest()
    assert proof["files"]["csv"]["sha256_when_generated"] == population.sha256_csv


def test_engineer_sees_of_a_sample_only_what_they_may(company: Company, signed_in: SignIn) -> None:
    hidden = a_draft(company, confidential=True, title="Zeppelin")
    plain = a_draft(company)
    population = generated(company)
    sample = sampled(company, population, numbers=[hidden.number, plain.number])
    auditor = Person(company.auditor)
    for item in sample.items.all():
        auditor.send(act(item, "request"), reason=f"About {item.change.title}")
    engineer = Person(company.engineer2)
    shown = sentences(engineer.open(page(sample)))
    assert hidden.number in shown
    assert "About Zeppelin" not in shown + sentences(engineer.open("/admin/"))
    item = SampleItem.objects.get(change=hidden)
    for address in (page(item), act(item, "answer"), page(item, "history")):
        engineer.open(address, status=404)
    assert signed_in(company.engineer2).get(page(population)).status_code == 403
    assign_perm("changes.view_emergencychange", company.engineer2, hidden)
    assert "About Zeppelin" in sentences(engineer.open(page(sample)))


@pytest.mark.parametrize("name", ["engineer", "roleadmin"])
def test_others_get_no_population_by_any_door(
    company: Company, signed_in: SignIn, name: str
) -> None:
    a_draft(company)
    population = generated(company)
    client, before = signed_in(getattr(company, name)), counts()
    doors = ["/admin/reviews/population/", ADD, page(population), file_of(population, "csv"),
             f"/admin/reviews/population/{population.pk}/proof/", none_occurred(population),
             none_occurred(population, "json/")]  # fmt: skip
    for address in doors:
        assert client.get(address).status_code == 403, address
    assert client.post(ADD, period()).status_code == 403
    assert client.post(DRAW, {"population": population.pk}).status_code == 403
    assert counts() == before


def test_auditor_outside_their_dates_gets_nothing(company: Company) -> None:
    population = generated(company)
    auditor = Person(company.auditor)
    company.auditor.access_until = clock.now() - timedelta(minutes=1)
    company.auditor.save()
    for address in (page(population), file_of(population, "csv")):
        auditor.open(address, status=302)


@pytest.mark.parametrize("form", ["pdf", "CSV", "csv2"])
def test_unknown_format_is_not_found(company: Company, form: str) -> None:
    Person(company.auditor).open(file_of(generated(company), form), status=404)


# --- none occurred ------------------------------------------------------------------------------
def test_certificate_is_given_as_page_and_as_json(company: Company) -> None:
    population = generated(company, days("2020-01-01", "2020-03-31"))
    auditor = Person(company.auditor)
    shown = sentences(auditor.open(none_occurred(population)))
    assert "No emergency change was opened from 2020-01-01 to 2020-03-31" in shown
    assert "production deployments and tickets" in shown
    document = json.loads(auditor.open(none_occurred(population, "json/")).content)
    assert document["certificate"] == "None occurred"
    assert document["statement"] in shown


def test_certificate_is_refused_with_a_sentence(company: Company) -> None:
    a_draft(company)
    population = generated(company)
    auditor = Person(company.auditor)
    said = "so it cannot be certified that none occurred."
    assert said in sentences(auditor.open(none_occurred(population), status=409))
    assert said in sentences(auditor.open(none_occurred(population, "json/"), status=409))


def test_reading_changes_nothing(company: Company, signed_in: SignIn) -> None:
    a_draft(company)
    population = generated(company)
    sample = sampled(company, population, seed="s", size=1)
    client, before = signed_in(company.auditor), counts()
    addresses = [page(population), f"{page(population)}?again=1", page(sample),
                 none_occurred(population),
                 *(file_of(population, form) for form in ("csv", "json", "xlsx"))]  # fmt: skip
    for address in addresses:
        for method in (client.get, client.head, client.post):
            response: HttpResponse = method(address)
            assert response.status_code < 500, address
            io.BytesIO(body(response))
    assert counts() == before
    assert EmergencyChange.objects.count() == 1
