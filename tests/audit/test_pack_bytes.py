"""No byte of a pack can be altered, added, or taken away unnoticed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.verdicts import DATA, PROGRAM, SOUND, codes, refusal

pytestmark = pytest.mark.once


def test_every_single_byte_counts() -> None:
    """Each byte, of the program's own copy each tenth, once with another value."""
    begin = DATA.index(PROGRAM.read_bytes())
    program = range(begin, begin + len(PROGRAM.read_bytes()))
    file = bytearray(DATA)
    for at in range(len(DATA)):
        if at in program and at % 10:
            continue
        file[at] ^= 1 << at % 8
        assert codes(bytes(file)), f"byte {at} was changed"
        file[at] ^= 1 << at % 8


PLACES = st.one_of(
    st.integers(0, len(DATA) - 1),
    st.sampled_from(
        [DATA.index(mark) for mark in (b"PK\1\2", b"PK\5\6", b'{"body"', b"\xe2\x80\x94")]
    ),
)


@given(at=PLACES, value=st.binary(min_size=1, max_size=40))
@settings(max_examples=400, deadline=None)
def test_overwritten_bytes_never_verify(at: int, value: bytes) -> None:
    mutated = DATA[:at] + value + DATA[at + len(value) :]
    if mutated != DATA:
        assert codes(mutated)


@given(at=PLACES, value=st.binary(min_size=1, max_size=40))
@settings(max_examples=400, deadline=None)
def test_inserted_bytes_never_verify(at: int, value: bytes) -> None:
    assert codes(DATA[:at] + value + DATA[at:])


@given(at=PLACES, length=st.integers(1, 2000))
@settings(max_examples=400, deadline=None)
def test_deleted_bytes_never_verify(at: int, length: int) -> None:
    assert codes(DATA[:at] + DATA[at + length :])


@given(first=PLACES, second=PLACES, length=st.integers(1, 500))
@settings(max_examples=200, deadline=None)
def test_bytes_from_elsewhere_in_the_pack_never_verify(
    first: int, second: int, length: int
) -> None:
    mutated = DATA[:first] + DATA[second : second + length] + DATA[first + length :]
    if mutated != DATA:
        assert codes(mutated)


@given(st.binary(max_size=3000))
@settings(max_examples=200, deadline=None)
def test_noise_is_refused(noise: bytes) -> None:
    assert refusal(noise)
    assert codes(noise + DATA[-22:])


@given(
    name=st.sampled_from(sorted(SOUND.parts())),
    change=st.binary(min_size=1, max_size=30),
    at=st.integers(0, 30_000),
)
@settings(max_examples=300, deadline=None)
def test_altered_members_with_a_zip_made_anew_never_verify(
    name: str, change: bytes, at: int
) -> None:
    """Checksums and directory are right here: only the content is not."""
    part = SOUND.parts()[name]
    at %= len(part)
    altered = part[:at] + change + part[at + len(change) :]
    if altered != part:
        assert codes(SOUND.but(members={name: altered}).data())
