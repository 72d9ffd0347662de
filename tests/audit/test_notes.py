"""Notes against the published examples, and everything that makes one prove nothing."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ecportal.audit.notes import (
    Checkpoint,
    NoteRejected,
    Signer,
    Verifier,
    open_checkpoint,
    open_note,
    sign,
    sign_text,
    split_notes,
)

pytestmark = pytest.mark.once

# The example of C2SP's signed-note.md (c2sp.org/signed-note), section "Example".
C2SP_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_TEXT = "This is an example message.\n"
C2SP_NOTE = (
    C2SP_TEXT + "\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
    "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# golang.org/x/mod (BSD-3-Clause), sumdb/note/note_test.go, at commit
# 02c991387e35f9e4c0a9b7ce137717055f8d716d.
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_NOTE = (
    GO_TEXT + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZS"
    "NXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

LOG = Signer("portal.example.com", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = Signer("portal.example.com", Ed25519PrivateKey.from_private_bytes(bytes(32)))
CHECKPOINT = Checkpoint("portal.example.com", 1234, bytes(range(32)))
NOTE = sign(CHECKPOINT, LOG)


@pytest.mark.parametrize(
    ("vkey", "text", "note"), [(C2SP_VKEY, C2SP_TEXT, C2SP_NOTE), (GO_VKEY, GO_TEXT, GO_NOTE)]
)
def test_published_notes_open_with_their_keys(vkey: str, text: str, note: str) -> None:
    verifier = Verifier.from_vkey(vkey)
    assert open_note(note, [verifier]) == (text, {verifier.name})
    assert verifier.vkey == vkey
    with pytest.raises(NoteRejected, match="does not belong to this text"):
        open_note(note.replace("is", "was", 1), [verifier])


def test_signature_is_byte_for_byte_the_published_one() -> None:
    private_key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(GO_PRIVATE)[1:])
    signer = Signer("PeterNeumann", private_key)
    assert sign_text(GO_TEXT, signer) == GO_NOTE
    assert signer.vkey == GO_VKEY


def test_checkpoint_comes_back_as_it_was_signed() -> None:
    assert NOTE.startswith("portal.example.com\n1234\nAAECAwQFBgcICQ")
    assert open_checkpoint(NOTE, [LOG]) == CHECKPOINT


def test_signatures_of_unknown_keys_are_passed_over() -> None:
    both = sign(CHECKPOINT, LOG, OTHER)
    assert open_checkpoint(both, [LOG]) == open_checkpoint(both, [OTHER]) == CHECKPOINT
    with pytest.raises(NoteRejected, match="No key that is known"):
        open_checkpoint(NOTE, [OTHER])
    with pytest.raises(NoteRejected, match="No key that is known"):
        open_checkpoint(NOTE, [])


def test_one_false_signature_of_a_known_key_spoils_the_note() -> None:
    line = sign(Checkpoint("portal.example.com", 1, bytes(32)), OTHER).splitlines()[-1]
    with pytest.raises(NoteRejected, match="does not belong to this text"):
        open_checkpoint(f"{NOTE}{line}\n", [LOG, OTHER])


def test_checkpoint_of_another_log_is_rejected() -> None:
    note = sign(Checkpoint("elsewhere.example.com", 1234, bytes(32)), LOG)
    with pytest.raises(NoteRejected, match="signed by another log's key only"):
        open_checkpoint(note, [LOG])


@pytest.mark.parametrize(
    "text",
    [
        "portal.example.com\n1234\n",
        "portal.example.com\n01\n" + "A" * 43 + "=\n",
        "portal.example.com\n-1\n" + "A" * 43 + "=\n",
        "portal.example.com\n1\nshort\n",
        CHECKPOINT.text + "an extension\n",
    ],
)
def test_signed_text_that_is_no_checkpoint_is_rejected(text: str) -> None:
    with pytest.raises(NoteRejected, match="it is no checkpoint"):
        open_checkpoint(sign_text(text, LOG), [LOG])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        CHECKPOINT.text,
        NOTE.rstrip("\n"),
        NOTE.replace("\n", "\r\n"),
        NOTE.replace("— ", "- "),
        NOTE.replace("— portal.example.com ", "— portal.example.com"),
        NOTE[:-6] + "\n",
        NOTE + "\n",
    ],
)
def test_malformed_note_is_rejected_in_a_sentence(note: str) -> None:
    with pytest.raises(NoteRejected, match=r"^[A-Z].*\.$"):
        open_checkpoint(note, [LOG])


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(NOTE) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda c: c != NOTE[at]))
    try:
        opened = open_checkpoint(NOTE[:at] + other + NOTE[at + 1 :], [LOG])
    except NoteRejected:
        return
    assert opened == CHECKPOINT  # another way to write the same signature


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "portal.example.com",
        LOG.vkey[:-4],
        LOG.vkey.replace("+", "+0", 1),
        LOG.vkey.replace("portal", "Portal"),
        LOG.vkey + "\n",
        "+" + LOG.vkey.split("+", 1)[1],
        "a b+" + LOG.vkey.split("+", 1)[1],
        # From the same Go test: a key too long and another algorithm, with the fitting IDs.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_no_verifier_key_is_refused(vkey: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        Verifier.from_vkey(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b"])
def test_log_cannot_have_such_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a log"):
        Signer(name, Ed25519PrivateKey.generate())


def test_file_of_notes_is_taken_apart_whatever_stands_around_them() -> None:
    second = sign(Checkpoint("portal.example.com", 5678, bytes(32)), OTHER, LOG)
    assert split_notes(f"{NOTE}\n{second}\n") == [NOTE, second]
    mail = f"Hello,\r\n\r\nthis is it:\r\n\r\n{NOTE}\r\nKeep it.\r\n".replace("\n", "\r\n")
    assert split_notes(mail.replace("\r\r", "\r")) == [NOTE]
    assert split_notes(NOTE.rstrip("\n")) == [NOTE]
    assert split_notes("Nothing of the kind.\n\n1\n") == []


def test_checkpoint_that_lost_its_signature_is_not_passed_over() -> None:
    (bare,) = split_notes(f"{CHECKPOINT.text}\nKeep it.\n")
    with pytest.raises(NoteRejected):
        open_checkpoint(bare, [LOG])
