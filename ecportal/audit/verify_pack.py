"""Verifies an evidence pack of ecportal without ecportal: needs Python 3.9 and `cryptography`.

    python verify_pack.py PACK.zip --vkey "name+id+key" [--checkpoint NOTE.txt ...] [--json]

Exit code 0: verified. 1: not verified, each reason on a line of its own. 2: could not run.

The vkey is the public key that you were given when you began; never take it from a pack. A
checkpoint is a signed note that you received earlier, by mail for instance: it shows that nothing
which was signed by then has been rewritten since, even by somebody who holds the signing key.

What is bound by what: the signed root binds every leaf hash; a leaf hash binds the text of its
event; an event names the SHA-256 of its attachment. Documents (PDF, JSON) are what the portal made
of its records to be read: a `rendering` event binds them all, and the JSON of a change must hold
exactly the events that are in the pack. The manifest, the README and this program are no evidence:
they must be exactly what this program makes of the evidence, byte for byte, and so must the zip
around them. For one body of evidence there is one pack.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:  # said in a sentence by main
    Ed25519PublicKey = None  # type: ignore[assignment, misc]

FORMAT = "ecportal evidence pack 1"
README, CHECKPOINTS, EVENTS = "README.txt", "checkpoints.txt", "events.jsonl"
LEAVES, MANIFEST, PROGRAM = "leaves.txt", "manifest.json", "verify_pack.py"
NAMES = (README, CHECKPOINTS, EVENTS, LEAVES, MANIFEST, PROGRAM)
ATTACHMENT = re.compile(r"attachments/([0-9a-f]{64})")
RECORD = re.compile(r"changes/[A-Z0-9][A-Z0-9-]{0,39}\.json")
DOCUMENT = re.compile(
    r"changes/[A-Z0-9][A-Z0-9-]{0,39}\.(?:json|pdf)|contents\.json|mail-ledger\.json"
)
RECORD_FORMAT = "ecportal change record 1"
RENDERING = "rendering"
"""The kind of event that names the digest of all documents of a pack."""
ERASED = "[redacted]"
"""Stands in an event for a value that was erased before the event was written."""

BIG = LARGE = 0xFFFFFFFF  # stands for a size from LARGE on, which follows in 64 bits
MANY = 0xFFFF
_DATE = 0x0021  # 1980-01-01, zip's first day
_UNIX, _MODE = 3 << 8, 0o100644 << 16
DIRECTORY_LIMIT = 1 << 27  # bytes: about a million attachments
NOTE_LIMIT = 1 << 24
LINE_LIMIT = 1 << 25
RECORD_LIMIT = 1 << 28
CHUNK = 1 << 20


class Refused(Exception):
    """The pack cannot be read any further; says why."""


class CannotRun(Exception):
    """An argument is of no use; says why."""


# --- the zip: stored members in the order of their names, nothing else ---------------------------
class Member(NamedTuple):
    name: str
    size: int
    crc: int


def local_header(member: Member) -> bytes:
    """Return the bytes before a member's own."""
    name, size, extra, version = member.name.encode(), member.size, b"", 20
    if size >= LARGE:
        extra, size, version = struct.pack("<HHQQ", 1, 16, size, size), BIG, 45
    numbers = (version, 0, 0, 0, _DATE, member.crc, size, size, len(name), len(extra))
    return struct.pack("<4s5H3L2H", b"PK\3\4", *numbers) + name + extra


def _entry(member: Member, offset: int) -> bytes:
    name, size, wide, version = member.name.encode(), member.size, b"", 20
    if size >= LARGE:
        wide, size, version = struct.pack("<QQ", size, size), BIG, 45
    if offset >= LARGE:
        wide, offset, version = wide + struct.pack("<Q", offset), BIG, 45
    extra = struct.pack("<HH", 1, len(wide)) + wide if wide else b""
    numbers = (_UNIX | version, version, 0, 0, 0, _DATE, member.crc, size, size)
    rest = (len(name), len(extra), 0, 0, 0, _MODE, offset)
    return struct.pack("<4s6H3L5H2L", b"PK\1\2", *numbers, *rest) + name + extra


def central_directory(members: Iterable[Member]) -> bytes:
    """Return the bytes after the last member, to the end of the zip."""
    entries, offset, count = bytearray(), 0, 0
    for member in members:
        entries += _entry(member, offset)
        offset += len(local_header(member)) + member.size
        count += 1
    length = len(entries)
    if count >= MANY or offset >= LARGE:
        numbers = (44, _UNIX | 45, 45, 0, 0, count, count, length, offset)
        entries += struct.pack("<4sQ2H2L4Q", b"PK\6\6", *numbers)
        entries += struct.pack("<4sLQL", b"PK\6\7", 0, offset + length, 1)
        count, length, offset = 0xFFFF, BIG, BIG
    return bytes(entries) + struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, count, count, length, offset, 0
    )


def _read_at(file: BinaryIO, offset: int, length: int) -> bytes:
    if offset < 0:
        raise Refused("This is no evidence pack: it is too short.")
    file.seek(offset)
    return file.read(length)


def _directory_offset(file: BinaryIO, length: int) -> int:
    end = _read_at(file, length - 22, 22)
    if len(end) != 22 or end[:4] != b"PK\5\6":
        raise Refused("This is no evidence pack: it does not end as one (cut off, or added to).")
    offset = int(struct.unpack("<L", end[16:20])[0])
    if offset == BIG:
        record = _read_at(file, length - 98, 56)
        offset = int(struct.unpack("<Q", record[48:56])[0])
    return offset


def read_members(file: BinaryIO) -> list[Member]:
    """Return what the zip holds; Refused unless its directory is exactly as this format has it."""
    length = file.seek(0, os.SEEK_END)
    offset = _directory_offset(file, length)
    if not 0 <= length - offset <= DIRECTORY_LIMIT:
        raise Refused("This is no evidence pack: its directory is out of bounds.")
    directory = _read_at(file, offset, length - offset)
    members, at = [], 0
    while directory[at : at + 4] == b"PK\1\2" and len(directory) >= at + 46:
        crc, size = struct.unpack("<LL", directory[at + 16 : at + 24])
        name_length, extra_length = struct.unpack("<HH", directory[at + 28 : at + 32])
        name = directory[at + 46 : at + 46 + name_length]
        extra = directory[at + 46 + name_length : at + 46 + name_length + extra_length]
        if size == BIG and len(extra) >= 12:
            size = struct.unpack("<Q", extra[4:12])[0]
        members.append(Member(name.decode("ascii", "replace"), size, crc))
        at += 46 + name_length + extra_length
    _check_names([member.name for member in members])
    if central_directory(members) != directory:
        raise Refused("The zip's directory was altered: it is not as ecportal writes it.")
    return members


def _check_names(names: list[str]) -> None:
    missing = [name for name in NAMES if name not in names]
    if missing:
        raise Refused(f"The pack lacks {', '.join(missing)}.")
    known = re.compile(f"{ATTACHMENT.pattern}|{DOCUMENT.pattern}")
    foreign = [name for name in names if name not in NAMES and not known.fullmatch(name)]
    if foreign:
        raise Refused(f"The pack holds what belongs to no pack: {ascii(foreign[0])[:100]}.")
    if names != sorted(set(names)):
        raise Refused("The pack names a member twice, or not in order.")


class Pack:
    """The members of an open pack; whatever is read is checked against header and checksum."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.members = read_members(file)
        self._where: dict[str, tuple[Member, int]] = {}
        self.sha256: dict[str, str] = {}
        offset = 0
        for member in self.members:
            self._where[member.name] = (member, offset)
            offset += len(local_header(member)) + member.size

    def chunks(self, name: str) -> Iterator[bytes]:
        member, offset = self._where[name]
        header = local_header(member)
        if _read_at(self.file, offset, len(header)) != header:
            raise Refused(f"The zip was altered: {name} does not begin as its directory says.")
        crc, left, digest = 0, member.size, hashlib.sha256()
        while left:
            chunk = self.file.read(min(left, CHUNK))
            if not chunk:
                raise Refused(f"{name} is cut off.")
            crc, left = zlib.crc32(chunk, crc), left - len(chunk)
            digest.update(chunk)
            yield chunk
        if crc != member.crc:
            raise Refused(f"{name} was altered: its checksum is wrong.")
        self.sha256[name] = digest.hexdigest()

    def part(self, name: str, offset: int, length: int) -> bytes:
        """Return bytes of a member that was read to its end before."""
        member, start = self._where[name]
        return _read_at(self.file, start + len(local_header(member)) + offset, length)

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the member's lines without their ends; the last one has an end too."""
        rest = b""
        for chunk in self.chunks(name):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
            if len(rest) > LINE_LIMIT:
                raise Refused(f"{name} has a line that is too long for this program.")
        if rest:
            raise Refused(f"{name} does not end with a whole line.")

    def read(self, name: str, limit: int) -> bytes:
        if self._where[name][0].size > limit:
            raise Refused(f"{name} is too long.")
        return b"".join(self.chunks(name))


# --- the tree of RFC 6962, and signed notes of C2SP ----------------------------------------------
class Frontier:
    """The roots of the full subtrees of the leaves so far, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.hashes: list[bytes] = []

    def push(self, leaf: bytes) -> None:
        self.hashes.append(leaf)
        self.size += 1
        size = self.size
        while size % 2 == 0:
            right = self.hashes.pop()
            self.hashes[-1] = hashlib.sha256(b"\1" + self.hashes[-1] + right).digest()
            size //= 2

    def root(self) -> bytes:
        if not self.hashes:
            return hashlib.sha256(b"").digest()
        root = self.hashes[-1]
        for left in reversed(self.hashes[:-1]):
            root = hashlib.sha256(b"\1" + left + root).digest()
        return root


class Key(NamedTuple):
    """A verifier key: name+id+base64(0x01, public key)."""

    name: str
    key_id: bytes
    public: bytes


def parse_vkey(text: str) -> Key:
    """Return the key; CannotRun if the text is none, or an id that does not belong to it."""
    name, _plus, rest = text.strip().partition("+")
    digits, _plus, encoded = rest.partition("+")
    try:
        key_id, data = bytes.fromhex(digits), base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        key_id, data = b"", b""
    expected = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    if not name or len(data) != 33 or data[0] != 1 or key_id != expected:
        raise CannotRun(f"{text[:80]!r} is no verifier key such as name+1a2b3c4d+AbCd….")
    return Key(name, key_id, data[1:])


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


_CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,17})\n([A-Za-z0-9+/]{43}=)\n")
# In a file that somebody kept: a checkpoint, and what looks like signatures after an empty line.
_IN_A_FILE = re.compile(
    "^[^\n]+\n(?:0|[1-9][0-9]*)\n[A-Za-z0-9+/]{43}=\n\n(?:\u2014 [^\n]*\n)+", re.MULTILINE
)
_SIGNATURE = re.compile("\u2014 ([^ +\n]+) ([A-Za-z0-9+/]+={0,2})")


def split_notes(text: str) -> list[str]:
    """Return the notes of a file that holds them one after the other, a blank line between."""
    parts = text.split("\n\n")
    if len(parts) % 2 or not text.endswith("\n"):
        raise Refused("This is no list of signed notes.")
    parts[-1] = parts[-1][:-1]
    return [f"{parts[n]}\n\n{parts[n + 1]}\n" for n in range(0, len(parts), 2)]


def read_checkpoint(note: str) -> Checkpoint:
    """Return what a note says, signed or not; Refused if it is no checkpoint."""
    body, _blank, rest = note.partition("\n\n")
    found = _CHECKPOINT.fullmatch(body + "\n")
    if found is None or not rest.endswith("\n"):
        raise Refused("it is no signed checkpoint.")
    return Checkpoint(found[1], int(found[2]), base64.b64decode(found[3]))


def open_note(note: str, keys: list[Key], *, strict: bool) -> Checkpoint:
    """Return what was signed; Refused unless the key of the log that it names did.

    Signatures of unknown keys are passed over, unless `strict`: then they are refused too.
    """
    checkpoint = read_checkpoint(note)
    body, _blank, rest = note.partition("\n\n")
    good = False
    for line in rest[:-1].split("\n"):
        known = _signed_by(line, body + "\n", keys)
        if known is None and strict:
            raise Refused("it has a signature of a key that you did not give with --vkey.")
        good = good or (known is not None and known.name == checkpoint.origin)
    if not good:
        raise Refused("none of the keys that you gave signed it for the log that it names.")
    return checkpoint


def _signed_by(line: str, text: str, keys: list[Key]) -> Key | None:
    found = _SIGNATURE.fullmatch(line)
    if found is None:
        raise Refused("it has a line that is no signature.")
    try:
        signature = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        raise Refused("it has a line that is no signature.") from None
    for key in keys:
        if key.name == found[1] and signature[:4] == key.key_id:
            # Spare bits at the end of base64 would be bytes that nobody signed.
            if base64.b64encode(signature).decode() != found[2]:
                raise Refused("its signature is written in an unusual way.")
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signature[4:], text.encode())
            except (InvalidSignature, ValueError):
                raise Refused(f"its signature of {key.name} is wrong.") from None
            return key
    return None


UNFIT = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What reading an event raises that ecportal did not write."""


# --- what the evidence says of itself ------------------------------------------------------------
class Facts:
    """What is counted while the evidence is read; manifest and README are made of it alone."""

    def __init__(self) -> None:
        self.origin = ""
        self.leaves = self.checkpoints = self.events = self.redacted = 0
        self.root = ""
        self.kinds: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.times: list[str] = []
        self.files: set[str] = set()
        self.ordered: set[int] = set()
        self.erased: set[int] = set()
        self.attachments = 0
        self.renderings: list[str] = []
        self.documents: dict[str, str] = {}
        """Name and SHA-256 of each document."""
        self.sha256: dict[str, str] = {}
        """Name and SHA-256 of what a manifest lists beside them; only where there are documents."""

    def add_checkpoint(self, checkpoint: Checkpoint) -> None:
        self.checkpoints += 1
        self.origin = checkpoint.origin
        self.root = base64.b64encode(checkpoint.root).decode()

    def add_event(self, index: int, body: Any) -> None:
        """Count an event: its content, or None where that was erased."""
        if body is None:
            self.events += 1
            self.redacted += 1
            self.erased.add(index)
            return
        kind, source, at = str(body["kind"]), body["source"], str(body["at"])
        fields = body["fields"]
        named = bool(fields.get("file")) and fields["file"] != ERASED
        orders = str(fields.get("leaves", "")).split() if kind == "redaction" else []
        ordered = {int(number) for number in orders}
        self.events += 1
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        if source is not None:
            self.sources[str(source)] = self.sources.get(str(source), 0) + 1
        self.times = [min([*self.times, at]), max([*self.times, at])]
        self.ordered |= ordered
        if kind == RENDERING:
            self.renderings.append(str(fields["documents"]))
        if named and fields.get("sha256"):
            self.files.add(str(fields["sha256"]))

    @property
    def full(self) -> bool:
        return self.events == self.leaves

    def extent(self) -> str:
        """Return in a sentence how much of the log is here."""
        if self.full:
            return f"Full pack: all {self.leaves} events of the log."
        return (
            f"Partial pack: {self.events} of the {self.leaves} events of the log. What is here is "
            "genuine if the pack verifies; only a full pack shows that nothing was left out."
        )

    def manifest(self) -> bytes:
        first, last = self.times or ["", ""]
        facts = {
            "attachments": self.attachments,
            "checkpoints": self.checkpoints,
            "events": self.events,
            "events by kind": self.kinds,
            "events by source": self.sources,
            "first event": first,
            "format": FORMAT,
            "full": self.full,
            "last event": last,
            "leaves": self.leaves,
            "origin": self.origin,
            "redacted": self.redacted,
            "root": self.root,
        }
        if self.documents:
            facts["sha256"] = {**self.sha256, **self.documents}
        return (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode()

    def readme(self) -> bytes:
        about = _ABOUT_DOCUMENTS if self.documents else ""
        return _README.format(origin=self.origin, extent=self.extent(), documents=about).encode()


_ABOUT_DOCUMENTS = """changes/*.pdf     each change to be read and printed
changes/*.json    each change: what the PDF tells, the records as they stand, every event
mail-ledger.json  who was reminded of what, when, by which mail, with what result
contents.json     what was asked for, and which changes are here

These were made by the portal of its records. A "rendering" event in events.jsonl names the SHA-256
of the list "digest  name" of all of them, so they are what the portal made at that time. In the
JSON of a change, "history" and "records" follow from events.jsonl and are compared with it;
"told", the PDF and the mail ledger are the portal's own words.
"""


def listing(documents: dict[str, str]) -> bytes:
    """Return the list of documents whose SHA-256 a rendering event names."""
    return "".join(f"{documents[name]}  {name}\n" for name in sorted(documents)).encode()


def record_text(content: dict[str, Any]) -> bytes:
    """Return the JSON of a change as ecportal writes it."""
    return (json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def records_of(history: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return by kind and key each record as the last of its events left it.

    None stands for a record that was removed.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in history:
        event = entry["event"]
        if event is None or event["source"] is None:
            continue
        fields = event["fields"]
        own = {name: fields[name] for name in fields if not name.startswith("history_")}
        removed = fields.get("history_type") == "-"
        found.setdefault(str(event["source"]), {})[str(fields["id"])] = None if removed else own
    return found


_README = """Evidence pack of {origin}

{extent}

To verify it, take verify_pack.py from where you were given it, not from this pack (the two must
be the same file), and the public key that you were given when you began:

    python verify_pack.py PACK.zip --vkey "name+id+key" --checkpoint NOTE.txt

It needs Python 3.9 or newer and the package "cryptography". NOTE.txt is a checkpoint that you
received earlier; every one that you kept can be given.

checkpoints.txt   signed notes (C2SP tlog-checkpoint): size of the log, root hash, signature
leaves.txt        the leaf hash of every event of the log (RFC 6962), in order, in hexadecimal
events.jsonl      "idx" is the leaf's number, counted from 0; "body" is the event's exact text,
                  null where it was erased by order: SHA-256(0x00, body) is the leaf hash
attachments/      the files that the events name, each under its SHA-256
manifest.json     counts, made from the above
{documents}
manifest.json, this file and verify_pack.py are no evidence; the program refuses the pack unless
they are exactly what follows from it. A signature can be checked by hand too:
openssl pkeyutl -verify -rawin.
"""


def event_line(index: int, body: str | None) -> bytes:
    """Return an event's line of events.jsonl, without its end."""
    fields = {"body": body, "idx": index}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


# --- verifying -----------------------------------------------------------------------------------
class Verification:
    """One reading of one pack: findings as pairs of a code and a sentence."""

    def __init__(self, pack: Pack, keys: list[Key], notes: list[str], program: bytes) -> None:
        self.pack, self.keys, self.notes, self.program = pack, keys, notes, program
        self.findings: list[tuple[str, str]] = []
        self.facts = Facts()
        self.leaves = bytearray()
        self.has_documents = any(DOCUMENT.fullmatch(member.name) for member in pack.members)
        self.others: set[int] = set()
        """The leaves of events that are about no record: renderings, orders to erase."""
        self.places: dict[int, tuple[int, int]] = {}
        """Offset and length of each event's line; only where there are documents."""

    def find(self, code: str, sentence: str) -> None:
        self.findings.append((code, sentence))

    def run(self) -> None:
        self.check_tree(self.read_checkpoints())
        self.check_events()
        self.check_attachments()
        self.check_documents()
        self.check_derived()

    def read_checkpoints(self) -> dict[int, list[tuple[str, Checkpoint]]]:
        """Return the signed checkpoints, of the pack and of the reader, by size."""
        found: dict[int, list[tuple[str, Checkpoint]]] = {}
        notes = split_notes("\n".join(self._checkpoint_lines()) + "\n")
        for number, note in enumerate(notes, 1):
            where = f"Checkpoint {number} of the pack"
            self._open(note, where, found, strict=True)
        for number, note in enumerate(self.notes, 1):
            self._open(note, f"Your checkpoint {number}", found, strict=False)
        return found

    def _checkpoint_lines(self) -> Iterator[str]:
        for line in self.pack.lines(CHECKPOINTS):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                raise Refused("checkpoints.txt is no text.") from None

    def _open(self, note: str, where: str, found: dict[int, Any], *, strict: bool) -> None:
        try:
            checkpoint = open_note(note, self.keys, strict=strict)
        except Refused as refused:
            self.find("CHECKPOINT_SIG", f"{where} is not accepted: {refused}")
            return
        found.setdefault(checkpoint.size, []).append((where, checkpoint))
        if strict:
            if self.facts.origin not in ("", checkpoint.origin):
                self.find("CHECKPOINT_SIG", f"{where} is of another log, {checkpoint.origin!r}.")
            self.facts.add_checkpoint(checkpoint)
            self.signed_size = checkpoint.size
        elif self.facts.origin and checkpoint.origin != self.facts.origin:
            self.find("CHECKPOINT_SIG", f"{where} is of another log, {checkpoint.origin!r}.")

    def check_tree(self, checkpoints: dict[int, list[tuple[str, Checkpoint]]]) -> None:
        frontier = Frontier()
        self._compare(frontier, checkpoints)
        for line in self.pack.lines(LEAVES):
            if not re.fullmatch(rb"[0-9a-f]{64}", line):
                raise Refused(f"leaves.txt: line {frontier.size + 1} is no leaf hash.")
            leaf = bytes.fromhex(line.decode())
            frontier.push(leaf)
            self.leaves += leaf
            self._compare(frontier, checkpoints)
        self.facts.leaves = frontier.size
        for size in sorted(checkpoints):
            for where, _checkpoint in checkpoints[size] if size > frontier.size else ():
                self.find(
                    "TRUNCATED",
                    f"{where} was signed over {size} events, but the log here has only "
                    f"{frontier.size}: events were cut off, or the pack is older than it.",
                )
        signed = getattr(self, "signed_size", None)
        if signed is None:
            self.find("UNSIGNED", "The pack holds no checkpoint that a given key signed.")
        elif signed < frontier.size:
            self.find("UNSIGNED", f"Leaves {signed} to {frontier.size - 1} are not signed.")

    def _compare(self, frontier: Frontier, checkpoints: dict[int, Any]) -> None:
        for where, checkpoint in checkpoints.get(frontier.size, ()):
            if checkpoint.root != frontier.root():
                self.find(
                    "ROOT",
                    f"{where} was signed over other events: the first {frontier.size} leaves here "
                    "are not those that were signed.",
                )

    def check_events(self) -> None:
        last, offset = -1, 0
        for number, line in enumerate(self.pack.lines(EVENTS), 1):
            index, body = self._parse(number, line)
            if not last < index < self.facts.leaves:
                raise Refused(f"events.jsonl: line {number} is out of order.")
            last = index
            if self.has_documents:
                self.places[index] = (offset, len(line))
            offset += len(line) + 1
            self._check_event(index, body)
        for index in sorted(self.facts.erased - self.facts.ordered):
            self.find(
                "REDACTED_WITHOUT_ORDER",
                f"The event at leaf {index} was erased, and no event of the pack orders that.",
            )
        hashes = {bytes(self.leaves[n : n + 32]) for n in range(0, len(self.leaves), 32)}
        if len(hashes) != self.facts.leaves:
            self.find("DUP", "One event stands at two places of the log: it was replayed.")

    def _parse(self, number: int, line: bytes) -> tuple[int, str | None]:
        try:
            content = json.loads(line.decode())
            index, body = content["idx"], content["body"]
            sound = type(index) is int and (body is None or type(body) is str)
            if not sound or event_line(index, body) != line:
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refused(f"events.jsonl: line {number} is not as ecportal writes it.") from None
        return index, body

    def _check_event(self, index: int, body: str | None) -> None:
        if body is None:
            self.facts.add_event(index, None)
            return
        leaf = hashlib.sha256(b"\0" + body.encode()).digest()
        if leaf != self.leaves[32 * index : 32 * index + 32]:
            self.find("LEAF", f"The event at leaf {index} is not the one that was sealed.")
            return
        try:
            content = json.loads(body)
            self.facts.add_event(index, content)
            if content["source"] is None:
                self.others.add(index)
        except UNFIT:
            self.find("LEAF", f"The event at leaf {index} has no content that ecportal writes.")

    def check_attachments(self) -> None:
        there = set()
        for member in self.pack.members:
            found = ATTACHMENT.fullmatch(member.name)
            if found is None:
                continue
            there.add(found[1])
            digest = hashlib.sha256()
            for chunk in self.pack.chunks(member.name):
                digest.update(chunk)
            if digest.hexdigest() != found[1]:
                self.find("FILE", f"{member.name} is not the file that was attached.")
        self.facts.attachments = len(there)
        for name in sorted(there - self.facts.files):
            self.find("FILE", f"attachments/{name} belongs to no event of the pack.")
        for name in sorted(self.facts.files - there):
            self.find("FILE", f"The attachment with the SHA-256 {name} is missing.")

    def check_documents(self) -> None:
        told: set[int] = set()
        for member in self.pack.members:
            if RECORD.fullmatch(member.name):
                told |= self._check_record(member.name)
            elif DOCUMENT.fullmatch(member.name):
                for _chunk in self.pack.chunks(member.name):
                    pass
        documents = {n: d for n, d in self.pack.sha256.items() if DOCUMENT.fullmatch(n)}
        self.facts.documents = documents
        bound = hashlib.sha256(listing(documents)).hexdigest()
        if documents and self.facts.renderings != [bound]:
            self.find("DOCUMENT", "The documents are not those that the portal made.")
        if self.facts.renderings and not documents and not self.facts.full:
            self.find("DOCUMENT", "The documents that the portal made are missing.")
        own = {index for index, _place in self.places.items() if index not in self.others}
        for index in sorted(own - told) if documents else ():
            self.find("DOCUMENT", f"No document tells of the event at leaf {index}.")

    def _check_record(self, name: str) -> set[int]:
        """Compare the JSON of a change with the events; return the leaves that it tells of."""
        text = self.pack.read(name, RECORD_LIMIT)
        try:
            content = json.loads(text.decode())
            history = content["history"]
            leaves = [entry["leaf"] for entry in history]
            sound = content["format"] == RECORD_FORMAT and record_text(content) == text
            sound = sound and leaves == sorted(set(leaves)) and self.places.keys() >= set(leaves)
            sound = sound and all(set(entry) == {"leaf", "event"} for entry in history)
            sound = sound and content["records"] == records_of(history)
            told = all(self._event(entry["leaf"]) == entry["event"] for entry in history)
        except UNFIT:
            raise Refused(f"{name} is not as ecportal writes it.") from None
        if not (sound and told):
            self.find("DOCUMENT", f"{name} does not follow from the events of the pack.")
        return set(leaves)

    def _event(self, index: int) -> Any:
        line = self.pack.part(EVENTS, *self.places[index])
        body = json.loads(line)["body"]
        return None if body is None else json.loads(body)

    def check_derived(self) -> None:
        listed = (CHECKPOINTS, EVENTS, LEAVES)
        self.facts.sha256 = {name: self.pack.sha256[name] for name in listed}
        for name, expected in ((MANIFEST, self.facts.manifest()), (README, self.facts.readme())):
            if self.pack.read(name, NOTE_LIMIT) != expected:
                self.find("PACK", f"{name} is not what follows from the evidence.")
        if self.pack.read(PROGRAM, NOTE_LIMIT) != self.program:
            self.find(
                "PACK",
                "The pack carries another verify_pack.py than the one that runs. Verify it with "
                "the version of the program that made it, from where you were given that.",
            )


def own_source() -> bytes:
    with open(__file__, "rb") as file:  # noqa: PTH123 - as plain as can be
        return file.read()


def verify(file: BinaryIO, keys: list[Key], notes: Iterable[str] = ()) -> Verification | Refused:
    """Verify an open pack; returns the reading with its findings, or why it cannot be read."""
    try:
        reading = Verification(Pack(file), keys, list(notes), own_source())
        reading.run()
    except Refused as refused:
        return refused
    return reading


def _read_notes(path: str) -> list[str]:
    """Return the notes in a file that the reader kept, such as a mail saved as text."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            text = file.read(NOTE_LIMIT).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRun(f"The checkpoint {path} cannot be read: {error}.") from None
    notes = _IN_A_FILE.findall(text.replace("\r\n", "\n").rstrip("\n") + "\n")
    if not notes:
        raise CannotRun(f"There is no signed checkpoint in {path}.")
    return notes


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Verifies an evidence pack of ecportal.")
    parser.add_argument("pack", help="the zip file")
    parser.add_argument("--vkey", action="append", required=True, help="a key that you trust")
    parser.add_argument("--checkpoint", action="append", default=[], help="a note that you kept")
    parser.add_argument("--json", action="store_true", help="write the result as JSON")
    return parser.parse_args(given)


def _tell(result: Verification | Refused, as_json: bool) -> int:
    findings = [("PACK", str(result))] if isinstance(result, Refused) else result.findings
    if as_json:
        told = {"verified": not findings, "findings": [list(pair) for pair in findings]}
        if isinstance(result, Verification) and not findings:
            told["facts"] = json.loads(result.facts.manifest())
        sys.stdout.write(json.dumps(told) + "\n")
    elif isinstance(result, Refused) or findings:
        sys.stdout.write("NOT VERIFIED\n")
        sys.stdout.writelines(f"{code}: {sentence}\n" for code, sentence in findings)
    else:
        facts = result.facts
        sys.stdout.write(
            f"VERIFIED. {facts.extent()}\n{facts.checkpoints} signed checkpoints of "
            f"{facts.origin}, {len(result.notes)} of your own, {facts.attachments} attachments, "
            f"{facts.redacted} redacted.\n"
        )
    return 1 if findings else 0


def main(given: list[str] | None = None) -> int:
    """Verify the pack that the arguments name; returns the exit code."""
    arguments = _arguments(given)
    try:
        if Ed25519PublicKey is None:
            raise CannotRun("The package 'cryptography' is missing: pip install cryptography.")
        keys = [parse_vkey(text) for text in arguments.vkey]
        notes = [note for path in arguments.checkpoint for note in _read_notes(path)]
        with open(arguments.pack, "rb") as file:  # noqa: PTH123
            result = verify(file, keys, notes)
    except OSError as error:
        sys.stderr.write(f"{arguments.pack} cannot be read: {error.strerror}.\n")
        return 2
    except CannotRun as reason:
        sys.stderr.write(f"{reason}\n")
        return 2
    return _tell(result, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
