"""The duties matrix as it is drawn: one mark a duty, each kind of mark, and the rules below."""

import pytest

from changes.models import EmergencyChange
from ecportal.accounts import roles
from reviews.duties import breaches
from reviews.duties_grid import Grid, grid
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once


def drawn(change: EmergencyChange) -> Grid:
    change = EmergencyChange.objects.get(pk=change.pk)
    return grid(change, breaches(change))


def marks(found: Grid) -> dict[str, str]:
    return {row.name: "".join(row.marks) for row in found.rows}


def test_closed_change_has_one_mark_a_duty_under_its_person(company: Company) -> None:
    found = drawn(a_change(company, "closed"))
    assert [str(one) for one in found.people] == ["Engineer", "Lead", "Lead2"]
    assert [list(row.marks) for row in found.rows] == [
        ["did", "", ""], ["", "did", ""], ["did", "", ""], ["did", "", ""], ["did", "", ""],
        ["", "", "did"],
    ]  # fmt: skip
    assert {state for _rule, state in found.rules} == {"holds"}


def test_who_is_asked_is_planned_and_not_decided(company: Company) -> None:
    found = drawn(a_change(company, "submitted"))
    assert marks(found)["Approve"] == "planned"
    assert found.keys == [("did", "did it"), ("planned", "planned")]
    assert {state for _rule, state in found.rules} == {"open"}


def test_draft_has_its_requester_alone(company: Company) -> None:
    found = drawn(a_draft(company))
    assert marks(found) == {
        "Request": "did", "Approve": "", "Implement": "", "Verify": "", "Document": "",
        "Review": "",
    }  # fmt: skip


def test_claimed_approval_is_not_confirmed(company: Company) -> None:
    found = drawn(Journey(company, a_change(company, "submitted")).claim().change)
    assert marks(found)["Approve"] == "claimed"


def test_two_people_of_one_name_have_a_column_each(company: Company) -> None:
    namesake = person("lead9", roles.LEAD, first_name=company.engineer.first_name)
    change = Journey(company, a_change(company, "submitted")).approve(namesake).start().change
    found = grid(EmergencyChange.objects.get(pk=change.pk), ["There is a breach."])
    assert found.people == [company.engineer, namesake]
    assert (marks(found)["Request"], marks(found)["Approve"]) == ("did", "did")


def test_both_duties_of_one_hand_are_a_conflict(company: Company) -> None:
    both = person("both", roles.ENGINEER, roles.LEAD)
    journey = Journey(company, a_change(company, "submitted")).approve(both).start(both)
    found = drawn(journey.change)
    assert marks(found)["Approve"] == marks(found)["Implement"] == "conflict"
    assert marks(found)["Request"] == "did"
    assert dict(found.rules)["The approver is neither requester nor implementer"] == "broken"
