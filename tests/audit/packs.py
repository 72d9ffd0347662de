"""Small evidence packs made by hand, as somebody makes them who knows the format in full."""

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ecportal.audit import notes, tree, verify_pack
from ecportal.audit.notes import Checkpoint, Signer

FILE = b"deployment 88213 finished\n"
DIGEST = hashlib.sha256(FILE).hexdigest()


def signer(seed: int = 1, name: str = "portal.example.com") -> Signer:
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def body(number: int, kind: str = "history", **fields: Any) -> str:
    content = {
        "v": 1, "kind": kind, "salt": f"{number:032x}", "at": f"2026-11-23T09:40:{number:02}.0Z",
        "source": "changes.historicalevidence" if kind == "history" else None,
        "source_pk": number if kind == "history" else None,
        "ctx": {}, "fields": {"id": number, **fields},
    }  # fmt: skip
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def log() -> list[str | None]:
    """Return the events of a small log: one has a file, the last is one with other letters."""
    return [
        *(body(number) for number in range(5)),
        body(5, file="ab/abcd", sha256=DIGEST),
        body(6, text="Größe – “ok”\n\u2028"),
    ]


def leaf(text: str) -> bytes:
    return hashlib.sha256(b"\0" + text.encode()).digest()


@dataclass
class Evidence:
    """What a pack is made of; each part can be replaced before `data` puts it together."""

    bodies: list[str | None]
    leaves: list[bytes]
    signed: list[int]
    signers: Sequence[Signer]
    events: list[int]
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] | None = None
    members: dict[str, bytes] = field(default_factory=dict)

    def note(self, size: int) -> str:
        root = tree.root_of(self.leaves[:size])
        return notes.sign(Checkpoint(self.signers[0].name, size, root), *self.signers)

    def all_notes(self) -> list[str]:
        return [self.note(size) for size in self.signed] if self.notes is None else self.notes

    def facts(self) -> verify_pack.Facts:
        facts = verify_pack.Facts()
        facts.leaves, facts.attachments = len(self.leaves), len(self.files)
        for note in self.all_notes():
            facts.add_checkpoint(verify_pack.read_checkpoint(note))
        for index in self.events:
            text = self.bodies[index]
            facts.add_event(index, None if text is None else json.loads(text))
        return facts

    def parts(self) -> dict[str, bytes]:
        lines = [verify_pack.event_line(index, self.bodies[index]) for index in self.events]
        facts = self.facts()
        found = {
            "README.txt": facts.readme(),
            "checkpoints.txt": "\n".join(self.all_notes()).encode(),
            "events.jsonl": b"".join(line + b"\n" for line in lines),
            "leaves.txt": "".join(f"{digest.hex()}\n" for digest in self.leaves).encode(),
            "manifest.json": facts.manifest(),
            "verify_pack.py": verify_pack.own_source(),
        }
        attached = {f"attachments/{digest}": data for digest, data in self.files.items()}
        return {**found, **attached, **self.members}

    def data(self) -> bytes:
        return put_together(sorted(self.parts().items()))

    def but(self, **changes: Any) -> "Evidence":
        return replace(self, **changes)


def put_together(parts: Sequence[tuple[str, bytes]]) -> bytes:
    """Return the zip with these members, exactly as the format has them."""
    out, members = b"", []
    for name, data in parts:
        members.append(verify_pack.Member(name, len(data), zlib.crc32(data)))
        out += verify_pack.local_header(members[-1]) + data
    return out + verify_pack.central_directory(members)


def evidence(*signers: Signer) -> Evidence:
    """Return a full and sound pack of a small log, signed at three sizes."""
    bodies = log()
    leaves = [leaf(text) for text in bodies if text is not None]
    return Evidence(
        bodies, leaves, [1, 4, len(leaves)], signers or [signer()], list(range(len(bodies))),
        {DIGEST: FILE},
    )  # fmt: skip


def spare_bits(text: str) -> str:
    """Return base64 that decodes to the same bytes and is written otherwise."""
    assert text.endswith("=")
    assert not text.endswith("==")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = f"{text[:-2]}{alphabet[alphabet.index(text[-2]) ^ 1]}="
    assert base64.b64decode(other) == base64.b64decode(text)
    return other
