"""A checkpoint's note, taken apart for reading, with how to check it on another machine."""

import base64
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ecportal.audit import keys, notes

ED25519_SIGNATURE: Final = 64  # bytes


@dataclass(frozen=True)
class SignedNote:
    """A checkpoint's note, taken apart for reading; `rejected` says whether it can be believed."""

    text: str

    @property
    def _lines(self) -> list[str]:
        return [*self.text.split("\n"), "", "", ""]

    @property
    def origin(self) -> str:
        return self._lines[0]

    @property
    def size(self) -> str:
        return self._lines[1]

    @property
    def root(self) -> str:
        """The root in base64, as the note has it."""
        return self._lines[2]

    @property
    def root_hex(self) -> str:
        try:
            return base64.b64decode(self.root).hex()
        except ValueError:
            return ""

    @property
    def signers(self) -> list[str]:
        """The names of the keys in the signature lines, whether or not the signatures are right."""
        return [line.split(" ")[1] for line in self._lines if line.startswith(notes.DASH)]

    @cached_property
    def public_keys(self) -> list["PublicKey"]:
        try:
            return [PublicKey(verifier, self) for verifier in keys.verifiers()]
        except keys.KeyMissing:
            return []

    @cached_property
    def rejected(self) -> str:
        """Why no key that is known here vouches for this note; nothing if one does."""
        try:
            notes.open_checkpoint(self.text, keys.verifiers())
        except (notes.NoteRejected, keys.KeyMissing) as why:
            return str(why)
        return ""


@dataclass(frozen=True)
class PublicKey:
    """A public key of the trail, and how to check a note with it on another machine."""

    verifier: notes.Verifier
    note: SignedNote

    @property
    def vkey(self) -> str:
        return self.verifier.vkey

    @property
    def signed_this(self) -> bool:
        return any(self._is_mine(line) for line in self.note.text.split("\n"))

    def _is_mine(self, line: str) -> bool:
        name, _space, encoded = line.removeprefix(notes.DASH).partition(" ")
        try:
            given = base64.b64decode(encoded)[:4]
        except ValueError:
            return False
        return line.startswith(notes.DASH) and (name, given) == (
            self.verifier.name,
            self.verifier.key_id,
        )

    @property
    def file(self) -> str:
        """What the note is called once it is downloaded."""
        return f"checkpoint-{self.note.size}.txt"

    @property
    def for_pack(self) -> str:
        """The command that verifies an evidence pack against this note."""
        vkey = shlex.quote(self.vkey)
        return f"python verify_pack.py PACK.zip --vkey {vkey} --checkpoint {self.file}"

    @property
    def for_openssl(self) -> str:
        """The commands that check the signature of the downloaded note with OpenSSL 3 alone."""
        der = self.verifier.public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        # The line of this key: its name, and in base64 the four bytes of its ID come first.
        start = base64.b64encode(self.verifier.key_id[:3]).decode()
        line = shlex.quote(f"^{notes.DASH}{_escaped(self.verifier.name)} {_escaped(start)}")
        decoded = f"base64 -d | tail -c {ED25519_SIGNATURE}"
        return (
            f"echo {base64.b64encode(der).decode()} | base64 -d > key.der\n"
            f"sed '/^$/,$d' {self.file} > signed.txt\n"
            f"grep {line} {self.file} | cut -d ' ' -f 3 | {decoded} > signature.bin\n"
            "openssl pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin"
            " -in signed.txt -sigfile signature.bin"
        )


def _escaped(text: str) -> str:
    """Return the text as a basic regular expression that matches it alone."""
    return "".join(f"\\{letter}" if letter in r".[]*^$\/" else letter for letter in text)
