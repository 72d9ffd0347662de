"""The stand-alone verifier: a pack that was touched anywhere does not verify."""

import hashlib
import io
import json

import pytest

from ecportal.audit import verify_pack
from ecportal.audit.notes import sign_text
from ecportal.audit.verify_pack import Verification
from tests.audit.packs import (
    DIGEST,
    FILE,
    Evidence,
    body,
    evidence,
    leaf,
    log,
    signer,
    spare_bits,
)
from tests.audit.verdicts import DATA, KEY, PROGRAM, SOUND, codes, refusal

pytestmark = pytest.mark.once


def test_sound_pack_verifies() -> None:
    reading = verify_pack.verify(io.BytesIO(DATA), [KEY], [SOUND.note(2)])
    assert isinstance(reading, Verification)
    assert reading.findings == []
    assert reading.facts.full
    assert json.loads(reading.facts.manifest())["events by kind"] == {"history": 7}


def with_body(index: int, text: str | None) -> Evidence:
    bodies = list(SOUND.bodies)
    bodies[index] = text
    return SOUND.but(bodies=bodies)


def test_edited_event_is_found() -> None:
    assert codes(with_body(3, body(3, id=4)).data()) >= {"LEAF"}


def test_edited_leaf_is_found() -> None:
    altered = [*SOUND.leaves]
    altered[2] = leaf("forged")
    assert "ROOT" in codes(SOUND.but(leaves=altered, notes=SOUND.all_notes()).data())


def test_edited_event_with_its_leaf_is_found() -> None:
    pack = with_body(2, body(2, id=9))
    leaves = [leaf(str(text)) for text in pack.bodies]
    assert codes(pack.but(leaves=leaves, notes=SOUND.all_notes()).data()) == {"ROOT"}


def test_dropped_last_leaf_is_found() -> None:
    short = SOUND.but(leaves=SOUND.leaves[:-1], events=SOUND.events[:-1])
    assert codes(short.but(notes=SOUND.all_notes()).data()) == {"TRUNCATED"}
    # Without the newest checkpoint the rest is not signed …
    assert codes(short.but(notes=SOUND.all_notes()[:-1]).data()) == {"UNSIGNED"}
    # … and cut back to an older one, only a note from elsewhere tells.
    old = SOUND.but(leaves=SOUND.leaves[:4], events=SOUND.events[:4], signed=[1, 4], files={})
    assert codes(old.data()) == set()
    assert codes(old.data(), SOUND.note(7)) == {"TRUNCATED"}


def test_log_signed_by_another_key_is_found() -> None:
    for other in (signer(2), signer(2, "portal.example.org")):
        found = codes(evidence(other).data())
        assert found == {"CHECKPOINT_SIG", "UNSIGNED", "PACK"}


def test_log_rebuilt_with_the_stolen_key_is_found_by_an_older_note() -> None:
    bodies = [*SOUND.bodies]
    bodies[1] = body(1, id=77)
    forged = SOUND.but(bodies=bodies, leaves=[leaf(str(text)) for text in bodies])
    assert codes(forged.data()) == set()
    assert codes(forged.data(), SOUND.note(4)) == {"ROOT"}
    assert codes(forged.data(), SOUND.note(1)) == set()


def test_note_of_a_stranger_given_by_the_reader_is_not_accepted() -> None:
    assert codes(DATA, evidence(signer(2)).note(4)) == {"CHECKPOINT_SIG"}
    other = signer(1, "other.example.com")
    keys = [KEY, verify_pack.parse_vkey(other.vkey)]
    assert codes(DATA, evidence(other).note(4), keys=keys) == {"CHECKPOINT_SIG"}


def test_log_that_is_signed_by_the_key_of_another_is_not_accepted() -> None:
    text = SOUND.note(7).partition("\n\n")[0].replace("example.com", "example.org")
    notes = [sign_text(f"{text}\n", signer())]
    found = codes(SOUND.but(notes=notes, signed=[7]).data())
    assert found == {"CHECKPOINT_SIG", "UNSIGNED", "PACK"}


def test_signature_written_in_an_unusual_way_is_found() -> None:
    note = SOUND.note(7)
    encoded = note.rsplit(" ", 1)[1].rstrip("\n")
    notes = [*SOUND.all_notes()[:-1], note.replace(encoded, spare_bits(encoded))]
    assert "CHECKPOINT_SIG" in codes(SOUND.but(notes=notes).data())


def test_signature_of_a_key_that_was_not_given_is_not_passed_over_in_a_pack() -> None:
    """Else bytes of it could be changed unseen. With both keys given, a rotation verifies."""
    both = evidence(signer(), signer(2))
    assert "CHECKPOINT_SIG" in codes(both.data())
    assert codes(both.data(), keys=[KEY, verify_pack.parse_vkey(signer(2).vkey)]) == set()
    # A note that the reader kept may have more signatures than the reader has keys.
    assert codes(DATA, both.note(4)) == set()


def test_event_that_stands_twice_is_found() -> None:
    bodies = [*log(), log()[2]]
    leaves = [leaf(str(text)) for text in bodies]
    twice = SOUND.but(bodies=bodies, leaves=leaves, signed=[8], events=list(range(8)))
    assert codes(twice.data()) == {"DUP"}


def test_erased_event_needs_an_order_in_the_pack() -> None:
    assert codes(with_body(3, None).data()) == {"REDACTED_WITHOUT_ORDER"}
    order = body(7, kind="redaction", leaves="3", events="4")
    bodies = [*log(), order]
    leaves = [leaf(str(text)) for text in bodies]
    bodies[3] = None
    ordered = SOUND.but(bodies=bodies, leaves=leaves, signed=[4, 8], events=list(range(8)))
    assert codes(ordered.data(), SOUND.note(4)) == set()
    reading = verify_pack.verify(io.BytesIO(ordered.data()), [KEY])
    assert isinstance(reading, Verification)
    assert reading.facts.redacted == 1


def test_partial_pack_says_so_and_nothing_can_pretend_otherwise() -> None:
    part = SOUND.but(events=[1, 5])
    assert codes(part.data()) == set()
    assert "Partial pack: 2 of the 7 events" in part.facts().extent()
    whole = {name: SOUND.parts()[name] for name in ("manifest.json", "README.txt")}
    assert codes(part.but(members=whole).data()) == {"PACK"}


def test_events_out_of_order_or_twice_are_refused() -> None:
    for events in ([1, 0], [1, 1], [-1]):
        pack = SOUND.but(events=events, files={})
        assert "events.jsonl" in refusal(pack.data())


def test_attachments_are_those_that_the_events_name() -> None:
    assert codes(SOUND.but(files={DIGEST: FILE + b"!"}).data()) == {"FILE"}
    assert codes(SOUND.but(files={}).data()) == {"FILE"}
    more = {DIGEST: FILE, hashlib.sha256(b"x").hexdigest(): b"x"}
    assert codes(SOUND.but(files=more).data()) == {"FILE"}


def test_another_program_in_the_pack_is_found() -> None:
    evil = {"verify_pack.py": PROGRAM.read_bytes() + b"print('VERIFIED')\n"}
    assert codes(SOUND.but(members=evil).data()) == {"PACK"}
