"""What the stand-alone verifier says of packs, and a sound one to alter."""

import io
from pathlib import Path

from ecportal.audit import verify_pack
from ecportal.audit.verify_pack import Key, Refused
from tests.audit.packs import (
    evidence,
    signer,
)

KEY = verify_pack.parse_vkey(signer().vkey)
SOUND = evidence()
DATA = SOUND.data()
PROGRAM = Path(verify_pack.__file__)


def codes(data: bytes, *notes: str, keys: list[Key] | None = None) -> set[str]:
    """Return the codes of the findings; a pack that cannot be read has the one of PACK."""
    found = verify_pack.verify(io.BytesIO(data), [KEY] if keys is None else keys, notes)
    return {"PACK"} if isinstance(found, Refused) else {code for code, _said in found.findings}


def refusal(data: bytes) -> str:
    found = verify_pack.verify(io.BytesIO(data), [KEY])
    assert isinstance(found, Refused)
    return str(found)
