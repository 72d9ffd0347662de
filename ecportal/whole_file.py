"""Writes a file whole or not at all, beside where it will be."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast


class Draft:
    """A file on its way: `file` is written and read, `keep` puts it in its place."""

    def __init__(self, path: Path, file: BinaryIO, out: Path) -> None:
        self.path, self.file, self._out = path, file, out

    def keep(self) -> None:
        """Give the file its name, once all that was written is on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.path.replace(self._out)


@contextmanager
def draft_of(out: Path) -> Iterator[Draft]:
    """Give a draft beside `out`, for its owner's eyes alone; what is not kept is removed.

    OSError where the folder cannot be written to. What was under that name stays until `keep`.
    """
    descriptor, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield Draft(path, cast("BinaryIO", file), out)
    finally:
        path.unlink(missing_ok=True)
