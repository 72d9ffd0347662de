"""Builds an evidence pack: documents for each change, an event that binds them, and the trail.

The event is written before the pack, so that its seal is in it: the signature covers the documents
too. As long as nothing new is told of the changes, the same event serves again.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Final, cast

from django.utils import timezone

from changes.models import EmergencyChange
from ecportal.audit import attestation, verify_pack
from ecportal.audit.kinds import REDACTION
from ecportal.audit.models import AuditCheckpoint, AuditEvent, AuditLeaf
from ecportal.audit.pack import Manifest, Part, write_pack
from ecportal.audit.verification.snapshot import snapshot
from reviews.packs.history import NotSealed, Told, events_about, record_text
from reviews.packs.ledger import entries_of
from reviews.packs.printing import printed
from reviews.packs.story import told, whole

PATIENCE: Final = 60.0
"""Seconds to wait for the sealer, which usually needs one."""
TRIES: Final = 5
UNSEALED: Final = (
    "What was recorded is not sealed yet, so nobody could verify the pack. "
    "Start the sealer (`manage.py audit_seal --loop 1`), then build it again."
)
BLOCK: Final = 1 << 20
PREFIX: Final = "ecportal-pack-"
"""Begins the name of each builder's own folder for temporary files."""


class CannotBuild(Exception):
    """There is no pack; says why and what to do."""


@dataclass(frozen=True)
class Choice:
    """Which changes; of a period, its first and last day, and what was left out of it."""

    numbers: tuple[str, ...]
    begins_on: date | None = None
    ends_on: date | None = None
    withheld: tuple[str, ...] = ()


Tell = Callable[[str, int], object]
"""Is told what is being done, and how many changes are done."""


def pause() -> None:
    """Give the sealer a moment."""
    time.sleep(0.2)


def build(
    choice: Choice,
    out: BinaryIO,
    *,
    tell: Tell = lambda stage, done: None,
    unsealed: Callable[[], object] = pause,
) -> Manifest:
    """Write the pack of these changes; the same sealed trail gives the same bytes.

    `unsealed` is called as long as something waits for its seal. CannotBuild after a minute of
    that, and where a change is not there. Writes one event, so call it outside of transactions.
    """
    for _attempt in range(TRIES):
        tell("Waiting for the seal", 0)
        _await_seal(AuditEvent.objects.latest("pk").pk, unsealed)
        with TemporaryDirectory(prefix=PREFIX) as folder:
            try:
                return _Building(choice, Path(folder), tell).write(out, unsealed)
            except NotSealed:
                out.seek(0)
                out.truncate()
    raise CannotBuild("The changes were worked on all the while. Build the pack again.")


class _Telling:
    """What is written goes on to the file, and each part is a sign of life."""

    def __init__(self, out: BinaryIO, tell: Callable[[], object]) -> None:
        self.out, self.tell = out, tell

    def write(self, data: bytes) -> int:
        self.tell()
        return self.out.write(data)


class _Building:
    def __init__(self, choice: Choice, folder: Path, tell: Tell) -> None:
        self.choice, self.folder, self.tell = choice, folder, tell
        self.documents: dict[str, Path] = {}
        self.digests: dict[str, str] = {}
        self.events: set[int] = set()

    def write(self, out: BinaryIO, unsealed: Callable[[], object]) -> Manifest:
        erased = _newest_erasure()
        self._render()
        rendering = self._rendering()
        self.tell("Waiting for the seal", len(self.choice.numbers))
        _await_seal(rendering, unsealed)
        written = cast("BinaryIO", _Telling(out, self._tell_of_writing))
        self._tell_of_writing()
        manifest = write_pack(written, part=Part({*self.events, rendering}, self.documents))
        if _newest_erasure() != erased:
            raise NotSealed  # what was rendered may hold what must go
        return manifest

    def _tell_of_writing(self) -> None:
        self.tell("Writing the pack", len(self.choice.numbers))

    # --- documents ------------------------------------------------------------------------------
    def _render(self) -> None:
        (self.folder / "changes").mkdir()
        listed = []
        with self._open("mail-ledger.json") as ledger:
            between = "[\n"
            for done, number in enumerate(self.choice.numbers):
                self.tell(f"Writing {number}", done)
                with snapshot():
                    change = _the(number)
                    listed.append(self._change(change))
                    for entry in entries_of(change):
                        ledger.write(f"{between}{_line(entry)}".encode())
                        between = ",\n"
            ledger.write(b"[]\n" if between == "[\n" else b"\n]\n")
        self._add("contents.json", (json.dumps(self._contents(listed), indent=1) + "\n").encode())
        self._digest("mail-ledger.json")

    def _change(self, change: EmergencyChange) -> dict[str, str]:
        events = events_about(change)
        as_of = _newest(events)
        story = told(change, as_of, events[-1].leaf)
        text = record_text(change.number, story, events)
        self._add(f"changes/{change.number}.json", text)
        self._add(f"changes/{change.number}.pdf", printed(story, as_of))
        self.events.update(one.event for one in events)
        return {"number": change.number, "status": change.status}

    def _contents(self, listed: Sequence[dict[str, str]]) -> dict[str, Any]:
        choice = self.choice
        period = None
        if choice.begins_on and choice.ends_on:
            period = {
                "opened from": str(choice.begins_on),
                "opened until": str(choice.ends_on),
                "time zone": str(timezone.get_default_timezone()),
            }
        return {
            "format": "ecportal pack contents 1",
            "changes": listed,
            "period": period,
            "withheld because confidential": list(choice.withheld),
        }

    def _open(self, name: str) -> BinaryIO:
        self.documents[name] = self.folder / name
        return self.documents[name].open("wb")

    def _add(self, name: str, data: bytes) -> None:
        with self._open(name) as file:
            file.write(data)
        self.digests[name] = sha256(data).hexdigest()

    def _digest(self, name: str) -> None:
        digest = sha256()
        with self.documents[name].open("rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
        self.digests[name] = digest.hexdigest()

    # --- the event that binds them --------------------------------------------------------------
    def _rendering(self) -> int:
        """Return the event that names the digest of these documents; write it if there is none."""
        digest = sha256(verify_pack.listing(self.digests)).hexdigest()
        known = AuditEvent.objects.filter(
            kind=verify_pack.RENDERING, body__contains=f'"documents":"{digest}"'
        )
        found = known.order_by("pk").first()
        if found is None:
            found = attestation.record(
                verify_pack.RENDERING, documents=digest, changes=" ".join(self.choice.numbers)
            )
        return int(found.pk)


def _the(number: str) -> EmergencyChange:
    try:
        return whole(number)
    except EmergencyChange.DoesNotExist:
        raise CannotBuild(f"There is no change {number}.") from None


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False, sort_keys=True)


def _newest(events: Sequence[Told]) -> datetime:
    """Return when the newest of the events was written, aware."""
    times: Iterator[str] = (json.loads(one.body)["at"] for one in events if one.body is not None)
    newest = max(times, default="1970-01-01T00:00:00.000000Z")
    return datetime.strptime(newest, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def _newest_erasure() -> int:
    orders = AuditEvent.objects.filter(kind=REDACTION).order_by("-pk")
    return orders.values_list("pk", flat=True).first() or 0


def _await_seal(event: int, unsealed: Callable[[], object]) -> None:
    """Wait until the event is sealed and signed; CannotBuild after a minute of waiting."""
    end = time.monotonic() + PATIENCE
    while not _is_signed(event):
        unsealed()
        if time.monotonic() > end and not _is_signed(event):
            raise CannotBuild(UNSEALED)


def _is_signed(event: int) -> bool:
    leaf = AuditLeaf.objects.filter(event_id=event).first()
    return leaf is not None and AuditCheckpoint.objects.filter(size__gt=leaf.idx).exists()
