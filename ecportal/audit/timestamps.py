"""RFC 3161 time stamps: a third party's word that a checkpoint existed at a time."""

import base64
import http.client
import urllib.request
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.db import transaction
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response
from rfc3161_client.tsp import PKIStatus

from ecportal.audit import attestation
from ecportal.audit.kinds import TIMESTAMP
from ecportal.audit.models import AuditCheckpoint

PATIENCE: Final = 20.0  # seconds for each step of the connection
_LONGEST: Final = 64 * 1024  # bytes; an answer with its certificates has about five thousand


class NoTimeStamp(Exception):
    """The authority gave no usable time stamp; the message says why."""


def time_stamp(checkpoint: AuditCheckpoint) -> None:
    """Have the note stamped by AUDIT_TSA_URL and keep the token as an event; else NoTimeStamp."""
    token = fetch(settings.AUDIT_TSA_URL, checkpoint.note.encode())
    with transaction.atomic():
        attestation.record(TIMESTAMP, size=checkpoint.size, token=base64.b64encode(token).decode())


def fetch(url: str, data: bytes) -> bytes:
    """Return the DER time stamp token of the authority at this URL over the data; NoTimeStamp.

    It is checked to be about the data and to answer this request. Whether to trust the authority
    is for whoever reads it: `openssl ts -verify -token_in`.
    """
    asked = TimestampRequestBuilder(data=data, hash_algorithm=HashAlgorithm.SHA256).build()
    try:
        answer = decode_timestamp_response(_ask(url, asked.as_bytes()))
        status = answer.status
        if status not in (PKIStatus.GRANTED, PKIStatus.GRANTED_WITH_MODS):
            reason = " ".join(answer.status_string).rstrip(".") or f"status {status}"
            raise NoTimeStamp(f"{url} gave no time stamp: {reason}.")
        stamped, token = answer.tst_info, answer.time_stamp_token()
    except ValueError as error:
        raise NoTimeStamp(f"{url} did not answer with a time stamp: {error}.") from None
    if stamped.message_imprint.message != sha256(data).digest() or stamped.nonce != asked.nonce:
        raise NoTimeStamp(f"{url} answered with the time stamp of something else.")
    return bytes(token)


def _ask(url: str, query: bytes) -> bytes:
    # The environment is checked to name an http(s) address here.
    request = urllib.request.Request(  # noqa: S310
        url, query, {"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
            answer: bytes = response.read(_LONGEST)
    except (OSError, http.client.HTTPException) as error:
        raise NoTimeStamp(f"{url} gave no time stamp: {error}.") from None
    return answer
