"""Fixtures that every test may use: the people of a small company, and a log to sign."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from django.test import override_settings

from ecportal.audit import keys
from ecportal.audit.notes import Signer
from tests.audit.folders import files_in
from tests.scenario import Company, found_company

# Thousands of tests keep much alive that is never garbage; looking for some took a twentieth.
gc.set_threshold(100_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no worker ends long after the others.

    What commits stays behind what is rolled back, as pytest-django orders it. Left out of the run
    on PostgreSQL is what needs one database, whichever.
    """
    items.sort(key=lambda item: (commits(item), item.get_closest_marker("slow") is None))
    if connection.vendor == "postgresql":
        skip = pytest.mark.skip(reason="tells nothing more on a second database")
        for item in items:
            if item.get_closest_marker("once"):
                item.add_marker(skip)


def commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return bool(marker and marker.kwargs.get("transaction")) or bool(
        {"transactional_db", "live_server"} & set(getattr(item, "fixturenames", ()))
    )


@pytest.fixture
def company(db: None) -> Company:
    """A company with two Engineers, two Leads, an Auditor, a Role Administrator and a system."""
    return found_company()


@pytest.fixture
def log_key(tmp_path: Path) -> Iterator[Signer]:
    """The key of a new log; its state starts empty, as the database does."""
    with files_in(tmp_path), override_settings(AUDIT_VKEYS=(), AUDIT_STRICT=True):
        yield keys.generate("portal.example.com")
