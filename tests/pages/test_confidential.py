"""A confidential change: to who may not see it, no page knows that it exists."""

from datetime import timedelta
from typing import Any

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from reviews.models import ControlException, Deadline, FollowUpAction, Notice, RetrospectiveReview
from reviews.sweep import sweep
from tests.pages.conftest import SignIn
from tests.pages.walk import Person
from tests.pages.world import act, counts, listing, lists, page
from tests.scenario import Company, Journey, a_draft, person

pytestmark = pytest.mark.once

SECRET = "Zeppelin"
"""A word that is written only on the confidential change."""


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    """A confidential change with everything that can belong to one."""
    with clock.at(clock.now() - timedelta(days=4)):
        texts = {name: f"{SECRET} {name}" for name in ("title", "scope", "rollback_plan")}
        change = a_draft(company, confidential=True, **texts)
        journey = Journey(company, change).submit().claim().start()
        journey.do("record_deviation", company.engineer, f"{SECRET} why", skipped=f"{SECRET} test",
                   catch_up_on=clock.now().date())  # fmt: skip
        journey.finish(no_deviations=False)
        journey.do("attach_evidence", company.engineer, f"{SECRET} log", kind="other",
                   description=f"{SECRET} log", text=SECRET, size=8, sha256="0" * 64)  # fmt: skip
    sweep()
    owner = {"title": f"{SECRET} action", "owner": company.lead, "due_on": clock.now().date()}
    journey.verify(clock.now() - timedelta(days=3)).document(clock.now())
    journey.review(follow_ups=[owner])
    return change


def belongings(change: EmergencyChange) -> list[Any]:
    return [
        change, RetrospectiveReview.objects.get(), FollowUpAction.objects.first(),
        ControlException.objects.first(), Deadline.objects.first(), Notice.objects.first(),
    ]  # fmt: skip


def record_pages(change: EmergencyChange) -> list[str]:
    evidence = page(change, "evidence", change.evidence.first().pk)
    verbs = {"emergencychange": "correct", "followupaction": "complete"}
    acts = [act(record, verbs[record._meta.model_name]) for record in belongings(change)
            if record._meta.model_name in verbs]  # fmt: skip
    shown = [page(record, kind) for record in belongings(change) for kind in ("change", "history")]
    return [*shown, page(change, "decide"), evidence, *acts]


def open_twin(company: Company) -> EmergencyChange:
    """An open confidential change, for the home page."""
    change = a_draft(company, confidential=True, title=f"{SECRET} open")
    Journey(company, change).start_unapproved()
    return change


def outsider(company: Company) -> User:
    return company.engineer2


def test_outsider_finds_no_page_of_it(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    client = signed_in(outsider(company))
    before = counts()
    answers = {"reason": "Let me see.", "part": "other", "owner": company.engineer.pk}
    for address in record_pages(change):
        assert client.get(address).status_code == 404, address
        assert client.post(address, answers).status_code in (403, 404), address
    assert counts() == before


def test_superuser_outside_the_roles_finds_no_page_of_it(
    change: EmergencyChange, signed_in: SignIn
) -> None:
    client = signed_in(person("root", is_superuser=True))
    for address in record_pages(change):
        assert client.get(address).status_code in (403, 404), address


def test_outsider_meets_it_on_no_list_search_or_other_page(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    twin = open_twin(company)
    client = signed_in(outsider(company))
    searches = [f"{address}?q={word}" for address in lists() for word in (SECRET, change.number)]
    incident = change.incident
    addresses = [
        "/admin/", *lists(), *searches, page(incident), page(incident, "history"),
        page(twin.incident), "/admin/changes/emergencychange/declare/", page(company.system),
        f"/admin/changes/emergencychange/declare/{incident.pk}/",
        "/admin/reviews/controlexception/?_facets=True", f"{listing(FollowUpAction)}?_facets=True",
        page(company.system, "history"),
    ]  # fmt: skip
    for address in addresses:
        text = client.get(address).content.decode()
        if "?q=" in address:
            word = address.split("?q=")[-1]
            for echo in (f'value="{word}"', f"q={word}", f"q%3D{word}", f"“{word}”"):
                text = text.replace(echo, "")
        assert SECRET not in text, address
        assert change.number not in text, address
        assert twin.number not in text, address


def test_facets_and_empty_lists_do_not_count_it(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    text = signed_in(outsider(company)).get(f"{listing(change)}?_facets=True").content.decode()
    assert "No record is in what you chose" in text
    assert "Closed (1)" not in text


def test_review_of_it_is_found_by_nobody_outside(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    client = signed_in(outsider(company))
    assert client.get(f"/admin/reviews/retrospectivereview/of/{change.pk}/").status_code == 404


def test_messages_are_for_those_alone_who_look_after_them(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    for user, status in ((outsider(company), 403), (company.roleadmin, 200), (company.lead, 200)):
        assert signed_in(user).get("/admin/outbox/message/").status_code == status


@pytest.mark.parametrize("who", ["lead", "lead2", "auditor", "engineer"])
def test_leads_auditors_and_its_requester_see_it_everywhere(
    company: Company, change: EmergencyChange, signed_in: SignIn, who: str
) -> None:
    twin = open_twin(company)
    client = signed_in(getattr(company, who))
    for address in record_pages(change):
        assert client.get(address).status_code in (200, 403), address
        assert client.get(address).status_code == 200 or "/act/" in address
    for model in (EmergencyChange, RetrospectiveReview, FollowUpAction, ControlException, Deadline):
        assert change.number in client.get(listing(model)).content.decode(), model
    assert SECRET in client.get(page(change.incident)).content.decode()
    assert twin.number in client.get("/admin/").content.decode()


def test_it_is_visible_from_the_moment_it_is_shared(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    client = signed_in(outsider(company))
    assert client.get(page(change)).status_code == 404
    Person(company.lead).do(change, "share", person=outsider(company).pk)
    for address in (page(change), page(change, "history"), act(change, "correct")):
        assert client.get(address).status_code == 200
    assert change.number in client.get(listing(change)).content.decode()


def test_engineer_without_a_share_does_not_share_it_with_themselves(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    client = signed_in(outsider(company))
    answers = {"person": outsider(company).pk, "reason": "Curious."}
    assert client.post(act(change, "share"), answers).status_code in (403, 404)
    assert client.get(page(change)).status_code == 404


def test_lead_who_lost_the_role_meets_it_no_more(
    company: Company, change: EmergencyChange, signed_in: SignIn
) -> None:
    company.lead2.groups.clear()
    client = signed_in(User.objects.get(pk=company.lead2.pk))
    assert SECRET not in client.get("/admin/").content.decode()
    for address in record_pages(change):
        assert client.get(address).status_code in (403, 404), address
