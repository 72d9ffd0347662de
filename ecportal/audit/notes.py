"""Signed checkpoints as everybody can read them: C2SP `signed-note` and `tlog-checkpoint`.

A note is text, a blank line, and a line for each signature. Signatures of unknown keys are ignored;
that is how a log changes its key.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519: Final = b"\x01"
DASH: Final = "— "
_NAME: Final = re.compile(r"[^\s+]+")
_CHECKPOINT: Final = re.compile(r"([^\n]+)\n(0|[1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\n")
# In a file: a checkpoint, and what follows a blank line as long as it looks like signatures.
_IN_A_FILE: Final = re.compile(
    rf"^[^\n]+\n(?:0|[1-9][0-9]*)\n[A-Za-z0-9+/]{{43}}=\n(?:\n(?:{DASH}[^\n]*\n)+)?", re.MULTILINE
)


class NoteRejected(Exception):
    """This note proves nothing; the message says why in a sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """The root (32 bytes) of the log `origin` when it had `size` leaves."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class Verifier:
    """A public key and the name of the log that it speaks for."""

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a log: it has a space or a plus, or is empty.")
        self.name = name
        self.public_key = public_key
        self._encoded = ED25519 + public_key.public_bytes_raw()

    @classmethod
    def from_vkey(cls, text: str) -> "Verifier":
        """Read a verifier key as C2SP writes it: name+id+key; ValueError if it is not one."""
        name, _plus, rest = text.partition("+")
        given, _plus, encoded = rest.partition("+")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except ValueError:
            raw = b""
        if len(raw) != 33 or not raw.startswith(ED25519):
            raise ValueError(
                f"{text!r} is no verifier key such as portal.example.com+1a2b3c4d+AX…."
            )
        verifier = cls(name, Ed25519PublicKey.from_public_bytes(raw[1:]))
        if verifier.vkey != text:
            raise ValueError(f"The ID {given!r} in {text!r} is not the one of that name and key.")
        return verifier

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self._encoded).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._encoded).decode()}"


class Signer(Verifier):
    """The private key of a log."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        super().__init__(name, private_key.public_key())
        self._private_key = private_key

    def line(self, text: str) -> str:
        """Return the signature line for this text, which ends with a newline."""
        signed = self.key_id + self._private_key.sign(text.encode())
        return f"{DASH}{self.name} {base64.b64encode(signed).decode()}\n"


def sign_text(text: str, *signers: Signer) -> str:
    """Return the text, which ends with a newline, as a note signed by all of these."""
    return f"{text}\n{''.join(signer.line(text) for signer in signers)}"


def sign(checkpoint: Checkpoint, *signers: Signer) -> str:
    return sign_text(checkpoint.text, *signers)


def open_note(note: str, verifiers: Sequence[Verifier]) -> tuple[str, set[str]]:
    """Return the text of a note, and the names of the known keys that signed it.

    NoteRejected if no known key did, or if what claims to be a signature of a known key is not.
    """
    text, blank, signatures = note.rpartition("\n\n")
    text += "\n"
    if not (blank and signatures.endswith("\n")) or re.search(r"[\x00-\x09\x0b-\x1f]", note):
        raise NoteRejected("This is no signed note: text, an empty line, and signatures.")
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    names = set()
    for line in signatures[:-1].split("\n"):
        name, key_id, signature = _signature(line)
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        try:
            verifier.public_key.verify(signature, text.encode())
        except InvalidSignature:
            raise NoteRejected(
                f"The signature of {name} does not belong to this text: one of them was altered."
            ) from None
        names.add(name)
    if not names:
        raise NoteRejected("No key that is known here signed this note.")
    return text, names


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(DASH).partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raw = b""
    if not (line.startswith(DASH) and space and _NAME.fullmatch(name)) or len(raw) < 5:
        raise NoteRejected("A signature line of this note is malformed.")
    return name, raw[:4], raw[4:]


def open_checkpoint(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """Return what the note says, if the log that it names signed it; else NoteRejected."""
    text, names = open_note(note, verifiers)
    match = _CHECKPOINT.fullmatch(text)
    if match is None:
        raise NoteRejected("The note is signed, but it is no checkpoint: log, size and root.")
    origin, size, root = match.groups()
    if origin not in names:
        raise NoteRejected(f"The checkpoint of {origin} is signed by another log's key only.")
    return Checkpoint(origin, int(size), base64.b64decode(root))


def split_notes(text: str) -> list[str]:
    """Return the checkpoints in a file of them, or in a mail saved as text, in their order.

    Other text around them is passed over, and so are the carriage returns that mail brings. One
    without signatures is returned as well, for whoever opens it to reject.
    """
    return _IN_A_FILE.findall(text.replace("\r\n", "\n").rstrip("\n") + "\n")
