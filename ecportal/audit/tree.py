"""The Merkle tree of RFC 6962 as its right edge: all that is needed to add leaves and to sign.

The tree that RFC 9162 specifies hashes the same way. Because every leaf hash is kept, the root at
any former size is computed anew; there are no proofs to store or to check.
"""

from collections.abc import Iterable
from hashlib import sha256

EMPTY = sha256().digest()
"""The root of the tree without leaves (RFC 6962, 2.1)."""


class Frontier:
    """The roots of the largest full subtrees from left to right, one for each bit of the size."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if size < 0 or len(self._hashes) != size.bit_count():
            raise ValueError(f"A tree of {size} leaves has {size.bit_count()} full subtrees.")

    @property
    def hashes(self) -> tuple[bytes, ...]:
        return tuple(self._hashes)

    def push(self, leaf_hash: bytes) -> None:
        """Add a leaf by its hash, which already has the 0x00 of a leaf in it."""
        node, height = leaf_hash, self.size
        while height & 1:
            node = _parent(self._hashes.pop(), node)
            height >>= 1
        self._hashes.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self._hashes:
            return EMPTY
        root = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            root = _parent(left, root)
        return root


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the root of the tree with these leaves."""
    frontier = Frontier()
    for leaf_hash in leaf_hashes:
        frontier.push(leaf_hash)
    return frontier.root()


def _parent(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()
