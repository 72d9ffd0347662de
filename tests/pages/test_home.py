"""The home page: what needs this person, what is open, and nothing that they may not see or do."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from reviews import home
from reviews.sweep import sweep
from tests.changes.delegating import delegated, narrow_lead
from tests.pages.conftest import SignIn
from tests.reviews.test_agenda import full  # noqa: F401 - a fixture
from tests.reviews.test_owing import busy, follow_up  # noqa: F401 - a fixture
from tests.scenario import Company, Journey, a_change, a_draft, person

pytestmark = pytest.mark.once


def shown(client: Client, address: str = "/admin/") -> str:
    """Return the content of the page, its white space made one blank."""
    response = client.get(address)
    assert response.status_code == 200
    text = response.content.decode()
    return " ".join(text[text.index('id="content"') :].split())


def section(text: str, name: str) -> str:
    """Return the card of this id as it stands in the page."""
    found = re.search(rf'<section class="card" aria-labelledby="{name}">.*?</section>', text)
    return found[0] if found else ""


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def buttons(text: str) -> list[str]:
    return re.findall(r'<a class="btn[^"]*" href="([^"]+)"', section(text, "needs-you"))


# --- what needs you -----------------------------------------------------------------------------
def test_line_under_the_title_counts_what_needs_the_reader(
    company: Company, signed_in: SignIn
) -> None:
    lead = signed_in(company.lead)
    assert "Nothing needs you." in shown(lead)
    a_change(company, "submitted")
    text = words(shown(lead))
    assert re.search(r"1 thing needs you\. \w+day \d{1,2} \w+ \d{4}, \d\d:\d\d CES?T", text)
    a_change(company, "submitted")
    assert "2 things need you." in words(shown(lead))


def test_step_says_what_why_and_leads_to_the_page_of_its_act(
    company: Company, signed_in: SignIn
) -> None:
    change = a_change(company, "submitted", title="Disable retries")
    text = shown(signed_in(company.lead2))
    assert buttons(text) == [f"/admin/changes/emergencychange/{change.pk}/decide/"]
    said = words(section(text, "needs-you"))
    assert f"Approve or reject {change.number} Live outage, 5 min Disable retries" in said
    assert "Engineer has waited 0 min. Lead was asked first." in said
    assert f"{change.incident.number} is live, SEV-1." in said
    assert signed_in(company.lead2).get(buttons(text)[0]).status_code == 200


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("username", ["lead", "lead2", "narrow", "engineer", "e1", "both"])
def test_every_button_opens_for_whoever_sees_it(username: str, signed_in: SignIn) -> None:
    client = signed_in(User.objects.get(username=username))
    found = buttons(shown(client, "/admin/?show=all"))
    assert found
    for address in found:
        assert client.get(address).status_code == 200, address


def test_single_system_lead_sees_no_decision_of_another_system(
    company: Company, signed_in: SignIn
) -> None:
    narrow = narrow_lead()
    a_change(company, "submitted")
    with clock.at(clock.now() + timedelta(hours=1)):
        sweep()  # tells everybody who may be asked
        text = shown(signed_in(narrow))
    assert "Nothing needs you" in section(text, "needs-you")
    assert buttons(text) == []
    assert "EC-" in section(text, "open-emergencies")


def test_what_does_not_fit_stands_on_pages_of_its_own(
    company: Company, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "STEPS_A_PAGE", 5)
    changes = [a_draft(company, title=f"Change {place}") for place in range(12)]
    client = signed_in(company.engineer)
    text = shown(client)
    assert len(buttons(text)) == home.STEPS_SHOWN
    assert 'href="?show=all"' in text
    assert "All 12 things that need you" in words(text)
    seen: list[str] = []
    address = "?show=all"
    while address:
        page = section(shown(client, f"/admin/{address}"), "needs-you")
        seen += buttons(page)
        following = re.search(r'href="([^"]+)">Less urgent', page)
        address = following[1].replace("&amp;", "&") if following else ""
    wanted = {f"/admin/changes/emergencychange/{change.pk}/act/submit/" for change in changes}
    assert len(seen) == 12
    assert set(seen) == wanted


@pytest.mark.parametrize("address", ["?show=all&page=x", "?show=all&page=999", "?show=", "?e=1"])
def test_odd_addresses_show_a_page(company: Company, signed_in: SignIn, address: str) -> None:
    a_draft(company)
    assert len(buttons(shown(signed_in(company.engineer), f"/admin/{address}"))) == 1


def test_engineer_whom_nothing_needs_can_declare_at_once(
    company: Company, signed_in: SignIn
) -> None:
    text = section(shown(signed_in(company.engineer)), "needs-you")
    assert "Nothing needs you" in text
    assert buttons(text) == ["/admin/changes/emergencychange/declare/"]
    lead = section(shown(signed_in(company.lead)), "needs-you")
    assert "You owe no decision" in lead
    assert buttons(lead) == []


# --- open emergencies ---------------------------------------------------------------------------
def test_open_emergency_says_its_step_and_who_is_waited_for(
    company: Company, signed_in: SignIn
) -> None:
    a_change(company, "submitted", title="Disable retries")
    rows = {
        name: words(section(shown(signed_in(user)), "open-emergencies"))
        for name, user in (("lead", company.lead), ("engineer", company.engineer))
    }
    assert "Disable retries 3 of 7, Approve You to decide" in rows["lead"]
    assert "3 of 7, Approve Lead to approve or reject" in rows["engineer"]
    assert "min left" in rows["lead"]
    assert "2 of 5" in rows["lead"]


def test_refused_and_finished_changes_are_not_open(company: Company, signed_in: SignIn) -> None:
    for status in ("closed", "cancelled"):
        a_change(company, status)
    refused = Journey(company, a_change(company, "submitted"))
    refused.do("reject", company.lead, rejection="refused",
               fingerprint=refused.change.fingerprint())  # fmt: skip
    text = section(shown(signed_in(company.lead)), "open-emergencies")
    assert "No emergency is open" in text
    a_change(company, "rejected")
    assert "Sent back" in section(shown(signed_in(company.lead)), "open-emergencies")


def test_live_emergencies_and_near_deadlines_come_first(
    company: Company, signed_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "CHANGES_SHOWN", 2)
    untimed, over, timed = (a_change(company, s) for s in ("draft", "submitted", "submitted"))
    incident = over.incident
    type(incident)._base_manager.filter(pk=incident.pk).update(
        status="resolved", resolved_at=clock.now()
    )
    text = section(shown(signed_in(company.lead)), "open-emergencies")
    numbers = re.findall(r"EC-\d{4}-\d{4}", text)
    assert numbers == [timed.number, untimed.number]
    assert "The most urgent 2 of 3" in words(text)


# --- what is confidential -----------------------------------------------------------------------
def test_confidential_change_leaves_no_trace_on_the_home_page(
    company: Company, signed_in: SignIn
) -> None:
    secret = a_draft(company, confidential=True, title="Rotate the leaked key")
    Journey(company, secret).start_unapproved().finish()
    action = follow_up(company, secret, company.engineer2)
    text = shown(signed_in(company.engineer2), "/admin/?show=all")
    for word in (secret.number, secret.title, action.number, "leaked"):
        assert word not in text
    assert "No emergency is open" in text
    assert "None without an answer" in text
    for user in (company.lead, company.auditor):
        assert secret.title in shown(signed_in(user))


# --- exceptions and charts ----------------------------------------------------------------------
def test_exception_is_answered_by_leads_and_opened_by_others(
    company: Company, signed_in: SignIn
) -> None:
    change = Journey(company, a_draft(company)).start_unapproved().change
    exception = change.exceptions.get()
    for user, way in ((company.lead, "act/answer/"), (company.engineer, "change/")):
        text = section(shown(signed_in(user)), "exceptions")
        assert f'href="/admin/reviews/controlexception/{exception.pk}/{way}"' in text
        assert "Implemented without approval" in text


def test_charts_say_in_words_what_they_draw(company: Company, signed_in: SignIn) -> None:
    a_change(company, "closed")
    a_change(company, "submitted")
    text = section(shown(signed_in(company.engineer)), "doing")
    drawn = re.findall(r'<svg class="chart"[^>]*role="img" aria-label="([^"]+)"', text)
    assert len(drawn) == 3
    assert drawn[0].startswith("Minutes from the request to the decision, last 2: median 0")
    assert drawn[1] == "Reviews that were due in the last 6 months: 1 on time, 0 late."
    assert drawn[2].endswith("Their share of all changes is not known.")
    assert text.count("<details><summary>The numbers</summary><table>") == 3
    assert "style=" not in text


def test_new_portal_has_charts_without_marks(company: Company, signed_in: SignIn) -> None:
    text = words(section(shown(signed_in(company.lead)), "doing"))
    assert "Nobody has asked for an approval yet." in text
    assert "No review was due in the last six months." in text


# --- queries ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("username", ["lead", "narrow", "engineer", "e0", "e2", "both", "auditor"])
def test_home_takes_no_more_queries_than_the_limit(username: str, signed_in: SignIn) -> None:
    client = signed_in(User.objects.get(username=username))
    with CaptureQueriesContext(connection) as caught:
        assert client.get("/admin/").status_code == 200
    assert len(caught) <= 25


def test_somebody_with_two_roles_sees_the_work_of_both(company: Company, signed_in: SignIn) -> None:
    both = person("both", roles.ENGINEER, roles.LEAD)
    a_change(company, "submitted")
    delegated(company.lead, company.engineer2)
    assert len(buttons(shown(signed_in(both)))) == 1
    assert len(buttons(shown(signed_in(company.engineer2)))) == 1
    assert len(buttons(shown(signed_in(company.engineer)))) == 1  # to declare another one
    assert EmergencyChange.objects.count() == 1


def test_names_are_shown_as_text(company: Company, signed_in: SignIn) -> None:
    a_change(company, "submitted", title="<b>Bold</b> & “quoted”")
    text = shown(signed_in(company.lead))
    assert "&lt;b&gt;Bold&lt;/b&gt; &amp; “quoted”" in text
    assert "<b>Bold" not in text
