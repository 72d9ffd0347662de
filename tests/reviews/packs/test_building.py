"""What is in an evidence pack of changes, that it verifies offline, and not once it is altered."""

import hashlib
import json
import random
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.audit import verify_pack
from ecportal.audit.models import AuditCheckpoint, AuditEvent
from ecportal.audit.notes import Signer
from reviews.auditors_home import quarter_so_far
from reviews.packs.building import CannotBuild, Choice, build
from reviews.packs.choosing import of_numbers, of_period, of_population
from tests.audit.evidence import attach
from tests.pages.world import a_population
from tests.reviews.packs.packing import an_eventful_change, members, offline, packed, rewritten
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def change(company: Company, log_key: Signer) -> EmergencyChange:
    return an_eventful_change(company)


@pytest.fixture
def pack(change: EmergencyChange, company: Company, tmp_path: Path) -> Path:
    other = a_change(company, "approved")
    path = tmp_path / "pack.zip"
    packed(path, change, other)
    return path


def verified(path: Path, key: Signer, *arguments: str) -> bool:
    done = offline(path, "--vkey", key.vkey, *arguments)
    assert done.stderr == "", done.stderr
    return done.returncode == 0


def test_pack_verifies_without_the_portal_with_a_checkpoint_that_was_kept(
    pack: Path,
    log_key: Signer,
    tmp_path: Path,
) -> None:
    note = tmp_path / "mail.txt"
    note.write_text(AuditCheckpoint.objects.order_by("pk")[0].note)
    done = offline(pack, "--vkey", log_key.vkey, "--checkpoint", str(note))
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "1 attachments" in done.stdout


def test_pack_holds_what_the_readme_names(pack: Path, change: EmergencyChange) -> None:
    found = members(pack)
    digest = change.evidence.exclude(file="").get().sha256
    assert set(found) == {
        "README.txt", f"attachments/{digest}", "changes/EC-2026-0001.json",
        "changes/EC-2026-0001.pdf", "changes/EC-2026-0002.json", "changes/EC-2026-0002.pdf",
        "checkpoints.txt", "contents.json", "events.jsonl", "leaves.txt", "mail-ledger.json",
        "manifest.json", "verify_pack.py",
    }  # fmt: skip
    assert found["changes/EC-2026-0001.pdf"].startswith(b"%PDF-")
    readme = found["README.txt"].decode()
    for name in ("changes/*.pdf", "changes/*.json", "mail-ledger.json", "contents.json"):
        assert name in readme
    listed = json.loads(found["manifest.json"])["sha256"]
    for name in set(found) - {"README.txt", "manifest.json", "verify_pack.py"}:
        if not name.startswith("attachments/"):
            assert listed[name] == hashlib.sha256(found[name]).hexdigest()
    assert hashlib.sha256(found[f"attachments/{digest}"]).hexdigest() == digest


def test_record_holds_every_act_and_each_record_as_it_stands(
    pack: Path, change: EmergencyChange
) -> None:
    content = json.loads(members(pack)["changes/EC-2026-0001.json"])
    assert set(content) == {"format", "number", "told", "people", "records", "history"}
    own = content["records"]["changes.historicalemergencychange"][str(change.pk)]
    assert (own["number"], own["status"], own["scope"]) == (change.number, "closed", "Roll back.")
    kinds = {source.partition(".historical")[2] for source in content["records"]}
    assert {"incident", "determination", "approval", "evidence", "deviation", "correction",
            "deadline", "escalation", "notice", "followupaction", "retrospectivereview",
            "controlexception", "stabilitycheck", "executionentry"} <= kinds  # fmt: skip
    verbs = [entry["event"]["fields"]["history_verb"] for entry in content["history"]
             if entry["event"]["source"] == "changes.historicalemergencychange"]  # fmt: skip
    assert verbs == list(change.history.order_by("pk").values_list("history_verb", flat=True))
    titles = [section["title"] for section in content["told"]["sections"]]
    assert titles[:3] == ["The change", "Incident and determination", "Timeline"]
    assert [item["state"] for item in content["told"]["items"]][:2] == ["present", "present"]
    assert content["people"][str(change.requester_id)] == "Engineer (engineer)"


def test_another_change_of_the_same_incident_is_not_told(
    company: Company, change: EmergencyChange, tmp_path: Path
) -> None:
    other = a_draft(company, incident=change.incident, title="Something secret",
                    confidential=True)  # fmt: skip
    path = tmp_path / "pack.zip"
    packed(path, change)
    assert not [name for name, data in members(path).items() if b"Something secret" in data]
    assert other.number not in json.dumps(list(members(path)))


def test_mail_ledger_tells_who_was_reminded_when(pack: Path, change: EmergencyChange) -> None:
    ledger = json.loads(members(pack)["mail-ledger.json"])
    [first, *_rest] = [entry for entry in ledger if entry["change"] == change.number]
    assert (first["to"], first["address"]) == ("Lead", "lead@example.test")
    assert first["rule"] == "12 hours after the claim was written"
    assert first["message_id"].startswith("<")


def test_same_trail_gives_the_same_bytes(change: EmergencyChange, tmp_path: Path) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    packed(first, change)
    before = AuditEvent.objects.count()
    packed(second, change)
    assert first.read_bytes() == second.read_bytes()
    assert AuditEvent.objects.count() == before


def test_command_gives_the_same_bytes_and_is_an_event(
    change: EmergencyChange, tmp_path: Path
) -> None:
    page, command = tmp_path / "page.zip", tmp_path / "command.zip"
    packed(page, change)
    told = StringIO()
    call_command("build_evidence_pack", change.number, out=command, stdout=told)
    assert command.read_bytes() == page.read_bytes()
    digest = hashlib.sha256(page.read_bytes()).hexdigest()
    assert digest in told.getvalue()
    newest = AuditEvent.objects.order_by("-pk")[0]
    assert (newest.kind, json.loads(newest.body or "")["fields"]["sha256"]) == ("export", digest)


@pytest.mark.parametrize(
    "name",
    ["README.txt", "attachments", "changes/EC-2026-0001.json", "changes/EC-2026-0001.pdf",
     "checkpoints.txt", "contents.json", "events.jsonl", "leaves.txt", "mail-ledger.json",
     "manifest.json", "verify_pack.py"],
)  # fmt: skip
def test_altered_or_missing_member_is_not_verified(
    pack: Path,
    log_key: Signer,
    tmp_path: Path,
    name: str,
) -> None:
    parts = members(pack)
    [whole] = [found for found in parts if found.startswith(name)]
    data = parts[whole]
    middle = len(data) // 2
    other = bytes([data[middle] ^ 1])
    for altered in (data + b"\n", data[:middle] + other + data[middle + 1 :], b""):
        path = rewritten(tmp_path / "altered.zip", {**parts, whole: altered})
        assert not verified(path, log_key), altered[-20:]
    rest = {found: data for found, data in parts.items() if found != whole}
    assert not verified(rewritten(tmp_path / "less.zip", rest), log_key)
    assert verified(rewritten(tmp_path / "same.zip", parts), log_key)


def test_no_byte_of_a_pack_can_be_another(pack: Path, log_key: Signer) -> None:
    data, chance = pack.read_bytes(), random.Random(5)
    keys = [verify_pack.parse_vkey(log_key.vkey)]
    places = [chance.randrange(len(data)) for _ in range(150)]
    places += [data.index(b"%PDF-"), len(data) - 1, data.index(b'"told"'), len(data) - 200]
    for place in places:
        altered = data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))])
        found = verify_pack.verify(BytesIO(altered + data[place + 1 :]), keys)
        assert isinstance(found, verify_pack.Refused) or found.findings, place
    sound = verify_pack.verify(BytesIO(data), keys)
    assert isinstance(sound, verify_pack.Verification)
    assert sound.findings == []


def fitting(parts: dict[str, bytes]) -> dict[str, bytes]:
    """Return the members with a manifest that fits them, as a forger mends it."""
    manifest = json.loads(parts["manifest.json"])
    for name in manifest["sha256"]:
        if name in parts:
            manifest["sha256"][name] = hashlib.sha256(parts[name]).hexdigest()
    manifest["sha256"] = {n: d for n, d in manifest["sha256"].items() if n in parts}
    text = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    return {**parts, "manifest.json": text}


@pytest.mark.parametrize(
    "name", ["changes/EC-2026-0001.pdf", "contents.json", "mail-ledger.json",
             "changes/EC-2026-0001.json"],
)  # fmt: skip
def test_document_of_a_forger_who_mends_the_manifest_is_not_verified(
    pack: Path,
    log_key: Signer,
    tmp_path: Path,
    name: str,
) -> None:
    parts = members(pack)
    data = parts[name]
    if name == "changes/EC-2026-0001.json":
        content = json.loads(data)
        content["told"]["title"] = "Nothing happened"
        data = verify_pack.record_text(content)
    else:
        data = data.replace(b"EC-2026-0001", b"EC-2026-0009") + b"\n"
    done = offline(
        rewritten(tmp_path / "forged.zip", fitting({**parts, name: data})),
        "--vkey", log_key.vkey,
    )  # fmt: skip
    assert done.returncode == 1
    assert "DOCUMENT: The documents are not those that the portal made." in done.stdout
    assert "PACK:" not in done.stdout  # the manifest does fit


def test_record_that_says_otherwise_than_the_events_is_found(
    pack: Path,
    log_key: Signer,
    tmp_path: Path,
) -> None:
    parts = members(pack)
    name = "changes/EC-2026-0001.json"
    content = json.loads(parts[name])
    [own] = content["records"]["changes.historicalemergencychange"].values()
    own["approver_id"] = own["requester_id"]
    path = rewritten(
        tmp_path / "forged.zip", fitting({**parts, name: verify_pack.record_text(content)})
    )
    assert f"{name} does not follow from the events" in offline(path, "--vkey", log_key.vkey).stdout
    content = json.loads(parts[name])
    left_out = content["history"].pop(-1)["leaf"]
    content["records"] = verify_pack.records_of(content["history"])
    path = rewritten(
        tmp_path / "forged.zip", fitting({**parts, name: verify_pack.record_text(content)})
    )
    said = offline(path, "--vkey", log_key.vkey).stdout
    assert f"No document tells of the event at leaf {left_out}" in said


def test_pack_without_its_documents_is_not_verified(
    pack: Path,
    log_key: Signer,
    tmp_path: Path,
) -> None:
    parts = members(pack)
    rest = {n: d for n, d in parts.items() if not verify_pack.DOCUMENT.fullmatch(n)}
    said = offline(rewritten(tmp_path / "less.zip", rest), "--vkey", log_key.vkey).stdout
    assert "The documents that the portal made are missing." in said


def test_nothing_is_written_while_the_sealer_is_away(
    change: EmergencyChange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviews.packs.building.PATIENCE", 0.3)
    with (tmp_path / "pack.zip").open("w+b") as out, pytest.raises(CannotBuild, match="sealer"):
        build(Choice((change.number,)), out)


def test_patience_is_for_the_sealer_and_not_for_the_building(
    change: EmergencyChange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviews.packs.building.PATIENCE", 0.0)  # any building takes longer
    packed(tmp_path / "pack.zip", change)
    assert "contents.json" in members(tmp_path / "pack.zip")


def test_new_act_gives_another_pack(
    company: Company, change: EmergencyChange, tmp_path: Path
) -> None:
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    other = a_draft(company)
    packed(first, other)
    Journey(company, other).submit()
    packed(second, other)
    history = [len(json.loads(members(path)[f"changes/{other.number}.json"])["history"])
               for path in (first, second)]  # fmt: skip
    assert history[0] < history[1]


def test_what_was_erased_is_in_no_pack_afterwards(
    company: Company,
    change: EmergencyChange,
    log_key: Signer,
    tmp_path: Path,
) -> None:
    log = attach(company, change, b"a log", description="Seen by Ada Lovelace")
    path = tmp_path / "pack.zip"
    packed(path, change)
    told = {name for name, data in members(path).items() if b"Ada Lovelace" in data}
    assert told == {"changes/EC-2026-0001.json", "events.jsonl"}
    call_command(
        "audit_redact", f"changes.evidence:{log.pk}", fields="description", by="lead",
        why="Personal data.", reference="DPO-7", apply=True,
    )  # fmt: skip
    packed(path, change)
    assert verified(path, log_key)
    assert not [name for name, data in members(path).items() if b"Ada Lovelace" in data]


def test_period_is_of_the_days_of_the_company(company: Company, log_key: Signer) -> None:
    zone = timezone.get_default_timezone()
    midnight = datetime(2026, 7, 1, tzinfo=zone)
    numbers = []
    for moment in (midnight - timedelta(seconds=1), midnight, midnight + timedelta(days=1)):
        with clock.at(moment):
            numbers.append(a_draft(company).number)
    day = midnight.date()
    assert of_period(day, day).numbers == (numbers[1],)
    assert of_period(day, day + timedelta(days=1)).numbers == (numbers[1], numbers[2])
    with pytest.raises(CannotBuild, match="No change was opened"):
        of_period(day + timedelta(days=9), day + timedelta(days=10))
    with pytest.raises(CannotBuild, match="ends before it begins"):
        of_period(day, day - timedelta(days=1))


def test_numbers_of_five_digits_come_after_those_of_four(company: Company, log_key: Signer) -> None:
    numbers = [a_draft(company).number for _ in range(2)]
    with connection.cursor() as cursor:
        for number, place in zip(numbers, (9999, 10000), strict=True):
            later = f"{number[:-4]}{place}"
            cursor.execute("UPDATE changes_emergencychange SET number = %s WHERE number = %s",
                           [later, number])  # fmt: skip
    day = clock.company_day(clock.now())
    expected = tuple(f"{numbers[0][:-4]}{place}" for place in (9999, 10000))
    assert of_period(day, day).numbers == expected
    assert of_numbers(reversed(expected)).numbers == expected
    quarter = quarter_so_far(clock.now())
    assert (quarter.first, quarter.last) == expected


def test_population_without_changes_gives_no_pack(company: Company, log_key: Signer) -> None:
    population = a_population(company, by="closed")
    with pytest.raises(CannotBuild, match="No change belongs to this population"):
        of_population(population, company.auditor)


def test_confidential_change_is_named_and_withheld_from_who_may_not_see_it(
    company: Company,
    log_key: Signer,
) -> None:
    shown, hidden = a_draft(company), a_draft(company, confidential=True)
    day = timezone.localdate(shown.opened_at, timezone.get_default_timezone())
    choice = of_period(day, day, by=company.engineer2)
    assert (choice.numbers, choice.withheld) == ((shown.number,), (hidden.number,))
    assert of_period(day, day, by=company.auditor).withheld == ()
    with pytest.raises(CannotBuild, match=f"There is no change {hidden.number}"):
        of_numbers([hidden.number], company.engineer2)


def test_command_refuses_with_a_sentence(change: EmergencyChange, tmp_path: Path) -> None:
    out = tmp_path / "pack.zip"
    with pytest.raises(CommandError, match="There is no change EC-2026-9999"):
        call_command("build_evidence_pack", "EC-2026-9999", out=out)
    with pytest.raises(CommandError, match="Name at least one change"):
        call_command("build_evidence_pack", out=out)
    assert not out.exists()
    out.write_bytes(b"")
    with pytest.raises(CommandError, match="is there already"):
        call_command("build_evidence_pack", change.number, out=out)
