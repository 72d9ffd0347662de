"""Reads of evidence are logged; a confidential reason and hidden links show nowhere else."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from changes.models import EvidenceRead
from ecportal.accounts import roles
from ecportal.accounts.lifecycle import LIFECYCLE
from ecportal.lifecycle import TransitionRefused
from tests.pages.walk import ANSWERS, Person, declare_page, sentences
from tests.pages.world import page
from tests.scenario import Company, Journey, a_change, an_incident, person

pytestmark = pytest.mark.once


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


def test_each_download_of_evidence_is_logged(
    company: Company, engineer: Person, signed_in: Any
) -> None:
    change = a_change(company, "verified")
    typed = {"kind": "other", "description": "Log", "text": "12:00 done"}
    engineer.do(change, "attach_evidence", **typed)
    evidence = change.evidence.get()
    client = signed_in(company.auditor)
    assert client.get(page(change, "evidence", evidence.pk)).status_code == 200
    read = EvidenceRead.objects.get()
    assert (read.reader, read.evidence) == (company.auditor, evidence)
    listed = client.get("/admin/changes/evidenceread/").content.decode()
    assert "Auditor" in listed
    assert change.number in listed


def test_reason_of_a_confidential_change_stays_off_the_incident(
    company: Company, engineer: Person, signed_in: Any
) -> None:
    incident = an_incident(company)
    change = engineer.declare(incident, confidential="on", why_not_normal="The vault key leaked.")
    assert change.determination.why_not_normal == "The vault key leaked."
    client = signed_in(company.engineer2)
    for kind in ("change", "history"):
        assert "vault" not in client.get(page(incident, kind)).content.decode()
    lead = signed_in(company.lead)
    assert "vault" in lead.get(page(change)).content.decode()


@pytest.mark.parametrize("query", ["changes=1", "changes__id__exact=1", "determinations=1"])
def test_incidents_cannot_be_filtered_by_what_points_at_them(
    company: Company, signed_in: Any, query: str
) -> None:
    an_incident(company)
    client = signed_in(company.engineer2)
    assert client.get(f"/admin/incidents/incident/?{query}").status_code == 400


def test_record_page_links_to_its_history(company: Company, signed_in: Any) -> None:
    change = a_change(company)
    text = signed_in(company.auditor).get(page(change)).content.decode()
    assert f'href="{page(change, "history")}"' in text


def test_words_that_reverse_the_reading_direction_are_refused(
    company: Company, engineer: Person
) -> None:
    typed = {**ANSWERS, "scope": "\u202egnihton od"}
    response = engineer.send(declare_page(an_incident(company)), **typed)
    assert response.status_code == 422
    assert "change the reading direction" in sentences(response)


@pytest.mark.parametrize(
    ("held", "given"),
    [(roles.AUDITOR, roles.LEAD), (roles.ENGINEER, roles.AUDITOR),
     (roles.ROLE_ADMINISTRATOR, roles.ENGINEER)],
)  # fmt: skip
def test_auditors_and_role_administrators_hold_no_other_role(
    company: Company, held: str, given: str
) -> None:
    somebody = person("somebody", held)
    with pytest.raises(TransitionRefused, match="hold no other role"):
        LIFECYCLE.perform(
            somebody, "assign_role", by=company.roleadmin, reason="Both.",
            role=Group.objects.get(name=given),
        )  # fmt: skip


def test_title_with_an_address_makes_no_link_inside_a_link(
    company: Company, signed_in: Any
) -> None:
    change = a_change(company, "implemented", title="Block https://evil.test/x <b>now</b>")
    text = signed_in(company.auditor).get(page(change.review)).content.decode()
    shown = f"{change.number} Block https://evil.test/x &lt;b&gt;now&lt;/b&gt;"
    assert f'<a href="{page(change)}">{shown}</a>' in text


def test_somebody_with_nothing_to_do_is_led_to_what_they_can_open(
    company: Company, signed_in: Any
) -> None:
    text = signed_in(company.roleadmin).get("/admin/").content.decode()
    assert "People without a role" in text
    assert 'href="/admin/accounts/user/add/"' in text
    assert "People without a role" not in signed_in(company.lead).get("/admin/").content.decode()


def test_approver_named_in_a_claim_is_asked_to_confirm_first(
    company: Company, signed_in: Any
) -> None:
    change = Journey(company, a_change(company, "submitted")).claim().change
    text = signed_in(company.lead).get(page(change, "decide")).content.decode()
    assert "Did you approve this change?" in text
    assert text.index("Confirm: I approved") < text.index("Approve now instead")


def test_claiming_an_approval_is_nobodys_next_step(company: Company, signed_in: Any) -> None:
    change = a_change(company, "submitted")
    text = signed_in(company.engineer).get(page(change)).content.decode()
    assert "Nothing for you to do here" in text
    assert "A Lead already said yes" in text
