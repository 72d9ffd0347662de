"""A pack over HTTP: who may ask for one, what its page says meanwhile, who takes it away."""

import hashlib
import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.test import Client

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.accounts import roles
from ecportal.accounts.models import User
from ecportal.audit import sealer
from ecportal.audit.models import AuditEvent
from ecportal.audit.notes import Signer
from reviews.models import EvidencePack
from reviews.packs import building, queue
from tests.pages.walk import sentences
from tests.pages.world import a_sample
from tests.reviews.packs.packing import members, offline
from tests.reviews.populations import days, generated
from tests.scenario import Company, a_change, a_draft, person

pytestmark = pytest.mark.django_db
ASK = "/admin/reviews/evidencepack/request/"


@pytest.fixture
def change(company: Company, log_key: Signer) -> EmergencyChange:
    return a_change(company, "closed")


def built() -> None:
    """Build what waits, with a sealer that looks as soon as something is to be sealed."""
    queue.work_off(unsealed=sealer.seal)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page_of(pack: EvidencePack, name: str = "change") -> str:
    return f"/admin/reviews/evidencepack/{pack.pk}/{name}/"


def asked(client: Client, **answers: str) -> EvidencePack:
    response = client.post(ASK, answers)
    assert response.status_code == 302, sentences(response)
    return EvidencePack.objects.order_by("-pk")[0]


def exports() -> list[dict[str, object]]:
    events = AuditEvent.objects.filter(kind="export").order_by("pk")
    return [json.loads(event.body or "") for event in events]


def test_auditor_asks_from_the_change_and_takes_away_a_pack_that_verifies(
    company: Company, change: EmergencyChange, log_key: Signer, tmp_path: Path
) -> None:
    client = browser(company.auditor)
    address = f"{ASK}?numbers={change.number}"
    page = client.get(f"/admin/changes/emergencychange/{change.pk}/change/")
    assert f'href="{address}"' in page.content.decode()
    assert f">\n{change.number}</textarea>" in client.get(address).content.decode()
    pack = asked(client, numbers=change.number)
    waiting = client.get(page_of(pack))
    assert "It waits for the worker" in sentences(waiting)
    assert f'data-progress="{page_of(pack, "progress")}"' in waiting.content.decode()
    assert f'href="{page_of(pack)}"' in waiting.content.decode()  # to look again without scripts
    none = client.get(page_of(pack, "download"))
    assert none.status_code == 404
    assert "There is no file of this pack. Ask for it again." in sentences(none)
    built()
    ready = client.get(page_of(pack))
    assert b"data-progress" not in ready.content
    assert f"Download {change.number}-evidence.zip" in sentences(ready)
    assert exports() == []
    response = client.get(page_of(pack, "download"))
    data = b"".join(response)
    assert response["Content-Disposition"] == f'attachment; filename="{change.number}-evidence.zip"'
    assert (response["Content-Type"], response["X-Content-Type-Options"]) == (
        "application/zip", "nosniff",
    )  # fmt: skip
    [event] = exports()
    assert event["fields"] == {
        "record": change.number, "sha256": hashlib.sha256(data).hexdigest(), "size": len(data),
    }  # fmt: skip
    assert event["ctx"]["username"] == "auditor"  # type: ignore[index]
    path = tmp_path / "taken.zip"
    path.write_bytes(data)
    assert offline(path, "--vkey", log_key.vkey).returncode == 0
    assert client.get("/admin/reviews/evidencepack/").status_code == 200


@pytest.mark.parametrize("who", ["engineer", "roleadmin"])
def test_whoever_is_neither_lead_nor_auditor_sees_no_packs(
    company: Company, change: EmergencyChange, who: str
) -> None:
    pack = asked(browser(company.lead), numbers=change.number)
    client = browser(getattr(company, who))
    for address in (ASK, page_of(pack), page_of(pack, "download"), page_of(pack, "retry"),
                    page_of(pack, "progress"), "/admin/reviews/evidencepack/"):  # fmt: skip
        assert client.get(address).status_code == 403, address
        assert client.post(address, {"numbers": change.number}).status_code == 403, address
    assert EvidencePack.objects.count() == 1
    page = client.get(f"/admin/changes/emergencychange/{change.pk}/change/")
    assert b"evidencepack" not in page.content


def test_confidential_change_is_taken_away_only_by_those_who_see_it(
    company: Company, change: EmergencyChange
) -> None:
    hidden = a_draft(company, confidential=True)
    pack = asked(browser(company.auditor), numbers=hidden.number)
    built()
    assert browser(company.auditor).get(page_of(pack, "download")).status_code == 200
    outsider = person("outsider", roles.ENGINEER)
    names = ("view_evidencepack", "request_evidencepack")
    outsider.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = browser(User.objects.get(pk=outsider.pk))
    before = len(exports())
    assert client.get(page_of(pack, "download")).status_code == 403
    assert len(exports()) == before
    refused = client.post(ASK, {"numbers": hidden.number})
    assert refused.status_code == 422
    assert f"There is no change {hidden.number}" in sentences(refused)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({}, "Name at least one change"),
        ({"numbers": "EC-2026-9999"}, "There is no change EC-2026-9999"),
        ({"numbers": "<script>"}, "There is no change <SCRIPT>"),
        ({"begins_on": "2026-01-01"}, "needs its first and its last day"),
        ({"begins_on": "2026-02-02", "ends_on": "2026-01-01"}, "ends before it begins"),
        ({"begins_on": "2001-02-02", "ends_on": "2001-02-03"}, "No change was opened"),
        ({"numbers": "x", "begins_on": "2026-01-01"}, "not both"),
        ({"begins_on": "9999-99-99", "ends_on": "x"}, "Enter a valid date"),
    ],
)
def test_wrong_choice_is_refused_with_a_sentence(
    company: Company, change: EmergencyChange, answers: dict[str, str], said: str
) -> None:
    response = browser(company.auditor).post(ASK, answers)
    assert response.status_code == 422
    assert said in sentences(response)
    assert not EvidencePack.objects.exists()


def test_same_pack_is_not_asked_twice_while_it_waits(
    company: Company, change: EmergencyChange
) -> None:
    client = browser(company.auditor)
    assert asked(client, numbers=change.number) == asked(client, numbers=f" {change.number}, ")
    assert EvidencePack.objects.count() == 1


def test_period_names_its_file_and_its_changes(company: Company, change: EmergencyChange) -> None:
    day = str(change.opened_at.date())
    pack = asked(browser(company.auditor), begins_on="2026-01-01", ends_on="2199-01-01")
    assert pack.label == "Opened 2026-01-01 to 2199-01-01, 1 change"
    built()
    pack.refresh_from_db()
    assert pack.file_name == "EC-2026-01-01-to-2199-01-01-evidence.zip"
    with queue.kept_packs().open(pack.file) as file:
        path = Path(file.name)
    contents = json.loads(members(path)["contents.json"])
    assert contents["period"]["opened from"] == "2026-01-01"
    assert [one["number"] for one in contents["changes"]] == [change.number]
    assert day >= "2026-01-01"


def test_failed_pack_says_why_and_is_built_again(
    company: Company, change: EmergencyChange, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(company.auditor)
    pack = asked(client, numbers=change.number)
    with monkeypatch.context() as patch:
        patch.setattr(building, "PATIENCE", 0.3)
        queue.work_off()  # nobody seals
    page = client.get(page_of(pack))
    assert "Start the sealer" in sentences(page)
    assert b"data-progress" not in page.content
    assert client.get(page_of(pack, "retry")).status_code == 302
    pack.refresh_from_db()
    assert pack.failed_at is not None  # looking changes nothing
    assert client.post(page_of(pack, "retry")).status_code == 302
    pack.refresh_from_db()
    assert pack.is_waiting
    built()
    pack.refresh_from_db()
    assert pack.is_ready


def test_file_is_no_public_file(company: Company, change: EmergencyChange) -> None:
    pack = asked(browser(company.auditor), numbers=change.number)
    built()
    pack.refresh_from_db()
    folder = Path(settings.STORAGES["packs"]["OPTIONS"]["location"])
    [file] = folder.iterdir()
    assert file.name == pack.file
    assert file.stat().st_mode & 0o077 == 0
    assert not folder.is_relative_to(settings.STATIC_ROOT)
    assert Client().get(page_of(pack, "download")).status_code == 302  # to the sign-in


def hidden_fields(page: str, action: str) -> dict[str, str]:
    """Return what the form with this action sends without anything being typed."""
    form = page[page.index(f'action="{action}"') :]
    form = form[: form.index("</form>")]
    return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form))


def test_pack_of_a_sample_is_one_click_on_its_page(
    company: Company, change: EmergencyChange
) -> None:
    other = a_change(company, "submitted")
    sample, client = a_sample(company), browser(company.auditor)
    page = client.get(f"/admin/reviews/sample/{sample.pk}/change/").content.decode()
    pack = asked(client, **hidden_fields(page, ASK))
    assert pack.changes == [change.number, other.number]


@pytest.mark.parametrize(("by", "label"), [("opened", "Opened "), ("closed", "EC-")])
def test_pack_of_a_period_is_one_click_on_the_page_of_its_population(
    company: Company, change: EmergencyChange, by: str, label: str
) -> None:
    a_change(company, "submitted")
    today = str(change.opened_at.date())
    population = generated(company, days("2020-01-01", today, by))
    client = browser(company.auditor)
    page = client.get(f"/admin/reviews/population/{population.pk}/change/").content.decode()
    pack = asked(client, **hidden_fields(page, ASK))
    listed = list(population.rows.order_by("number").values_list("number", flat=True))
    assert (pack.changes, pack.label.startswith(label)) == (listed, True)
    assert len(listed) == {"opened": 2, "closed": 1}[by]


@pytest.mark.parametrize("odd", ["x", "999", "9" * 30, "-1", "\0"])
def test_pack_of_no_population_is_refused(
    company: Company, change: EmergencyChange, odd: str
) -> None:
    response = browser(company.auditor).post(ASK, {"population": odd})
    assert response.status_code == 422
    assert not EvidencePack.objects.exists()


def test_progress_is_told_without_a_read_being_noted(
    company: Company, change: EmergencyChange
) -> None:
    client = browser(company.auditor)
    pack = asked(client, numbers=change.number)
    EvidencePack.objects.update(taken_at=clock.now(), attempts=2, stage="Writing it")
    reads = AuditEvent.objects.filter(kind="read").count()
    response = client.get(page_of(pack, "progress"))
    assert (response.status_code, response.json()) == (202, {
        "heading": "It is being built", "done": 0, "total": 1,
        "words": "0 of 1 change. Writing it. Begun anew once, because a worker stopped.",
    })  # fmt: skip
    assert "no-store" in response["Cache-Control"]
    assert AuditEvent.objects.filter(kind="read").count() == reads
    assert response.json()["words"] in sentences(client.get(page_of(pack)))
    EvidencePack.objects.update(failed_at=clock.now())
    assert client.get(page_of(pack, "progress")).status_code == 200
