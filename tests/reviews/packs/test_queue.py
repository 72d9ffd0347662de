"""The queue of packs: one at a time, begun anew after a death, given up clearly, removed."""

import os
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings

from changes.models import EmergencyChange
from ecportal import clock
from ecportal.audit import sealer
from ecportal.audit.notes import Signer
from reviews.models import EvidencePack
from reviews.models.pack import LEASE, kept_packs
from reviews.packs import queue
from reviews.packs.building import Choice
from reviews.packs.queue import ATTEMPTS, GAVE_UP, ask, remove_old, take, work_off
from tests.audit.evidence import attach
from tests.scenario import Company, a_change

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture
def change(company: Company, log_key: Signer) -> EmergencyChange:
    return a_change(company, "closed")


@pytest.fixture
def pack(company: Company, change: EmergencyChange) -> EvidencePack:
    return ask(Choice((change.number,)), change.number, company.auditor)


def built(pack: EvidencePack) -> EvidencePack:
    """Build it with a sealer at work and return it as it is then."""
    work_off(unsealed=sealer.seal)
    pack.refresh_from_db()
    return pack


def test_one_pack_is_built_at_a_time(
    company: Company, change: EmergencyChange, pack: EvidencePack
) -> None:
    second = ask(Choice((change.number,)), change.number, company.lead)
    assert take() == pack
    assert take() is None
    EvidencePack.objects.filter(pk=pack.pk).update(failed_at=clock.now())
    assert take() == second


def test_pack_of_a_dead_builder_is_begun_anew_after_its_lease(pack: EvidencePack) -> None:
    assert take() == pack
    with clock.at(clock.now() + LEASE - timedelta(seconds=5)):
        assert take() is None
    with clock.at(clock.now() + LEASE + timedelta(seconds=5)):
        again = take()
    assert again == pack
    assert again.attempts == 2


def test_pack_at_which_builders_die_is_given_up_with_a_sentence(pack: EvidencePack) -> None:
    moment = clock.now()
    for _death in range(ATTEMPTS):
        with clock.at(moment):
            assert take() == pack
        moment += LEASE + timedelta(seconds=1)
    with clock.at(moment):
        assert take() is None
    pack.refresh_from_db()
    assert (pack.error, pack.state) == (GAVE_UP, ("Failed", "bad"))


def test_builder_that_was_silent_too_long_does_not_finish(pack: EvidencePack) -> None:
    late = take()
    assert late is not None
    with clock.at(clock.now() + LEASE + timedelta(seconds=1)):
        assert take() == pack
    with pytest.raises(queue.LostIt):
        queue._telling(late)("Writing", 1)


def test_progress_is_written_down_while_it_is_built(pack: EvidencePack) -> None:
    mine = take()
    assert mine is not None
    tell = queue._telling(mine)
    tell("Writing EC-2026-0001", 0)
    pack.refresh_from_db()
    assert (pack.stage, pack.done, pack.total) == ("Writing EC-2026-0001", 0, 1)
    tell("Waiting for the seal", 1)
    pack.refresh_from_db()
    assert (pack.stage, pack.done) == ("Waiting for the seal", 1)


def test_file_is_removed_when_its_days_are_over(pack: EvidencePack) -> None:
    built(pack)
    assert pack.is_ready
    name = pack.file
    days = timedelta(days=settings.PACK_DAYS)
    with clock.at(clock.now() + days - timedelta(hours=1)):
        assert remove_old() == 0
    with clock.at(clock.now() + days + timedelta(hours=1)):
        assert remove_old() == 1
        assert remove_old() == 0
    pack.refresh_from_db()
    assert (pack.state, pack.file) == (("Removed", "mute"), "")
    assert not kept_packs().exists(name)


def test_what_killed_builders_left_is_removed_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name, hours in (("ecportal-pack-a", 25), ("ecportal-pack-b", 1), ("others", 99)):
        (tmp_path / name / "changes").mkdir(parents=True)
        moment = clock.real().timestamp() - hours * 3600
        os.utime(tmp_path / name, (moment, moment))
    assert queue.remove_leavings() == 1
    assert {path.name for path in tmp_path.iterdir()} == {"ecportal-pack-b", "others"}


def test_missing_attachment_is_said_beside_the_download(
    company: Company, change: EmergencyChange, pack: EvidencePack
) -> None:
    evidence = attach(company, change, b"gone soon")
    evidence.file.storage.delete(evidence.file.name)
    built(pack)
    assert evidence.sha256 in pack.warning


def test_full_disk_fails_with_a_sentence(pack: EvidencePack, tmp_path: Path) -> None:
    (tmp_path / "packs").write_text("a file where the folder should be")
    built(pack)
    assert pack.error.startswith("The pack cannot be written:")
