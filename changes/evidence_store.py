"""Keeps each content once, under its digest, in a folder, and never writes over it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.files.storage import FileSystemStorage


class AlteredInStoreError(OSError):
    """What is stored under this digest is not what was stored there."""


def require_same_size(name: str, kept: int, given: int) -> None:
    """Raise AlteredInStoreError unless what is kept under a digest has the size of the new."""
    if kept != given:
        raise AlteredInStoreError(f"{name} was stored with {given} bytes and has {kept} now.")


class EvidenceFolder(FileSystemStorage):
    """A folder; a file appears in it whole or not at all, and is read-only from then on."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def _save(self, name: str, content: Any) -> str:
        kept = Path(self.path(name))
        if kept.exists():
            require_same_size(name, kept.stat().st_size, content.size)
            return name
        kept.parent.mkdir(parents=True, exist_ok=True)
        incoming = kept.with_name(f".incoming-{uuid4().hex}")
        try:
            with incoming.open("xb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            incoming.chmod(0o440)
            # A link, not a move: whoever came first with the same bytes stays.
            with suppress(FileExistsError):
                kept.hardlink_to(incoming)
        finally:
            incoming.unlink(missing_ok=True)
        return name
