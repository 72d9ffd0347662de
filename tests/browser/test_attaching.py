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

# Everything that is said of the upload, for after the page is gone.
WATCHED = """() => {
    const said = document.querySelector(".drop-said");
    const note = () => sessionStorage.said = (sessionStorage.said || "") + said.textContent;
    new MutationObserver(note).observe(said, {childList: true});
}"""


@pytest.fixture
def change(quick_company: Company) -> EmergencyChange:
    return a_change(quick_company, "implementing")


def form(visitor: Visitor, change: EmergencyChange) -> Any:
    return visitor.open(f"/admin/changes/emergencychange/{change.pk}/act/attach_evidence/")


def test_several_files_are_told_apart_sent_together_and_followed_on_their_way(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer)
    page = form(engineer, change)
    page.evaluate(WATCHED)
    for name, size in (("errors.log", 40), ("dump.bin", 3 * 1024 * 1024), ("wrong.log", 9)):
        page.evaluate(GIVE, ["drop", name, "", size])
    assert "3 files, 3.0 MB. Not sent yet." in engineer.text()
    page.get_by_role("button", name="Remove wrong.log").click()
    page.get_by_label("What errors.log proves").fill("Errors stopped at 10:31")
    engineer.fill(description="After the rollback")
    with page.expect_navigation():
        page.click("#content form .btn-primary")
    told = list(change.evidence.values_list("description", flat=True))
    assert told == ["Errors stopped at 10:31", "After the rollback (dump.bin)"]
    assert "Attach evidence: recorded." in engineer.text()
    assert "All is sent; it is being stored." in page.evaluate("sessionStorage.said")
    assert engineer.errors == []


def test_upload_that_breaks_off_can_be_sent_again(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer)
    page = form(engineer, change)
    page.set_input_files("#id_file", {"name": "a.log", "mimeType": "text/plain", "buffer": b"ok"})
    engineer.fill(description="The log")
    page.route(page.url, lambda route: route.abort())
    page.click("#content form .btn-primary")
    page.get_by_text("The connection broke. Nothing was recorded; send it again.").wait_for()
    page.unroute(page.url)
    engineer.press("Attach evidence")
    assert change.evidence.get().file_name == "a.log"


def test_refused_upload_shows_the_page_again_with_what_was_typed(
    quick_company: Company, visit: Visit, change: EmergencyChange
) -> None:
    engineer = visit(quick_company.engineer)
    page = form(engineer, change)
    page.set_input_files("#id_file", {"name": "a.log", "mimeType": "text/plain", "buffer": b"ok"})
    engineer.fill(source_system="Grafana")
    page.click("#content form .btn-primary")
    page.locator(".errornote").wait_for()
    assert page.input_value("#id_source_system") == "Grafana"
    engineer.fill(description="The log")
    page.evaluate(GIVE, ["drop", "b.log", "", 5])
    engineer.press("Attach evidence")
    assert change.evidence.get().file_name == "b.log"


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
