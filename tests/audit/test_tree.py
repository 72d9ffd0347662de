"""The tree against published roots, and against the recursive definition of RFC 6962."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecportal.audit.attestation import leaf_hash
from ecportal.audit.tree import EMPTY, Frontier, root_of

pytestmark = pytest.mark.once

# Leaf inputs and root hashes of transparency-dev/merkle (Apache-2.0), testonly/constants.go at
# commit 582a6ad190b6848f1d26f8bf08ddef29955d9db1; the roots are of the first 0 to 8 leaves.
INPUTS = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# All eight inputs are ASCII, so they can be bodies too.
LEAVES = [bytes.fromhex(leaf_hash(bytes.fromhex(text).decode())) for text in INPUTS]


@pytest.mark.parametrize("size", range(9))
def test_root_is_the_published_one(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]


def test_frontier_goes_on_from_what_was_kept_of_it() -> None:
    frontier = Frontier()
    for size, leaf in enumerate(LEAVES, start=1):
        frontier = Frontier(frontier.size, frontier.hashes)
        frontier.push(leaf)
        assert (frontier.size, frontier.root().hex()) == (size, ROOTS[size])


def test_empty_tree_has_the_hash_of_nothing() -> None:
    assert EMPTY == Frontier().root() == sha256(b"").digest()


@pytest.mark.parametrize(("size", "count"), [(1, 0), (0, 1), (3, 1), (8, 3), (-1, 1)])
def test_frontier_with_a_wrong_number_of_hashes_is_refused(size: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"A tree of {size} leaves has"):
        Frontier(size, [bytes(32)] * count)


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1: split at the largest power of two below the size."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256().digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + by_definition(leaves[:k]) + by_definition(leaves[k:])).digest()


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=70))
def test_root_is_that_of_the_definition(leaves: list[bytes]) -> None:
    assert root_of(leaves) == by_definition(leaves)
