"""The pages of packs at a desk and on a phone: they fit, and tell how far the work is."""

import os
from pathlib import Path

import pytest

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts.models import User
from reviews.models import EvidencePack
from tests.browser.conftest import DESK, PHONE, Visit, sync_api
from tests.browser.test_layout import too_wide
from tests.scenario import Company, a_draft

pytestmark = pytest.mark.slow


def packs_of(change: EmergencyChange, by: User) -> dict[str, EvidencePack]:
    """Return a pack in each state, with many changes."""
    many = " ".join(f"EC-2026-{n:04}" for n in range(1, 121))
    told = {"label": "Opened 2026-07-01 to 2026-09-30, 120 changes", "numbers": many,
            "requested_by": by, "requested_at": clock.now(), "total": 120}  # fmt: skip
    one = {**told, "label": change.number, "numbers": change.number, "total": 1}
    now = clock.now()
    make = EvidencePack.objects.create
    return {
        "waiting": make(**told),
        "building": make(**told, taken_at=now, attempts=2, done=47, stage="Writing EC-2026-0048"),
        "failed": make(**told, failed_at=now, error="What was recorded is not sealed yet, so "
                       "nobody could verify the pack. Start the sealer, then build it again."),
        "ready": make(**one, finished_at=now, file="x.zip", size=123456, sha256="0f" * 32,
                      done=1),
        "removed": make(**one, finished_at=now, removed_at=now),
    }  # fmt: skip


@pytest.mark.parametrize("look", ["desk", "phone", "dark"])
def test_pages_of_packs_fit_and_only_what_waits_asks_how_far_it_is(
    quick_company: Company, visit: Visit, look: str
) -> None:
    change = a_draft(quick_company)
    packs = packs_of(change, quick_company.auditor)
    options = {"viewport": PHONE if look == "phone" else DESK}
    scheme = {"color_scheme": "dark"} if look == "dark" else {}
    visitor = visit(quick_company.auditor, **options, **scheme)
    base = "/admin/reviews/evidencepack/"
    pages = {name: f"{base}{pack.pk}/change/" for name, pack in packs.items()}
    pages |= {"list": base, "ask": f"{base}request/?numbers={change.number}",
              "from": f"/admin/changes/emergencychange/{change.pk}/change/"}  # fmt: skip
    for name, address in pages.items():
        page = visitor.open(address)
        assert too_wide(visitor) <= 0, name
        assert page.locator("[data-progress]").count() == (name in ("waiting", "building")), name
        if folder := os.environ.get("PICTURES"):
            page.screenshot(path=Path(folder) / f"{look}-{name}.png")
    assert visitor.errors == []


def test_progress_moves_in_place_and_ends_with_the_download(
    quick_company: Company, visit: Visit
) -> None:
    pack = packs_of(a_draft(quick_company), quick_company.auditor)["building"]
    visitor = visit(quick_company.auditor)
    page = visitor.open(f"/admin/reviews/evidencepack/{pack.pk}/change/")
    told = page.locator("[role=status]")
    assert "47 of 120 changes" in told.inner_text()
    EvidencePack.objects.filter(pk=pack.pk).update(done=90)
    sync_api.expect(told).to_contain_text("90 of 120 changes")
    assert page.locator("progress").get_attribute("value") == "90"
    EvidencePack.objects.filter(pk=pack.pk).update(
        finished_at=clock.now(), file="x.zip", size=9, sha256="0f" * 32
    )
    sync_api.expect(page.get_by_role("heading", name="It is ready")).to_be_visible()
    assert visitor.errors == []


def test_fingerprint_is_copied_with_one_click(quick_company: Company, visit: Visit) -> None:
    pack = packs_of(a_draft(quick_company), quick_company.auditor)["ready"]
    visitor = visit(quick_company.auditor, permissions=["clipboard-read", "clipboard-write"])
    page = visitor.open(f"/admin/reviews/evidencepack/{pack.pk}/change/")
    page.get_by_role("button", name="Copy fingerprint").click()
    sync_api.expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == pack.sha256


def test_pack_is_asked_for_without_scripts(quick_company: Company, visit: Visit) -> None:
    change = a_draft(quick_company)
    visitor = visit(quick_company.auditor, java_script_enabled=False)
    visitor.open(f"/admin/changes/emergencychange/{change.pk}/change/")
    visitor.press("Evidence pack")
    visitor.press("Build the pack")
    assert "It waits for the worker" in visitor.text()
    assert EvidencePack.objects.get().changes == [change.number]
