"""Keys, checkpoints and evidence in a folder of a test's own."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.test import override_settings


def files_in(folder: Path) -> Any:
    """Return the settings under which keys, checkpoints and evidence lie in this folder."""
    storages = {**settings.STORAGES}
    options = {"location": str(folder / "evidence"), "base_url": None}
    storages["default"] = {**storages["default"], "OPTIONS": options}
    return override_settings(
        AUDIT_SIGNING_KEY=folder / "audit" / "signing.key",
        AUDIT_CHECKPOINT_FILE=folder / "audit" / "checkpoints.txt",
        STORAGES=storages,
        # Pinned, as in production: what lies beside the key on the attacked machine is not asked.
        AUDIT_VKEYS=[keys_vkey(folder)] if (folder / "audit").exists() else [],
        AUDIT_STRICT=False,
    )


def keys_vkey(folder: Path) -> str:
    return (folder / "audit" / "signing.key.vkey").read_text().split()[0]
