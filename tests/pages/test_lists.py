"""Lists: tabs with their numbers, what an empty one says, and what the list of changes shows."""

import re

import pytest

from changes.models import EmergencyChange
from ecportal.accounts import roles
from incidents.models import Incident
from reviews.models import ControlException, FollowUpAction, RetrospectiveReview
from tests.pages.walk import Person, sentences
from tests.pages.world import listing, lists
from tests.scenario import Company, Journey, a_change, a_draft, an_incident, person

pytestmark = pytest.mark.once

CHANGES = listing(EmergencyChange)


def tabs(person: Person, address: str) -> dict[str, int]:
    text = person.open(address).content.decode()
    found = re.findall(r"<li><a href=\"[^\"]*\"[^>]*>([A-Z][\w ]+?) \((\d+)\)</a>", text)
    return {words: int(number) for words, number in found}


def test_tabs_count_what_is_under_them(company: Company) -> None:
    a_change(company, "submitted")
    a_change(company, "closed")
    a_draft(company, title="Another")
    lead = Person(company.lead)
    assert tabs(lead, CHANGES) == {"Needs you": 1, "Open": 2, "Overdue": 0, "Closed": 1}
    assert tabs(lead, f"{CHANGES}?q=Another") == {
        "Needs you": 0, "Open": 1, "Overdue": 0, "Closed": 0,
    }  # fmt: skip
    shown = sentences(lead.open(f"{CHANGES}?show=open"))
    assert "2 emergency changes" in shown
    assert tabs(lead, f"{CHANGES}?show=open")["Closed"] == 1


def test_refused_change_is_not_open_and_one_that_was_sent_back_is(company: Company) -> None:
    refused = Journey(company, a_change(company, "submitted"))
    refused.do("reject", company.lead, rejection="refused",
               fingerprint=refused.change.fingerprint())  # fmt: skip
    lead = Person(company.lead)
    assert tabs(lead, CHANGES)["Open"] == 0
    sent_back = a_change(company, "rejected")
    assert tabs(lead, CHANGES)["Open"] == 1
    for change in (refused.change, sent_back):
        open_ones = EmergencyChange.objects.unfinished().filter(pk=change.pk)
        assert open_ones.exists() is not change.is_over


def test_tab_that_there_is_not_shows_nothing(company: Company) -> None:
    a_draft(company)
    for query in ("show=everything", "system=999", "system=abc"):
        assert "Nothing matches" in sentences(Person(company.lead).open(f"{CHANGES}?{query}"))


def test_changes_are_narrowed_to_one_system(company: Company) -> None:
    change = a_draft(company)
    person = Person(company.engineer)
    assert change.number in sentences(person.open(f"{CHANGES}?system={company.system.pk}"))


def test_row_of_a_change_says_who_is_waited_for_until_when_and_what_is_there(
    company: Company,
) -> None:
    change = a_change(company, "submitted")
    for user, who in ((company.lead, "You"), (company.engineer, str(company.lead))):
        text = sentences(Person(user).open(CHANGES))
        row = " ".join(text[text.index(change.title) :].split())
        for words in ("checkout, opened", "Waiting for approval", f"{who} to approve or reject",
                      "min left", "2 of 5", change.incident.number, "SEV-1"):  # fmt: skip
            assert words in row, (words, row[:300])


def test_row_says_you_to_the_one_person_it_means(company: Company) -> None:
    a_draft(company)
    namesake = person("engineer3", roles.ENGINEER, first_name=company.engineer.first_name)
    for user, who in ((company.engineer, "You"), (namesake, str(company.engineer))):
        shown = " ".join(sentences(Person(user).open(CHANGES)).split())
        assert f"{who} to ask for approval" in shown


def test_row_of_a_closed_change_says_how_its_review_was_held(company: Company) -> None:
    a_change(company, "closed")
    assert "Review on time" in sentences(Person(company.engineer).open(CHANGES))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (EmergencyChange, "No emergency change yet"),
        (Incident, "No incident is recorded"),
        (ControlException, "The process was followed throughout."),
        (FollowUpAction, "Reviews assign them."),
        (RetrospectiveReview, "No change was implemented yet"),
    ],
)
def test_empty_list_says_what_that_means(company: Company, model: type, words: str) -> None:
    text = Person(company.engineer).open(listing(model)).content.decode()
    assert words in text
    assert 'id="result_list"' not in text


def test_list_in_which_nothing_matches_says_so_and_leads_to_all(company: Company) -> None:
    an_incident(company)
    text = Person(company.engineer).open(listing(Incident), q="<nothing>").content.decode()
    assert "Nothing has “&lt;nothing&gt;” in what is looked through." in text
    assert f'<a class="btn" href="{listing(Incident)}">Show all</a>' in text


def test_no_list_loads_a_script_that_it_does_not_need(company: Company) -> None:
    Journey(company, a_draft(company)).submit()
    person = Person(company.auditor)
    for address in lists():
        text = person.open(address).content.decode()
        assert re.findall(r'<script src="[^"]*/([\w.]+)"', text) == ["theme.js"], address
        assert "<style" not in text


def test_cells_say_under_which_heading_they_stand(company: Company) -> None:
    an_incident(company, title='A "quoted" <title>')
    text = Person(company.engineer).open(listing(Incident)).content.decode()
    assert '<td data-label="Title" class="field-title">A &quot;quoted&quot; &lt;title&gt;' in text
