"""What is typed survives a session, a connection and a tab that is loaded again."""

import pytest

from changes.models import EmergencyChange
from incidents.models import Incident
from tests.browser.conftest import Visit, Visitor
from tests.scenario import Company, an_incident

pytestmark = [pytest.mark.once, pytest.mark.slow]

KEPT = "Object.entries(sessionStorage).filter(([name]) => name.startsWith('ec-draft:')).join()"
SCOPE = "Roll back to 4.18.2 on all nodes."


@pytest.fixture
def incident(quick_company: Company) -> Incident:
    return an_incident(quick_company)


def type_in(visitor: Visitor, incident: Incident) -> None:
    visitor.open(f"/admin/changes/emergencychange/declare/{incident.pk}/")
    visitor.choose(criterion="security", risk="high")
    visitor.fill(why_not_normal="It is exploited.", scope=SCOPE, rollback_plan="Deploy it again.")


def lose_the_session(visitor: Visitor) -> None:
    visitor.page.context.clear_cookies(name="sessionid")


def sign_in_here(visitor: Visitor, name: str) -> None:
    visitor.page.fill("#id_username", name)
    visitor.page.fill("#id_password", name)
    with visitor.page.expect_navigation():
        visitor.page.click("#login-form [type=submit]")


def declared_as_typed() -> bool:
    change = EmergencyChange.objects.get()
    return (change.scope, change.risk, change.determination.criterion) == (
        SCOPE, "high", "security",
    )  # fmt: skip


@pytest.mark.parametrize("scripts", [True, False])
def test_form_that_meets_no_session_comes_back_after_signing_in(
    quick_company: Company, visit: Visit, incident: Incident, scripts: bool
) -> None:
    engineer = visit(quick_company.engineer, java_script_enabled=scripts)
    type_in(engineer, incident)
    lose_the_session(engineer)
    engineer.press("Declare emergency")
    assert "Sign in, and what you typed is filled in again." in engineer.text()
    sign_in_here(engineer, "engineer")
    assert engineer.page.input_value("#id_scope") == SCOPE
    engineer.press("Declare emergency")
    assert declared_as_typed()
    assert engineer.errors == []


def test_page_that_is_loaded_again_is_filled_in_from_the_tab(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    type_in(engineer, incident)
    lose_the_session(engineer)
    engineer.page.reload()
    sign_in_here(engineer, "engineer")
    assert "is filled in again" in engineer.text()
    assert engineer.page.input_value("#id_scope") == SCOPE
    engineer.press("Declare emergency")
    assert declared_as_typed()
    assert engineer.page.evaluate(KEPT) == ""
    assert engineer.errors == []


def test_what_was_kept_can_be_discarded(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    type_in(engineer, incident)
    engineer.page.reload()
    engineer.page.click("text=Discard it")
    assert engineer.page.input_value("#id_scope") == ""
    engineer.page.reload()
    assert "is filled in again" not in engineer.text()


def test_nothing_is_sent_into_the_void(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    type_in(engineer, incident)
    engineer.page.context.set_offline(True)
    engineer.page.click("#content .btn-danger")
    assert "There is no connection. What you typed is kept" in engineer.text()
    engineer.page.context.set_offline(False)
    engineer.press("Declare emergency")
    assert declared_as_typed()


def test_form_whose_answer_was_lost_is_offered_again(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    type_in(engineer, incident)
    address = engineer.page.url
    engineer.page.route(address, lambda route: route.abort())
    engineer.page.click("#content .btn-danger")
    engineer.page.wait_for_timeout(300)
    engineer.page.unroute(address)
    engineer.page.goto(address)
    assert engineer.page.input_value("#id_scope") == ""
    engineer.page.click("text=Fill it in again")
    assert engineer.page.input_value("#id_scope") == SCOPE


def test_confidential_words_and_what_others_typed_do_not_stay(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    type_in(engineer, incident)
    assert SCOPE in engineer.page.evaluate(KEPT)
    engineer.page.click("text=Change these")
    engineer.page.check("#id_confidential")
    assert engineer.page.evaluate(KEPT) == ""
    engineer.page.uncheck("#id_confidential")
    assert SCOPE in engineer.page.evaluate(KEPT)
    lose_the_session(engineer)
    engineer.page.reload()
    sign_in_here(engineer, "engineer2")
    assert engineer.page.input_value("#id_scope") == ""
    assert engineer.page.evaluate(KEPT) == ""


def test_signing_out_clears_what_the_tab_kept(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    type_in(engineer, incident)
    engineer.open("/admin/")
    engineer.page.click("#header .person summary")
    with engineer.page.expect_navigation():
        engineer.page.click("#header .person >> text=Sign out")
    assert engineer.page.evaluate(KEPT) == ""
