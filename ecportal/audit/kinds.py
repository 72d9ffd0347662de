"""The kinds of events whose writers load what their readers, the pages, have no need of."""

from typing import Final

ADOPTION: Final = "adoption"
KEY: Final = "key"
RECOVERY: Final = "recovery"
REDACTION: Final = "redaction"
SEAL: Final = "seal"
TIMESTAMP: Final = "timestamp"
VERIFY: Final = "verify"

COULD_NOT_RUN: Final = "COULD_NOT_RUN"
"""The code, in an event of VERIFY, of a verification that did not happen."""
