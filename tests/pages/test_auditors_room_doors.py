"""Who gets what of populations, samples and certificates, and that reading changes nothing."""

import hashlib
import io
import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.http import HttpResponse
from guardian.shortcuts import assign_perm

from changes.models import EmergencyChange
from ecportal import clock
from reviews.models import Population, SampleItem
from tests.pages.conftest import SignIn
from tests.pages.test_auditors_room import ADD, DRAW, body, file_of, period
from tests.pages.walk import Person, sentences
from tests.pages.world import act, counts, page
from tests.reviews.populations import days, generated, sampled
from tests.scenario import Company, a_draft, person

pytestmark = pytest.mark.once


def none_occurred(population: Population, form: str = "") -> str:
    return f"/admin/reviews/population/{population.pk}/none-occurred/{form}"


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
    assert "Production deployments and tickets" in shown
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


def test_altered_rows_are_not_handed_out_as_if_they_were_the_listed_ones(company: Company) -> None:
    a_draft(company, title="Ordinary")
    population = generated(company)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reviews_populationrow SET cells = REPLACE(cells, 'Ordinary', 'Odd')")
    auditor = Person(company.auditor)
    for form in ("csv", "json", "xlsx"):
        response = auditor.open(file_of(population, form), status=409)
        told = sentences(response)
        assert "no longer give the fingerprint" in told
        assert "Emergency changes" in told
        assert "#circle-alert" in response.content.decode()
