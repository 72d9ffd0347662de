"""Writes evidence packs: the log, or a part of it with documents to read, in a zip.

What a pack is, byte for byte, is laid down in `verify_pack`, which travels in each one.
"""

import json
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

from django.db import connection, models

from ecportal.audit import attestation, reads, verify_pack
from ecportal.audit.counts import unsealed_count
from ecportal.audit.drift import tracked_models
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.verification import scope
from ecportal.audit.verification.orders import is_erased, orders
from ecportal.audit.verification.snapshot import snapshot

CHUNK = 2000
BLOCK = 1 << 20


class Manifest(NamedTuple):
    """What was written: counts, the SHA-256 and size in bytes of the pack itself.

    `missing` names attachments, by their digests, whose stored bytes are gone or others: the pack
    will not verify. `unsealed` events are not in it, having no place in the log yet.
    """

    leaves: int
    events: int
    full: bool
    attachments: int
    missing: tuple[str, ...]
    unsealed: int
    sha256: str
    size: int


class NotExported(Exception):
    """The pack could not be made; says why in a sentence."""


class Part(NamedTuple):
    """A part of the log: these events, and the files by name that were made of it to be read.

    One of the events is the rendering that names the digest of the files.
    """

    events: set[int]
    documents: Mapping[str, Path]


def write_pack(out: BinaryIO, *, record: str | None = None, part: Part | None = None) -> Manifest:
    """Write the pack of the whole log, of one record and what refers to it, or of a part.

    All as of one moment: the same database gives the same bytes. `record` is as for `verify`;
    CannotVerify if there is none. Needs room for the pack in the folder for temporary files;
    memory does not grow with it.
    """
    with ExitStack() as stack:
        writing = _Writing(stack)
        with snapshot():
            if record is not None:
                part = Part(scope.of(record).event_ids(), {})
            writing.gather(part)
        # The database is not kept waiting for a slow reader of the pack.
        return writing.write(out)


def note_export(manifest: Manifest, record: str | None) -> None:
    """Write the event that says that a pack left the portal; in the caller's transaction."""
    attestation.record(
        reads.EXPORT,
        record=record or "",
        leaves=manifest.leaves,
        events=manifest.events,
        sha256=manifest.sha256,
    )


class _Member(NamedTuple):
    size: int
    crc: int
    sha256: str
    opened: Callable[[], Any]


class _Spool:
    """A member that is made line by line, in a temporary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size, self.crc, self.digest = file, 0, 0, sha256()

    def add(self, data: bytes) -> None:
        self.size += self.file.write(data)
        self.crc = zlib.crc32(data, self.crc)
        self.digest.update(data)

    def member(self) -> _Member:
        @contextmanager
        def opened() -> Iterator[IO[bytes]]:
            self.file.seek(0)
            yield self.file

        return _Member(self.size, self.crc, self.digest.hexdigest(), opened)


class _Writing:
    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.facts = verify_pack.Facts()
        self.members: dict[str, _Member] = {}
        self.missing: list[str] = []
        self.unsealed = 0

    def gather(self, part: Part | None) -> None:
        self.unsealed = unsealed_count()
        self._spool(verify_pack.CHECKPOINTS, self._checkpoints())
        self._spool(verify_pack.LEAVES, self._leaves())
        self._spool(verify_pack.EVENTS, self._events(part))
        for digest in sorted(self.facts.files):
            self._attach(digest)
        if part is not None and part.documents:
            self._add_documents(part.documents)
        program = Path(verify_pack.__file__).read_bytes()
        self._spool(verify_pack.PROGRAM, iter([program]))
        self._spool(verify_pack.MANIFEST, iter([self.facts.manifest()]))
        self._spool(verify_pack.README, iter([self.facts.readme()]))

    def _spool(self, name: str, parts: Iterator[bytes]) -> None:
        file = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - in the stack
        spool = _Spool(file)
        for part in parts:
            spool.add(part)
        self.members[name] = spool.member()

    def _checkpoints(self) -> Iterator[bytes]:
        notes = AuditCheckpoint.objects.order_by("pk").values_list("note", flat=True)
        between = b""
        for note in notes.iterator(CHUNK):
            yield between + note.encode()
            between = b"\n"
            try:
                self.facts.add_checkpoint(verify_pack.read_checkpoint(note))
            except verify_pack.Refused:
                continue  # goes into the pack as it is, for the reader to see

    def _leaves(self) -> Iterator[bytes]:
        rows = AuditLeaf.objects.order_by("idx").values_list("leaf_hash", flat=True)
        for leaf_hash in rows.iterator(CHUNK):
            self.facts.leaves += 1
            yield f"{leaf_hash}\n".encode()

    def _events(self, part: Part | None) -> Iterator[bytes]:
        for index, body in _bodies("") if part is None else _chosen_bodies(part.events):
            # An altered one goes into the pack as it is, for the reader to see.
            with suppress(*verify_pack.UNFIT):
                self.facts.add_event(index, None if body is None else json.loads(body))
            yield verify_pack.event_line(index, body) + b"\n"

    def _add_documents(self, documents: Mapping[str, Path]) -> None:
        listed = (verify_pack.CHECKPOINTS, verify_pack.EVENTS, verify_pack.LEAVES)
        self.facts.sha256 = {name: self.members[name].sha256 for name in listed}
        for name, path in documents.items():
            with path.open("rb") as file:
                size, crc, found = _measure(file)
            self.members[name] = _Member(size, crc, found, partial(path.open, "rb"))
            self.facts.documents[name] = found

    def _attach(self, digest: str) -> None:
        """Add the stored file with this digest, unless its bytes are gone or others."""
        for storage, name in _stored(digest):
            try:
                with storage.open(name, "rb") as file:
                    size, crc, found = _measure(file)
            except OSError:
                continue
            if found == digest:
                opened = partial(storage.open, name, "rb")
                self.members[f"attachments/{digest}"] = _Member(size, crc, digest, opened)
                self.facts.attachments += 1
                return
        self.missing.append(digest)

    def write(self, out: BinaryIO) -> Manifest:
        digest, size = sha256(), 0
        for part in self._bytes():
            digest.update(part)
            size += len(part)
            out.write(part)
        facts = self.facts
        return Manifest(
            leaves=facts.leaves,
            events=facts.events,
            full=facts.full,
            attachments=facts.attachments,
            missing=tuple(self.missing),
            unsealed=self.unsealed,
            sha256=digest.hexdigest(),
            size=size,
        )

    def _bytes(self) -> Iterator[bytes]:
        listed: list[verify_pack.Member] = []
        for name, member in sorted(self.members.items()):
            entry = verify_pack.Member(name, member.size, member.crc)
            listed.append(entry)
            yield verify_pack.local_header(entry)
            crc = 0
            with member.opened() as file:
                while block := file.read(BLOCK):
                    crc = zlib.crc32(block, crc)
                    yield block
            if crc != member.crc:
                raise NotExported(f"{name} changed while it was exported. Export it again.")
        yield verify_pack.central_directory(listed)


def _bodies(where: str, parameters: tuple[Any, ...] = ()) -> Iterator[tuple[int, str | None]]:
    event, leaf = AuditEvent._meta.db_table, AuditLeaf._meta.db_table
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"SELECT l.idx, e.body FROM {leaf} l LEFT JOIN {event} e ON e.id = l.event_id"
            f" {where} ORDER BY l.idx",
            parameters,
        )
        while rows := cursor.fetchmany(CHUNK):
            yield from rows


def _chosen_bodies(chosen: set[int]) -> Iterator[tuple[int, str | None]]:
    """Yield those of the events that are sealed, and the orders by which some were erased."""
    wanted: set[int] = set()
    events = sorted(chosen)
    for first in range(0, len(events), CHUNK):
        leaves = AuditLeaf.objects.filter(event_id__in=events[first : first + CHUNK])
        wanted.update(leaves.values_list("idx", flat=True))
    wanted |= set(_orders_about(wanted))
    indexes = sorted(wanted)
    for first in range(0, len(indexes), CHUNK):
        part = indexes[first : first + CHUNK]
        marks = ", ".join(["%s"] * len(part))
        yield from _bodies(f"WHERE l.idx IN ({marks})", tuple(part))


def _orders_about(indexes: set[int]) -> Iterator[int]:
    for pk, fields in orders():
        if {int(index) for index in str(fields["leaves"]).split()} & indexes:
            yield from AuditLeaf.objects.filter(event_id=pk).values_list("idx", flat=True)


def _stored(digest: str) -> Iterator[tuple[Any, str]]:
    """Yield where a file with this digest is said to be stored."""
    for model in tracked_models():
        columns = {field.name for field in model._meta.concrete_fields}
        if {"file", "sha256"} <= columns:
            storage = _storage(model)
            rows = model._base_manager.filter(sha256=digest).exclude(file="")
            for name in rows.order_by("pk").values_list("file", flat=True).distinct():
                if not is_erased(name):
                    yield storage, name


def _storage(model: type[models.Model]) -> Any:
    return model._meta.get_field("file").storage  # type: ignore[union-attr]


def _measure(file: Any) -> tuple[int, int, str]:
    size, crc, digest = 0, 0, sha256()
    while block := file.read(BLOCK):
        size, crc = size + len(block), zlib.crc32(block, crc)
        digest.update(block)
    return size, crc, digest.hexdigest()
