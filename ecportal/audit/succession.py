"""What follows when a key or the state ends: the next key, and the lost state from the log."""

import logging
from typing import Final

from ecportal.audit import attestation, keys, notes
from ecportal.audit.agreement import WillNotSign, adopted, leaf_hashes
from ecportal.audit.counts import log_size
from ecportal.audit.kinds import KEY, RECOVERY
from ecportal.audit.sealer import BACKLOG_BATCH, alone, seal_batch
from ecportal.audit.tree import Frontier

logger = logging.getLogger(__name__)

OTHER_SEALER: Final = "Another sealer is at work on this database. Stop it first."


def rotate() -> tuple[notes.Signer, notes.Signer]:
    """Let a new key follow the current one; return both, the new one first.

    The log names the new key in an event, and both keys sign the checkpoint that covers it: who
    trusts the old key learns the new one from the log itself.
    """
    with keys.held():
        old = keys.signer()
        new = keys.successor(old)
        with alone() as is_alone:
            if not is_alone:
                raise WillNotSign(OTHER_SEALER)
            attestation.record(KEY, vkey=new.vkey, previous=old.vkey)
        after = 0
        while True:
            found, _frontier, note = seal_batch([old, new], after, BACKLOG_BATCH, sign_anyway=True)
            if note is None:
                raise WillNotSign(OTHER_SEALER)
            if len(found) < BACKLOG_BATCH:
                break
            after = found[-1].pk
        keys.promote(old, new)
    return new, old


def recover(text: str) -> Frontier:
    """Write the lost state anew from the log, if it agrees with these notes from elsewhere.

    Leaves beyond the notes count as far as the newest checkpoint in the database covers them.
    """
    with keys.held():
        current = keys.signer()
        if keys.beside(".state").exists():
            raise WillNotSign(
                f"{keys.beside('.state')} is not lost. Recovery would forget what it says was "
                "signed; find out first why it and the database differ."
            )
        given = [notes.open_checkpoint(n, keys.verifiers()) for n in notes.split_notes(text)]
        if not given:
            raise WillNotSign("There is no checkpoint in that file.")
        with alone() as is_alone:
            if not is_alone:
                raise WillNotSign(OTHER_SEALER)
            frontier = _agreeing(given, current)
            attestation.record(RECOVERY, size=frontier.size, known=max(c.size for c in given))
        keys.write_state(keys.State(current.name, frontier))
    logger.warning("The sealer's state was recovered at %d leaves.", frontier.size)
    return frontier


def _agreeing(given: list[notes.Checkpoint], signer: notes.Signer) -> Frontier:
    frontier = Frontier()
    size = log_size()
    for checkpoint in sorted(given, key=lambda c: c.size):
        for digest in leaf_hashes(frontier.size, checkpoint.size):
            frontier.push(digest)
        here = notes.Checkpoint(signer.name, frontier.size, frontier.root())
        if checkpoint != here:
            raise WillNotSign(
                f"The checkpoint of {checkpoint.size} leaves does not agree with the log in the "
                f"database, which has {size}. Restore the newest backup."
            )
    if frontier.size == size:
        return frontier
    return adopted(frontier, size, signer)
