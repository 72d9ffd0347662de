"""Whether the log in the database agrees with what the sealer signed, by its own state file.

The state is never asked of the database: a log must not sign two histories, however well the second
one is told. Whatever contradicts the state stops the sealer until a person has looked.
"""

from collections.abc import Iterator
from typing import Final

from ecportal.audit import keys, notes
from ecportal.audit.counts import log_size
from ecportal.audit.models import AuditCheckpoint, AuditLeaf
from ecportal.audit.tree import Frontier

LOOK_BACK: Final = 1_000
"""Leaves before the end of the log that are counted at each look; a full look reads them all."""
CHUNK: Final = 5_000
"""Leaves that are read at once."""


class WillNotSign(Exception):
    """The log contradicts what was signed before; the message says how, and what to do."""


def trusted(signer: notes.Signer) -> Frontier:
    """Return the frontier to go on from, after comparing the log with the state."""
    state = keys.read_state()
    size = log_size()
    if state is None:
        if size or AuditCheckpoint.objects.exists():
            raise WillNotSign(
                f"The log has leaves, but {keys.beside('.state')} is gone, which says what was "
                "signed. Recover with the newest checkpoint that left this machine: "
                "`manage.py audit_seal --recover --checkpoint FILE`."
            )
        return Frontier()
    if state.origin != signer.name:
        raise WillNotSign(
            f"{keys.beside('.state')} is of the log {state.origin}, the key is of {signer.name}."
        )
    if size < state.frontier.size:
        raise WillNotSign(_contradiction(f"has {size} leaves", state.frontier.size))
    window = max(0, state.frontier.size - LOOK_BACK)
    there = AuditLeaf.objects.filter(idx__gte=window, idx__lt=state.frontier.size).count()
    if there != state.frontier.size - window:
        raise WillNotSign(_contradiction("lacks some of its leaves", state.frontier.size))
    if size > state.frontier.size:
        return adopted(state.frontier, size, signer)
    return state.frontier


def _contradiction(what: str, size: int) -> str:
    return (
        f"The log in the database {what}, which contradicts the {size} that were signed. Nothing "
        "is signed until somebody has found out why: `manage.py audit_verify` says what differs. "
        "A new database needs a new key and an own AUDIT_SIGNING_KEY; a demo, `make clean`."
    )


def adopted(frontier: Frontier, size: int, signer: notes.Signer) -> Frontier:
    """Go on after a crash between the commit of a batch and the writing of the state.

    Only the sealer's own signature in that same batch shows that the leaves are the sealer's.
    """
    signed_size = frontier.size
    for digest in leaf_hashes(signed_size, size):
        frontier.push(digest)
    newest = AuditCheckpoint.objects.order_by("-pk").values_list("note", flat=True).first()
    try:
        checkpoint = notes.open_checkpoint(newest or "", [signer])
    except notes.NoteRejected:
        checkpoint = None
    expected = notes.Checkpoint(signer.name, frontier.size, frontier.root())
    if checkpoint != expected or frontier.size != size:
        raise WillNotSign(_contradiction(f"has {size} leaves that nobody signed", signed_size))
    return frontier


def leaf_hashes(first: int, end: int) -> Iterator[bytes]:
    """Yield the hashes of the leaves from `first` up to `end`, which is not included."""
    rows = AuditLeaf.objects.filter(idx__gte=first, idx__lt=end).order_by("idx")
    for idx, digest in rows.values_list("idx", "leaf_hash").iterator(CHUNK):
        try:
            yield bytes.fromhex(digest)
        except ValueError:
            raise WillNotSign(_contradiction(f"has no hash in leaf {idx}", end)) from None


def check_every_leaf() -> None:
    """WillNotSign unless the leaves in the database are those that were signed, every one."""
    state = keys.read_state()
    if state is None:
        return  # the first batch decides whether that may be
    size, again = state.frontier.size, Frontier()
    for digest in leaf_hashes(0, size):
        again.push(digest)
    if (again.size, again.root()) != (size, state.frontier.root()):
        what = "holds other leaves" if again.size == size else f"has {again.size} leaves"
        raise WillNotSign(_contradiction(what, size))
