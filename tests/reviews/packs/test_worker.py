"""A real worker and a real sealer build a pack; a worker that is killed is followed by another."""

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from ecportal import clock
from ecportal.audit.notes import Signer
from reviews.models import EvidencePack
from reviews.models.pack import LEASE
from reviews.tasks import build_packs
from tests.processes import Process, database_url, eventually, publishing_to, running
from tests.redis_server import redis_server
from tests.reviews.packs.packing import offline
from tests.scenario import Company, a_draft, found_company

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SEALER = ["manage.py", "audit_seal", "--loop", "1"]
WORKER = ["-m", "celery", "--app=ecportal", "worker", "--concurrency=1", "--loglevel=INFO",
          "--without-gossip", "--without-mingle"]  # fmt: skip


def beside(command: list[str], broker: str, log: Path) -> AbstractContextManager[Process]:
    """Run a process of the portal on the test database, with this test's keys and packs."""
    return running(
        log, command, DATABASE_URL=database_url(), REDIS_URL=broker,
        AUDIT_SIGNING_KEY=str(settings.AUDIT_SIGNING_KEY),
        AUDIT_CHECKPOINT_FILE=str(settings.AUDIT_CHECKPOINT_FILE),
        PACK_DIR=settings.STORAGES["packs"]["OPTIONS"]["location"],
    )  # fmt: skip


@pytest.fixture
def broker() -> Iterator[str]:
    with redis_server() as url, publishing_to(url):
        yield url


def ask(company: Company, *numbers: str) -> tuple[Client, EvidencePack]:
    client = Client()
    client.force_login(company.auditor)
    address = "/admin/reviews/evidencepack/request/"
    assert client.post(address, {"numbers": " ".join(numbers)}).status_code == 302
    return client, EvidencePack.objects.get()


def test_worker_builds_what_was_asked_for_on_the_page(
    broker: str, log_key: Signer, tmp_path: Path
) -> None:
    company = found_company()
    numbers = [a_draft(company).number for _ in range(3)]
    log = tmp_path / "log"
    with beside(SEALER, broker, log), beside(WORKER, broker, log):
        client, pack = ask(company, *numbers)
        address = f"/admin/reviews/evidencepack/{pack.pk}/"
        page = client.get(f"{address}change/").content
        assert b"<progress" in page or b"Download" in page
        ready = eventually(lambda: EvidencePack.objects.get().is_ready)
        assert ready, (EvidencePack.objects.values(), log.read_text()[-3000:])
        data = b"".join(client.get(f"{address}download/"))
    path = tmp_path / "taken.zip"
    path.write_bytes(data)
    done = offline(path, "--vkey", log_key.vkey)
    assert done.returncode == 0, done.stdout


def test_pack_of_a_killed_worker_is_built_by_the_next_one(
    broker: str, log_key: Signer, tmp_path: Path
) -> None:
    company = found_company()
    numbers = [a_draft(company).number for _ in range(3)]
    log = tmp_path / "log"
    _client, pack = ask(company, *numbers)
    with beside(WORKER, broker, log) as process:  # no sealer: it has to wait in mid-work
        assert eventually(lambda: EvidencePack.objects.get().attempts == 1), log.read_text()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    pack.refresh_from_db()
    assert (pack.attempts, pack.is_waiting) == (1, True)
    over = clock.now() - LEASE - timedelta(seconds=1)
    EvidencePack.objects.update(taken_at=over)  # as if the lease were over
    with beside(SEALER, broker, log), beside(WORKER, broker, log):
        build_packs.delay()  # what beat sends each minute
        ready = eventually(lambda: EvidencePack.objects.get().is_ready)
        assert ready, (EvidencePack.objects.values(), log.read_text()[-3000:])
    assert EvidencePack.objects.get().attempts == 2
