"""An emergency from sign-in to closed in a real browser, the approval on a phone."""

from typing import Any

import pytest

from changes.models import EmergencyChange
from tests.browser.conftest import PHONE, Visit, Visitor
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = [pytest.mark.once, pytest.mark.slow]


def record_incident(engineer: Visitor, company: Company) -> None:
    engineer.open("/admin/incidents/incident/add/")
    engineer.fill(title="Checkout fails for all customers", reason="Monitoring paged us.")
    engineer.choose(systems=str(company.system.pk), severity="1")
    engineer.press("Record incident")


def declare(engineer: Visitor) -> EmergencyChange:
    engineer.press("Declare emergency")
    engineer.choose(criterion="outage", risk="low", route="ask")
    engineer.fill(why_not_normal="Every minute costs orders.", scope="Roll back to 4.18.2.",
                  rollback_plan="Deploy 4.19.0.")  # fmt: skip
    engineer.press("Declare emergency")
    return EmergencyChange.objects.get()


def implement(engineer: Visitor) -> None:
    engineer.press("Start implementing")
    engineer.press("Start implementing")
    engineer.press("Finish implementing")
    engineer.choose(outcome="successful")
    engineer.fill(reason="10:31 deployment 88213 done")
    engineer.page.check("#id_no_deviations")
    engineer.press("Finish implementing")


def prove(engineer: Visitor) -> None:
    engineer.press("Verify stability")
    engineer.fill(watched="Error rate", reason="0.1 % errors.")
    engineer.press("Verify stability")
    engineer.press("Attach evidence")
    engineer.fill(description="Error rate after the rollback")
    log = {"name": "errors.log", "mimeType": "text/plain", "buffer": b"0.1 %"}
    engineer.page.set_input_files("#id_file", log)
    engineer.press("Attach evidence")
    engineer.press("Document and send to review")
    engineer.fill(reason="Checkout works again.", rollback_actions="None")
    engineer.press("Document and send to review")


def in_first_screen(visitor: Visitor, name: str) -> bool:
    box = visitor.page.get_by_role("button", name=name).bounding_box()
    assert box is not None
    return bool(box["y"] >= 0 and box["y"] + box["height"] <= PHONE["height"])


def test_emergency_goes_from_the_incident_to_closed_in_browsers(
    quick_company: Company, visit: Visit
) -> None:
    company = quick_company
    engineer = visit(company.engineer)
    record_incident(engineer, company)
    change = declare(engineer)
    lead = visit(company.lead, viewport=PHONE, has_touch=True, is_mobile=True)
    lead.open(f"/admin/changes/emergencychange/{change.pk}/decide/")
    assert in_first_screen(lead, "Approve")
    with lead.page.expect_navigation():
        lead.page.get_by_role("button", name="Approve").tap()
    change.refresh_from_db()
    assert change.approver == company.lead
    engineer.open(f"/admin/changes/emergencychange/{change.pk}/change/")
    implement(engineer)
    prove(engineer)
    reviewer = visit(company.lead2)
    reviewer.open(f"/admin/reviews/retrospectivereview/of/{change.pk}/")
    reviewer.choose(genuine="yes", procedure_followed="yes")
    reviewer.fill(reason="It was right.", no_follow_up_reason="One-off.")
    reviewer.press("Hold the review")
    change.refresh_from_db()
    assert change.status == "closed"
    assert "5 of 5" in reviewer.text()
    assert [engineer.errors, lead.errors, reviewer.errors] == [[], [], []]


def test_verbal_approval_is_confirmed_in_one_tap_on_a_phone(
    quick_company: Company, visit: Visit
) -> None:
    change = a_draft(quick_company, scope="A long scope. " * 80)
    Journey(quick_company, change).submit().claim()
    lead = visit(quick_company.lead, viewport=PHONE, has_touch=True, is_mobile=True)
    lead.open(f"/admin/changes/emergencychange/{change.pk}/decide/")
    assert in_first_screen(lead, "Confirm: I approved")
    with lead.page.expect_navigation():
        lead.page.get_by_role("button", name="Confirm: I approved").tap()
    assert change.approvals.get().status == "confirmed"
    assert lead.errors == []


def test_portal_works_without_javascript(quick_company: Company, visit: Visit) -> None:
    change = a_change(quick_company, "submitted")
    options: dict[str, Any] = {"java_script_enabled": False}
    lead = visit(quick_company.lead, **options)
    lead.open("/admin/")
    assert change.number in lead.text()
    assert "Needs you now" in lead.text()
    assert lead.page.get_by_role("link", name="Emergency changes").first.is_visible()
    lead.open(f"/admin/changes/emergencychange/{change.pk}/change/")
    lead.press("Read and decide")
    lead.press("Approve")
    change.refresh_from_db()
    assert change.status == "approved"
    phone = visit(quick_company.lead, viewport=PHONE, **options)
    phone.open("/admin/")
    phone.page.locator("summary", has_text="Menu").click()
    assert phone.page.get_by_role("link", name="Emergency changes").first.is_visible()
