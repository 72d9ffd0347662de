"""Deciding on a phone: one screen, two taps at once, the way back, and a bad connection."""

import gzip
from typing import Any

import pytest

from changes.models import EmergencyChange
from tests.browser.conftest import PHONE, Visit, Visitor
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = [pytest.mark.once, pytest.mark.slow]

HAND: dict[str, Any] = {"viewport": PHONE, "has_touch": True, "is_mobile": True}
MOST_BYTES = 60_000


def decide(visitor: Visitor, change: EmergencyChange) -> Any:
    return visitor.open(f"/admin/changes/emergencychange/{change.pk}/decide/")


def in_view(visitor: Visitor, words: str) -> bool:
    box = visitor.page.locator(".answers .btn", has_text=words).bounding_box()
    inside = box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"]
    return bool(inside and box["height"] >= 44)


@pytest.fixture
def claimed(quick_company: Company) -> EmergencyChange:
    change = a_draft(quick_company, scope="A long scope, word by word. " * 60)
    return Journey(quick_company, change).submit().claim().change


def test_three_honest_answers_stand_on_the_first_screen(
    quick_company: Company, visit: Visit, claimed: EmergencyChange
) -> None:
    lead = visit(quick_company.lead, **HAND)
    decide(lead, claimed)
    answers = ("Confirm: I approved at", "Approve now instead", "Reject…")
    assert [in_view(lead, words) for words in answers] == [True] * 3
    assert lead.page.locator(".breadcrumbs").inner_text().startswith(f"‹ {claimed.number}")
    assert lead.errors == []


def test_capacity_and_text_stand_on_the_first_screen_of_an_ordinary_change(
    quick_company: Company, visit: Visit
) -> None:
    lead = visit(quick_company.lead, **HAND)
    page = decide(lead, a_change(quick_company, "submitted"))
    bar = page.locator(".answers").bounding_box()["y"]
    for part in (".shown-title", ".capacity"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= bar, part


def test_two_taps_decide_once(quick_company: Company, visit: Visit) -> None:
    change = a_change(quick_company, "submitted")
    lead = visit(quick_company.lead, **HAND)
    page = decide(lead, change)
    other = page.context.new_page()
    other.goto(page.url)
    with page.expect_navigation():
        page.get_by_role("button", name="Approve").dblclick()
    with other.expect_navigation():
        other.get_by_role("button", name="Approve").tap()
    assert "Nothing was recorded twice." in other.inner_text("body")
    assert change.approvals.count() == 1
    assert lead.errors == []


def test_way_back_shows_what_was_decided(quick_company: Company, visit: Visit) -> None:
    lead = visit(quick_company.lead, **HAND)
    page = decide(lead, a_change(quick_company, "submitted"))
    with page.expect_navigation():
        page.get_by_role("button", name="Approve").tap()
    page.go_back()
    page.reload()
    assert "You approved this at" in lead.text()


def test_page_weighs_little_enough_for_a_bad_connection(
    quick_company: Company, visit: Visit, capsys: pytest.CaptureFixture[str]
) -> None:
    """All that an empty cache must fetch, compressed as the portal sends it, but the pictures."""
    change = a_change(quick_company, "submitted")
    lead = visit(quick_company.lead, **HAND)
    weights: dict[str, int] = {}

    def weigh(response: Any) -> None:
        name = response.url.split("?")[0].rsplit("/", 1)[-1] or "the page"
        body = response.body()
        weights[name] = len(body if name.endswith("woff2") else gzip.compress(body))

    fresh = lead.page.context.new_page()
    fresh.on("response", weigh)
    fresh.goto(f"{lead.base}/admin/changes/emergencychange/{change.pk}/decide/")
    fresh.wait_for_load_state("networkidle")
    heavy = {name: size for name, size in weights.items() if not name.endswith(".svg")}
    with capsys.disabled():
        print(f"\nThe page for a decision: {sum(heavy.values())} bytes. {weights}")
    assert sum(heavy.values()) < MOST_BYTES, weights
