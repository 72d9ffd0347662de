"""Receipts that left the portal by mail: each event of which one was sent must still be there.

What is erased before it was sealed leaves no other trace; its receipt lies in somebody's mailbox.
"""

import re
from collections.abc import Sequence

from ecportal.audit import attestation
from ecportal.audit.models import AuditEvent, AuditLeaf
from ecportal.audit.verification.report import CannotVerify, Report

Receipt = tuple[int, str]
"""The number of an event, and the hash of its leaf in 64 lower-case hexadecimal digits."""

_RECEIPT = re.compile(r"([0-9]{1,18}):([0-9a-fA-F]{64})")


def parse(text: str) -> Receipt:
    """Read "EVENT:LEAFHASH" as the mails write it; CannotVerify if it is not that."""
    match = _RECEIPT.fullmatch(text.strip())
    if match is None:
        raise CannotVerify(
            f"{text!r} is no receipt. Copy it from the mail as it stands there: the number of the "
            "event, a colon, and 64 hexadecimal digits."
        )
    return int(match[1]), match[2].lower()


def check(report: Report, receipts: Sequence[Receipt]) -> None:
    """Find receipts whose event is gone, or is not the one that they were sent for."""
    for pk, digest in receipts:
        body = AuditEvent.objects.filter(pk=pk).values_list("body", flat=True).first()
        leaf = AuditLeaf.objects.filter(event_id=pk).values_list("leaf_hash", flat=True).first()
        # The text may have been erased by an order; the leaf stays.
        here = attestation.leaf_hash(body) if body is not None else leaf
        if here is None:
            sentence = f"Event {pk}, of which a receipt was sent, is not in the trail."
            report.find("RECEIPT", sentence, event_id=pk)
        elif here != digest:
            sentence = f"Event {pk} is not the one of which the receipt was sent."
            report.find("RECEIPT", sentence, event_id=pk)
