"""A small portal with a sealed trail, built once a module; each test attacks its own copy."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import transaction

from changes.models import EmergencyChange, Evidence
from ecportal.audit import attestation, heartbeat, keys, notes, sealer
from ecportal.audit.models import AuditCheckpoint
from ecportal.audit.notes import Signer
from incidents.lifecycle import SYSTEMS
from incidents.models import System
from tests.audit.folders import files_in
from tests.audit.mutating import Scene
from tests.audit.sealing import happen
from tests.scenario import Company, Journey, a_change, a_draft, found_company

LOG = b"2026-11-23 09:40 deployment 88213 finished\n"


@contextmanager
def rolled_back() -> Iterator[None]:
    """Open a transaction, or a savepoint in it, that leaves nothing behind."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # the sealer's own transactions may be inside
    with atomic:
        yield
        transaction.set_rollback(True)


def attach(company: Company, change: EmergencyChange) -> None:
    digest = hashlib.sha256(LOG).hexdigest()
    Journey(company, change).do(
        "attach_evidence", company.engineer, kind="execution", description="Deployment log",
        file=ContentFile(LOG, name=f"{digest[:2]}/{digest}-log"), file_name="deploy.log",
        size=len(LOG), sha256=digest,
    )  # fmt: skip


def live_through() -> dict[str, Any]:
    """Do a few days' work, seal, do a little more, seal again; return what there is."""
    company = found_company()
    change = a_draft(company)
    Journey(company, change).submit().approve().start()
    attach(company, change)
    Journey(company, change).finish()
    draft = a_draft(company, title="Restart billing")
    with transaction.atomic():
        Journey(company, draft).do("revise", company.engineer, title="Restart all of billing")
    heartbeat.heartbeat()
    sealer.seal()
    late = SYSTEMS.perform(System(name="late"), "register", by=company.lead, reason="New.")
    attestation.record("export", what="All records")
    sealer.seal()
    return {"company": company, "change": change, "draft": draft, "late": late}


@pytest.fixture(scope="module")
def population(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("sealed")
    with django_db_blocker.unblock(), rolled_back():
        with files_in(folder):
            keys.generate("portal.example.test")
            records = live_through()
        yield folder, records


@pytest.fixture
def scene(
    population: tuple[Path, dict[str, Any]], tmp_path: Path, django_db_blocker: Any
) -> Iterator[Scene]:
    """The population as it was left, with files and database rows of this test's own."""
    folder, records = population
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    with django_db_blocker.unblock(), files_in(tmp_path), rolled_back():
        fresh = {name: _again(record) for name, record in records.items()}
        change = fresh["change"]
        fresh["evidence"] = Evidence.objects.get(change=change)
        fresh["link"] = change.systems.get()
        fresh["approval"] = change.approvals.get()
        mailed = list(AuditCheckpoint.objects.order_by("pk").values_list("note", flat=True))
        yield Scene(fresh, mailed)


def _again(record: Any) -> Any:
    if isinstance(record, Company):
        values = vars(record).items()
        return Company(**{name: type(row).objects.get(pk=row.pk) for name, row in values})
    return type(record).objects.get(pk=record.pk)


@pytest.fixture
def sealed(log_key: notes.Signer) -> sealer.Sealed:
    """A log in which twenty events and what the installation wrote are sealed."""
    happen(20)
    return sealer.seal()


@pytest.fixture
def closed(company: Company, log_key: Signer) -> EmergencyChange:
    """A change taken through the whole process, sealed, with a heartbeat."""
    change = a_change(company, "closed")
    heartbeat.heartbeat()
    sealer.seal()
    return change
