"""A log with a key of its own, and folders of this test's own for what is attached and packed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings

from ecportal.audit import keys
from ecportal.audit.notes import Signer


@pytest.fixture
def log_key(tmp_path: Path) -> Iterator[Signer]:
    """The key of a new log; its state starts empty, as the database does."""
    storages = {**settings.STORAGES}
    for name, folder in (("default", "evidence"), ("packs", "packs")):
        options = {**storages[name]["OPTIONS"], "location": str(tmp_path / folder)}
        storages[name] = {**storages[name], "OPTIONS": options}
    with override_settings(
        STORAGES=storages,
        AUDIT_SIGNING_KEY=tmp_path / "audit" / "signing.key",
        AUDIT_CHECKPOINT_FILE=tmp_path / "audit" / "checkpoints.txt",
        AUDIT_VKEYS=(),
    ):
        yield keys.generate("portal.example.com")
