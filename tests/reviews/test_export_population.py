"""`export_population`: the bytes of the page, the proof beside them, and sentences for mistakes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.reviews.populations import generated, recent
from tests.scenario import Company, a_change, a_draft

pytestmark = pytest.mark.once


def run(out: Path, form: str = "csv", **options: Any) -> None:
    period = recent()
    values = {"first": str(period.first), "last": str(period.last), "by": "opened", **options}
    given = [f"--from={values['first']}", f"--to={values['last']}", f"--by={values['by']}",
             f"--format={form}", f"--out={out}"]  # fmt: skip
    call_command("export_population", *given, *(["--force"] * bool(options.get("force"))))


@pytest.mark.parametrize("form", ["csv", "json", "xlsx"])
def test_file_is_what_the_page_gives_with_its_proof_beside_it(
    company: Company, tmp_path: Path, form: str
) -> None:
    changes = [a_change(company, status) for status in ("closed", "cancelled")]
    out = tmp_path / f"population.{form}"
    run(out, form)
    sha256 = hashlib.sha256(out.read_bytes()).hexdigest()
    assert sha256 == generated(company).sha256(form)
    proof = json.loads((tmp_path / f"population.{form}.proof.json").read_text())
    assert proof["files"] == {out.name: {"sha256": sha256, "bytes": out.stat().st_size}}
    assert (proof["count"], proof["of_these_cancelled"], proof["missing_numbers"]) == (2, 1, [])
    assert (proof["first_number"], proof["last_number"]) == tuple(c.number for c in changes)
    assert (proof["query"], proof["time_zone"]) == (recent().in_words(), "Europe/Berlin")
    assert proof["generated_at"]
    assert proof["portal_version"]


def test_confidential_changes_are_exported_whole(company: Company, tmp_path: Path) -> None:
    a_draft(company, confidential=True, title="Zeppelin")
    run(tmp_path / "a.csv")
    assert "Zeppelin" in (tmp_path / "a.csv").read_text(encoding="utf-8")


def test_nothing_is_replaced_unless_forced(company: Company, tmp_path: Path) -> None:
    out, proof = tmp_path / "a.csv", tmp_path / "a.csv.proof.json"
    for there in (out, proof):
        there.write_text("mine")
        with pytest.raises(CommandError, match=f"{there} is there already. Choose another name"):
            run(out)
        assert there.read_text() == "mine"
        there.unlink()
    out.write_text("mine")
    run(out, force=True)
    assert out.read_bytes().startswith(b"\xef\xbb\xbfNumber,")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"first": "2026-02-30"}, "'2026-02-30' is no day. Write it like 2026-07-01."),
        ({"first": "2026-W27-3"}, "'2026-W27-3' is no day."),
        ({"last": "soon"}, "'soon' is no day."),
        ({"first": "2026-07-02", "last": "2026-07-01"}, "The period ends before it begins"),
        ({"by": "deleted"}, "'deleted' is no date to list by."),
        ({"form": "pdf"}, "'pdf' is no format. Use one of csv, json, xlsx."),
    ],
)
def test_mistake_is_told_in_a_sentence_and_writes_nothing(
    db: None, tmp_path: Path, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        run(tmp_path / "a.csv", **values)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_is_not_there_is_told_in_a_sentence(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written: No such file or directory"):
        run(tmp_path / "nowhere" / "a.csv")
