"""What auditors read, and what anybody takes away, as events."""

from typing import Final

from ecportal.audit import attestation

READ, EXPORT = "read", "export"
LONGEST: Final = 500


def read(address: str) -> None:
    """Note that a page was read; the event itself says by whom and from where."""
    attestation.record(READ, what=address[:LONGEST])


def exported(what: str, sha256: str = "") -> None:
    """Note that something was handed out; `sha256` is of the bytes that this reader got."""
    attestation.record(EXPORT, what=what[:LONGEST], sha256=sha256)
