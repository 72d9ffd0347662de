"""Evidence in a real browser: dropped, pasted, photographed, looked at, and without scripts."""

from typing import Any

import pytest

from changes.models import EmergencyChange
from tests.browser.conftest import PHONE, Visit, Visitor
from tests.scenario import Company, a_change

pytestmark = [pytest.mark.once, pytest.mark.slow]

# A pixel.
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Er"
    "kJggg=="
)
GIVE = """([how, name, content, size]) => {
    const given = new DataTransfer();
    const bytes = size ? new Uint8Array(size) : Uint8Array.from(atob(content), c => c.charCodeAt());
    given.items.add(new File([bytes], name));
    const options = {bubbles: true, cancelable: true};
    const zone = document.querySelector(".drop");
    const dropped = {dataTransfer: given, ...options};
    if (how === "drop") zone.dispatchEvent(new DragEvent("drop", dropped));
    else document.dispatchEvent(new ClipboardEvent("paste", {clipboardData: given, ...options}));
}"""


@pytest.fixture
def change(quick_company: Company) -> EmergencyChange:
    return a_change(quick_company, "implementing")


def form(visitor: Visitor, change: EmergencyChange) -> Any:
    return visitor.open(f"/admin/changes/emergencychange/{change.pk}/act/attach_evidence/")


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_file_that_is_dropped_or_pasted_is_attached_and_shown(
    quick_company: Company, visit: Visit, change: EmergencyChange, how: str
) -> None:
    engineer = visit(quick_company.engineer)
    page = form(engineer, change)
    page.evaluate(GIVE, [how, "graph.png", PNG, 0])
    assert "graph.png, 1 KB. Not sent yet." in engineer.text()
    engineer.fill(description="The graph")
    engineer.press("Attach evidence")
    engineer.press("The graph")
    picture = page.locator(".evidence-image")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1
    assert engineer.errors == []


def test_file_that_is_too_large_is_told_before_it_is_sent(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer)
    page = form(engineer, change)
    page.evaluate(GIVE, ["drop", "dump.bin", "", 26 * 1024 * 1024])
    engineer.fill(description="What I typed")
    page.click("#content form .btn-primary")
    assert "This file is too large. Attach at most 25" in engineer.text()
    assert page.input_value("#id_description") == "What I typed"
    assert not change.evidence.exists()


def test_phone_offers_the_camera(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer, viewport=PHONE, has_touch=True, is_mobile=True)
    page = form(engineer, change)
    assert page.locator("input[capture=environment]").get_attribute("accept") == "image/*"
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Take a photo").tap()
    chooser.value.set_files(
        {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff"}
    )
    assert "photo.jpg, 1 KB. Not sent yet." in engineer.text()
    assert page.evaluate("document.querySelector('#id_file').files[0].name") == "photo.jpg"


def test_file_is_attached_without_scripts(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer, java_script_enabled=False)
    page = form(engineer, change)
    page.set_input_files("#id_file", {"name": "a.log", "mimeType": "text/plain", "buffer": b"ok"})
    engineer.fill(description="The log")
    page.click("#content form .btn-primary")
    page.wait_for_url("**/change/")
    assert change.evidence.get().file_name == "a.log"


def test_scripts_of_a_picture_that_is_markup_never_run(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer)
    page = form(engineer, change)
    bad = b"\x89PNG\r\n\x1a\n<html><script>document.title='taken'</script>"
    page.set_input_files("#id_file", {"name": "x.html", "mimeType": "text/html", "buffer": bad})
    engineer.fill(description="Not what it seems")
    engineer.press("Attach evidence")
    shown = f"/admin/changes/emergencychange/{change.pk}/evidence/{change.evidence.get().pk}/shown/"
    engineer.open(shown)
    assert page.title() != "taken"
