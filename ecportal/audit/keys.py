"""The key that signs checkpoints, and the two files beside it that only the sealer writes.

`<key>` holds 32 raw bytes, `<key>.vkey` the public keys (the current one first), `<key>.state` what
was already signed. The database has no say in any of them: who can rewrite the database must not
be able to tell the sealer what it signed before.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from ecportal.audit.notes import Signer, Verifier
from ecportal.audit.tree import Frontier


class KeyMissing(Exception):
    """The trail cannot be signed or verified here; the message says what is missing."""


class State(NamedTuple):
    """What the sealer signed last."""

    origin: str
    frontier: Frontier


def beside(suffix: str) -> Path:
    """Return the path of a file that belongs to the signing key."""
    key = Path(settings.AUDIT_SIGNING_KEY)
    return key.with_name(key.name + suffix)


def generate(name: str) -> Signer:
    """Make the key of a log; FileExistsError if there is one, ValueError for an unfit name."""
    made = Signer(name, private_key := Ed25519PrivateKey.generate())
    folder = beside("").parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_private(beside(""), private_key)
    _replace(beside(".vkey"), f"{made.vkey}\n", 0o444)
    return made


def _write_private(path: Path, key: Ed25519PrivateKey) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "wb") as file:
        file.write(key.private_bytes_raw())
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str, mode: int) -> None:
    """Write the file so that after any crash it is the old one or the new one, whole."""
    draft = path.with_name(f"{path.name}.draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def signer() -> Signer:
    """Return the log's current key; KeyMissing where there is none that may be used."""
    private_key = _private_key(beside(""))
    for vkey in _kept_vkeys():
        known = Verifier.from_vkey(vkey)
        if known.public_key == private_key.public_key():
            return Signer(known.name, private_key)
    raise KeyMissing(
        f"{beside('.vkey')} does not name the public half of {beside('')}. "
        "Put the file back that `manage.py audit_keygen` wrote."
    )


def _private_key(path: Path) -> Ed25519PrivateKey:
    try:
        raw, mode = path.read_bytes(), path.stat().st_mode
    except FileNotFoundError:
        raise KeyMissing(
            f"There is no signing key at {path}. Make one with `manage.py audit_keygen`, "
            "or set AUDIT_SIGNING_KEY to where it is."
        ) from None
    except OSError as error:
        raise KeyMissing(f"The signing key {path} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise KeyMissing(f"Others may read the signing key. Run `chmod 0400 {path}`.")
    if len(raw) != 32:
        raise KeyMissing(f"{path} is no signing key: it holds {len(raw)} bytes instead of 32.")
    return Ed25519PrivateKey.from_private_bytes(raw)


def _kept_vkeys() -> list[str]:
    try:
        return beside(".vkey").read_text().split()
    except FileNotFoundError:
        return []


def verifiers() -> list[Verifier]:
    """Return the public keys whose checkpoints count, from the environment; else KeyMissing.

    Outside production the keys that were made here stand in for those that are not set.
    """
    vkeys = list(settings.AUDIT_VKEYS)
    if not vkeys and not settings.IN_PRODUCTION:
        vkeys = _kept_vkeys()
    if not vkeys:
        raise KeyMissing(
            "No public key of the trail is known. Set AUDIT_VKEYS to what "
            "`manage.py audit_keygen` printed."
        )
    return [Verifier.from_vkey(vkey) for vkey in vkeys]


@contextmanager
def held() -> Iterator[None]:
    """Keep every other sealer with this key waiting; KeyMissing if its folder cannot be used."""
    try:
        file = beside(".lock").open("a")
    except OSError as error:
        raise KeyMissing(
            f"There is no signing key at {beside('')}: {error.strerror}. "
            "Make one with `manage.py audit_keygen`."
        ) from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def read_state() -> State | None:
    """Return what was signed last, or None if nothing was or the file is lost."""
    try:
        kept = json.loads(beside(".state").read_text())
        hashes = [bytes.fromhex(digits) for digits in kept["hashes"]]
        return State(kept["origin"], Frontier(kept["size"], hashes))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise KeyMissing(
            f"{beside('.state')} is damaged. Move it away, and recover with the newest checkpoint "
            "that left this machine: `manage.py audit_seal --recover --checkpoint FILE`."
        ) from None


def write_state(state: State) -> None:
    kept = {
        "origin": state.origin,
        "size": state.frontier.size,
        "hashes": [digest.hex() for digest in state.frontier.hashes],
    }
    _replace(beside(".state"), json.dumps(kept) + "\n", 0o600)


def successor(old: Signer) -> Signer:
    """Make the key that follows this one, or take the one that a broken attempt left."""
    path = beside(".next")
    if not path.exists():
        _write_private(path, Ed25519PrivateKey.generate())
    return Signer(old.name, _private_key(path))


def promote(old: Signer, new: Signer) -> Path:
    """Let the successor sign from now on; return where the old private key is kept."""
    others = [vkey for vkey in _kept_vkeys() if vkey not in (old.vkey, new.vkey)]
    _replace(beside(".vkey"), "\n".join([new.vkey, old.vkey, *others]) + "\n", 0o444)
    former = beside(f".{old.key_id.hex()}")
    if not former.exists():
        former.hardlink_to(beside(""))
    beside(".next").replace(beside(""))
    _sync(former.parent)
    return former
