"""The certificate of an empty period: given only when it is true, reconciled with incidents."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecportal import clock
from incidents.lifecycle import INCIDENTS
from incidents.models import Incident
from reviews.models import Population, ReconciliationItem
from reviews.none_occurred import NotCertified, as_document, certify, sentence, sequence
from reviews.reconciled import Tally, tally_of
from reviews.reconciliation import reconcile
from reviews.reconciling import RECONCILIATIONS
from tests.reviews.populations import days, generated
from tests.reviews.test_reconciliation import deployed
from tests.scenario import Company, Journey, a_change, a_draft, an_incident, determined

pytestmark = pytest.mark.once

MARCH = ("2026-03-01", "2026-03-31")
NOON = datetime(2026, 3, 15, 11, tzinfo=UTC)
APRIL = datetime(2026, 4, 2, tzinfo=UTC)


def of_march(company: Company, by: str = "opened") -> Population:
    return generated(company, days(*MARCH, by))


def refusal(population: Population) -> str:
    with pytest.raises(NotCertified) as refused:
        certify(population)
    return str(refused.value)


def incident(company: Company, when: datetime = NOON, **values: Any) -> Incident:
    with clock.at(when):
        return an_incident(company, **values)


def test_empty_period_that_is_over_is_certified(company: Company) -> None:
    with clock.at(APRIL):
        certificate = certify(of_march(company))
        assert sentence(certificate) == (
            "No emergency change was opened from 2026-03-01 to 2026-03-31, both days included, in "
            "the time zone Europe/Berlin."
        )
        assert (certificate.incidents, certificate.open_points) == ([], [])
        assert sequence(certificate) == "No emergency change has ever been opened."


def test_certificate_of_a_period_with_a_change_is_refused(company: Company) -> None:
    with clock.at(NOON):
        a_change(company, "cancelled")
    with clock.at(APRIL):
        population = of_march(company)
        assert refusal(population) == (
            f"1 emergency change is listed in {population.number}, so it cannot be certified that "
            "none occurred."
        )


@pytest.mark.parametrize(("moment", "over"), [("21:59:59", False), ("22:00:00", True)])
def test_period_is_over_at_the_midnight_that_ends_its_last_day(
    company: Company, moment: str, over: bool
) -> None:
    with clock.at(datetime.fromisoformat(f"2026-03-31T{moment}").replace(tzinfo=UTC)):
        population = of_march(company)
        if over:
            assert certify(population).population == population
        else:
            assert refusal(population) == (
                "The period is not over. It ends on 2026-03-31 at 24:00 CEST; generate its "
                "population then."
            )


def test_population_of_a_running_period_is_generated_again(company: Company) -> None:
    with clock.at(NOON):
        population = of_march(company)
    with clock.at(APRIL):
        assert refusal(population) == (
            f"{population.number} was generated before its period was over. Generate it again."
        )


def test_change_recorded_into_the_period_later_takes_the_certificate_back(company: Company) -> None:
    with clock.at(NOON):
        journey = Journey(company, a_change(company, "implementing"))
    with clock.at(APRIL):
        population = of_march(company, "implemented")
        assert certify(population)
        journey.finish(happened_at=NOON + timedelta(hours=1))
        assert refusal(population) == (
            f"{journey.change.number} came into the period after {population.number} was "
            "generated, so it is not empty any more."
        )


def test_every_severity_1_incident_is_listed_with_its_determination(company: Company) -> None:
    normal = incident(company, title="False alarm")
    with clock.at(NOON):
        determined(company, normal, verdict="not_emergency", criterion="")
    nobody = incident(company)
    minor = incident(company, severity=2)
    other = incident(company, datetime(2026, 2, 1, tzinfo=UTC))
    with clock.at(APRIL):
        certificate = certify(of_march(company))
    assert [one.incident for one in certificate.incidents] == [normal, nobody]
    assert [one.open_point for one in certificate.incidents] == [
        "", "nobody has determined whether it was an emergency.",
    ]  # fmt: skip
    assert certificate.open_points == [
        f"{nobody.number}: nobody has determined whether it was an emergency."
    ]
    assert {minor, other}.isdisjoint(one.incident for one in certificate.incidents)


def test_tally_counts_incidents_with_a_change_without_need_of_one_and_open(
    company: Company,
) -> None:
    with clock.at(NOON):
        a_draft(company)
        a_draft(company, incident=an_incident(company))
        determined(company, an_incident(company), verdict="not_emergency", criterion="")
        still_open = an_incident(company)
    with clock.at(APRIL):
        assert tally_of(of_march(company)) == Tally(4, 2, 1, [still_open.number])


def test_incident_that_was_lowered_since_is_listed(company: Company) -> None:
    lowered = incident(company)
    values = {"title": lowered.title, "description": "", "source_url": "", "severity": 3}
    INCIDENTS.perform(lowered, "revise", by=company.engineer, reason="Not that bad.",
                      systems=[company.system], **values)  # fmt: skip
    lowered.refresh_from_db()
    assert lowered.severity == 3
    with clock.at(APRIL):
        assert [one.incident for one in certify(of_march(company)).incidents] == [lowered]


def test_emergency_without_a_change_is_an_open_point(company: Company) -> None:
    found = incident(company)
    with clock.at(NOON):
        determined(company, found)
    with clock.at(APRIL):
        (point,) = certify(of_march(company)).open_points
    assert point.endswith("determined an emergency, and no emergency change is linked to it.")


def test_emergency_whose_change_came_later_is_explained_by_it(company: Company) -> None:
    found = incident(company)
    with clock.at(APRIL):
        change = a_draft(company, incident=found)
        certificate = certify(of_march(company))
        assert certificate.open_points == []
        assert [one.changes for one in certificate.incidents] == [[change.number]]
        assert sequence(certificate) == (
            f"The first number ever, {change.number}, was given out after the period."
        )


def test_numbers_before_and_after_say_that_none_lies_between(company: Company) -> None:
    with clock.at(datetime(2026, 2, 1, tzinfo=UTC)):
        before = a_draft(company).number
    with clock.at(APRIL):
        after = a_draft(company).number
        assert sequence(certify(of_march(company))) == (
            f"{before} was the last number given out before the period began, and {after} the next "
            "one."
        )


def test_document_says_what_was_reconciled_and_what_was_not(company: Company) -> None:
    incident(company)
    with clock.at(APRIL):
        document = json.loads(json.dumps(as_document(certify(of_march(company)))))
    assert document["reconciled_with"].startswith("every incident")
    assert document["not_reconciled_with"].startswith("production deployments and tickets")
    assert document["incidents"][0]["severity_now"] == "SEV-1"
    assert (document["count"], len(document["open_points"])) == (0, 1)


def test_deployment_that_no_change_claims_is_an_open_point(company: Company) -> None:
    night = datetime(2026, 3, 14, 3, tzinfo=UTC)
    deployed(night)
    with clock.at(night + timedelta(minutes=1)):
        reconcile()
    with clock.at(APRIL):
        certificate = certify(of_march(company))
        document = as_document(certificate)
        assert "outside the change window" in certificate.open_points[0]
        assert document["production_deployments"] == 1
        assert document["not_reconciled_with"].startswith("tickets")
        item = ReconciliationItem.objects.get()
        RECONCILIATIONS.perform(item, "dismiss", by=company.lead, reason="A nightly robot.")
        settled = certify(of_march(company))
    assert settled.open_points == []
    assert as_document(settled)["reconciled"][0]["reason"] == "A nightly robot."
