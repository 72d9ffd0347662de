"""How a sample is drawn: by a seed, so that anyone can draw it again with any SHA-256 program."""

import hashlib
import secrets
from collections.abc import Iterable

BY_SEED = (
    "For each number of the frame, take the SHA-256 of the text “{seed}:NUMBER” in UTF-8, such as "
    "“{seed}:{example}”, in lower-case hexadecimal. Sort the numbers by it. The sample is the "
    "first {size}, in this order. The frame is {frame} of {population}: {frame_size} numbers."
)
BY_HAND = "Chosen by hand from {frame} of {population}: {size} of {frame_size} numbers."


def new_seed() -> str:
    """Return a seed that nobody could foresee: 64 random bits in hexadecimal."""
    return secrets.token_hex(8)


def rank(seed: str, number: str) -> str:
    return hashlib.sha256(f"{seed}:{number}".encode()).hexdigest()


def draw(seed: str, numbers: Iterable[str], size: int) -> list[str]:
    """Return `size` of the numbers as the seed draws them; the order of the numbers is no matter.

    A larger sample with the same seed begins with the smaller one.
    """
    return sorted(numbers, key=lambda number: rank(seed, number))[:size]
