"""Declaring in a real browser: by keyboard alone, without scripts, without styles, at 3 am."""

import time
from typing import Any

import pytest

from changes.models import EmergencyChange
from incidents.models import Incident
from tests.browser.conftest import PHONE, Visit, Visitor
from tests.scenario import Company, an_incident

pytestmark = [pytest.mark.once, pytest.mark.slow]

PICTURE = {"width": 1440, "height": 900}
SAID = ("said", "said_by", "call_log")


@pytest.fixture
def incident(quick_company: Company) -> Incident:
    return an_incident(quick_company)


def questions(visitor: Visitor, incident: Incident) -> Any:
    return visitor.open(f"/admin/changes/emergencychange/declare/{incident.pk}/")


def bottom(visitor: Visitor) -> float:
    box = visitor.page.locator("#content .btn-danger").bounding_box()
    assert box is not None
    return float(box["y"] + box["height"])


def test_declaring_takes_under_a_minute_by_keyboard_alone(
    quick_company: Company, visit: Visit, incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    engineer = visit(quick_company.engineer, viewport=PICTURE)
    page = questions(engineer, incident)
    assert bottom(engineer) <= PICTURE["height"]
    begun, keys = time.monotonic(), page.keyboard
    keys.press("Space")
    for words in ("Every minute costs orders.", "Roll back to 4.18.2 on all 12 nodes."):
        keys.press("Tab")
        keys.type(words)
    keys.press("Tab")
    keys.press("Space")
    keys.press("ArrowRight")
    keys.press("Tab")
    keys.type("Deploy 4.19.0 again.")
    keys.press("Tab")
    keys.press("Tab")
    with page.expect_navigation():
        keys.press("Enter")
    took = time.monotonic() - begun
    change = EmergencyChange.objects.get()
    assert (change.status, change.risk) == ("submitted", "medium")
    assert change.determination.criterion == "outage"
    with capsys.disabled():
        print(f"\nDeclared by keyboard alone in {took:.1f} s at 25 characters a second.")
    assert took < 60
    assert engineer.errors == []


@pytest.mark.parametrize("scripts", [True, False])
def test_verbal_yes_opens_its_questions_with_and_without_scripts(
    quick_company: Company, visit: Visit, incident: Incident, scripts: bool
) -> None:
    engineer = visit(quick_company.engineer, java_script_enabled=scripts)
    page = questions(engineer, incident)
    seen = [page.locator(f"#id_{name}").is_visible() for name in SAID]
    assert seen == [False] * 3
    engineer.choose(route="claim")
    seen = [page.locator(f"#id_{name}").is_visible() for name in SAID]
    assert seen == [True] * 3
    engineer.choose(criterion="outage", risk="low")
    engineer.fill(why_not_normal="Now.", scope="Back.", rollback_plan="Forth.", said="“Yes.”")
    engineer.press("Declare emergency")
    assert EmergencyChange.objects.get().approver == quick_company.lead


def test_everything_can_be_answered_where_the_style_sheet_is_missing(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    engineer.page.route("**/*.css", lambda route: route.abort())
    page = questions(engineer, incident)
    names = ("criterion_0", "scope", "said", "said_by")
    assert all(page.locator(f"#id_{name}").is_visible() for name in names)


def test_button_is_always_in_reach_of_the_thumb(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer, viewport=PHONE, has_touch=True, is_mobile=True)
    questions(engineer, incident)
    assert bottom(engineer) <= PHONE["height"]


def test_errors_take_the_focus_and_lead_to_the_question(
    quick_company: Company, visit: Visit, incident: Incident
) -> None:
    engineer = visit(quick_company.engineer)
    page = questions(engineer, incident)
    engineer.press("Declare emergency")
    assert page.evaluate("document.activeElement.className") == "errornote"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "id_why_not_normal"
    assert [error for error in engineer.errors if "422" not in error] == []
