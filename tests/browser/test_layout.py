"""What a person sees and reaches: no sideways scroll, no errors, a visible focus, a skip link."""

import pytest

from changes.models import EmergencyChange
from tests.browser.conftest import PHONE, Visit, Visitor
from tests.scenario import Company, Journey, a_draft, an_incident

pytestmark = [pytest.mark.once, pytest.mark.slow]

WIDTHS = (320, 390, 768, 1280)
SEEN = """() => {
    const at = document.activeElement;
    const style = getComputedStyle(at), box = at.getBoundingClientRect();
    const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const hit = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
    return {tag: at.tagName, text: (at.innerText || at.name || "").slice(0, 40), hit: hit,
            ring: ring || style.boxShadow !== "none"};
}"""
LONG_WORD = "x" * 60


@pytest.fixture
def change(quick_company: Company) -> EmergencyChange:
    """A change with long words in it, submitted, beside one that is implemented already."""
    title = f"{LONG_WORD} long words"
    incident = an_incident(quick_company, title=title)
    first = a_draft(quick_company, incident=incident, title=title, scope=LONG_WORD * 3)
    journey = Journey(quick_company, first).submit().approve().start()
    journey.do("log_execution", quick_company.engineer, LONG_WORD * 4, source="log").finish()
    change = a_draft(quick_company, incident=incident, title=title, scope=LONG_WORD * 3)
    Journey(quick_company, change).submit()
    return change


def address(change: EmergencyChange, page: str) -> str:
    return f"/admin/changes/emergencychange/{change.pk}/{page}/"


def declare_page(change: EmergencyChange) -> str:
    return f"/admin/changes/emergencychange/declare/{change.incident_id}/"


def main_pages(change: EmergencyChange) -> list[str]:
    first = change.incident.changes.exclude(pk=change.pk).get()
    return [
        "/admin/", "/admin/changes/emergencychange/", "/admin/incidents/incident/",
        "/admin/reviews/deadline/", "/admin/reviews/notice/", "/admin/reviews/controlexception/",
        *(address(first, page) for page in ("change", "history", "decide", "act/verify",
                                            "act/attach_evidence", "act/correct")),
        "/admin/incidents/incident/add/", f"/admin/incidents/incident/{change.incident_id}/change/",
        "/admin/reviews/register/", "/admin/reviews/duties/?show=all", "/admin/reviews/controls/",
        declare_page(change), address(change, "decide"), "/admin/password_change/",
    ]  # fmt: skip


def too_wide(visitor: Visitor) -> int:
    """Return by how many pixels the page is wider than its window."""
    script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(visitor.page.evaluate(script))


def test_no_main_page_scrolls_sideways_or_logs_an_error(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    visitors = [visit(quick_company.engineer), visit(quick_company.lead)]
    wide = []
    for at in main_pages(change):
        visitor = visitors["/reviews/" in at]
        visitor.open(at)
        for width in WIDTHS:
            visitor.page.set_viewport_size({"width": width, "height": 844})
            if excess := too_wide(visitor):
                wide.append(f"{at} at {width}: {excess} px too wide")
    assert not wide, "\n".join(wide)
    assert [visitor.errors for visitor in visitors] == [[], []]


def test_sign_in_page_fits_a_phone_and_logs_no_error(visit: Visit, live_server: object) -> None:
    visitor = visit(viewport=PHONE)
    visitor.open("/admin/login/")
    assert too_wide(visitor) == 0
    assert visitor.errors == []


def test_buttons_and_messages_follow_the_rules_of_small_screens(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    visitor = visit(quick_company.lead, viewport=PHONE)
    page = visitor.open(address(change, "decide"))
    page.click(".answers .btn-primary")
    page.wait_for_selector("ul.messagelist li")
    margin = "li => getComputedStyle(li).marginInlineStart"
    assert page.eval_on_selector("ul.messagelist li", margin) == "16px"
    plain = "all => all.map(button => getComputedStyle(button).minHeight)"
    for at in (
        address(change, "decide"),
        "/admin/changes/emergencychange/",
        "/admin/reviews/duties/",
    ):
        visitor.open(at)
        heights = page.eval_on_selector_all("#content .btn:not(.btn-small)", plain)
        assert set(heights) <= {"44px", "48px"}, at
        assert heights, at


def walk(visitor: Visitor) -> list[dict[str, object]]:
    """Press Tab from stop to stop, and return what has the focus at each."""
    stops = []
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        stop = visitor.page.evaluate(SEEN)
        if stop["tag"] == "BODY":
            break
        stops.append(stop)
    return stops


@pytest.mark.parametrize(("page", "way_on"), [("decide", "Approve"), ("home", "Read and decide")])
def test_keyboard_skips_the_navigation_and_shows_where_it_is(
    quick_company: Company, visit: Visit, change: EmergencyChange, page: str, way_on: str
) -> None:
    visitor = visit(quick_company.lead, viewport=PHONE)
    visitor.open(address(change, page) if page == "decide" else "/admin/")
    visitor.page.keyboard.press("Tab")
    first = visitor.page.evaluate(SEEN)
    assert first["text"] == "Skip to main content"
    assert first["hit"], first
    visitor.page.keyboard.press("Enter")
    stops = walk(visitor)
    assert [stop for stop in stops if not (stop["hit"] and stop["ring"])] == []
    assert way_on in [stop["text"] for stop in stops[:5]]


def test_declaring_begins_at_its_first_question_and_needs_no_mouse(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    visitor = visit(quick_company.engineer)
    visitor.open(declare_page(change))
    assert visitor.page.evaluate("document.activeElement.name") == "criterion"
    stops = walk(visitor)
    assert [stop for stop in stops if not (stop["hit"] and stop["ring"])] == []
    names = [stop["text"] for stop in stops]
    assert names.index("why_not_normal") < names.index("Declare emergency") <= 12
