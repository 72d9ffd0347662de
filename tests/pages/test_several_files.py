"""Several files are attached in one act of the hand: each is evidence of its own, all or none."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from changes.models import EmergencyChange
from tests.pages.walk import Person, sentences
from tests.pages.world import act, counts
from tests.scenario import Company, a_change


@pytest.fixture
def engineer(company: Company) -> Person:
    return Person(company.engineer)


@pytest.fixture
def change(company: Company) -> EmergencyChange:
    return a_change(company, "implementing")


def files(*contents: bytes) -> list[Any]:
    return [
        SimpleUploadedFile(f"{place}.log", content, "text/plain")
        for place, content in enumerate(contents)
    ]


KIND = {"kind": "execution", "description": "The logs"}


def test_each_file_is_evidence_of_its_own(engineer: Person, change: EmergencyChange) -> None:
    engineer.do(change, "attach_evidence", file=files(b"one", b"two"), about=["The start", ""],
                **KIND)  # fmt: skip
    told = list(change.evidence.values_list("description", "file_name", "size"))
    assert told == [("The start", "0.log", 3), ("The logs (1.log)", "1.log", 3)]
    verbs = change.history.values_list("history_verb", flat=True)
    assert list(verbs).count("attach_evidence") == 2


def test_one_wrong_file_keeps_all_out(
    engineer: Person, change: EmergencyChange, settings: Any
) -> None:
    settings.EVIDENCE_MAX_BYTES = 10
    before = counts()
    given = {"file": files(b"small", b"x" * 11), **KIND}
    engineer.refused(change, "attach_evidence", "1.log is too large.", **given)
    assert counts() == before


def test_more_than_ten_are_refused(engineer: Person, change: EmergencyChange) -> None:
    given = {"file": files(*[b"x"] * 11), **KIND}
    engineer.refused(change, "attach_evidence", "Attach at most 10 files at once.", **given)


@pytest.mark.parametrize("about", ["x" * 301, "\u202eevil", "a\0b"])
def test_odd_words_about_a_file_are_refused(
    engineer: Person, change: EmergencyChange, about: str
) -> None:
    given = {"file": files(b"one", b"two"), "about": [about, ""], **KIND}
    response = engineer.send(act(change, "attach_evidence"), reason="", **given)
    assert response.status_code == 422
    assert not change.evidence.exists()


def test_script_that_sent_the_form_is_told_the_next_page(
    engineer: Person, change: EmergencyChange
) -> None:
    """It would follow a redirect by itself, and the page would lose its message."""
    response = engineer.client.post(
        act(change, "attach_evidence"), {"file": files(b"one"), **KIND},
        headers={"X-Requested-With": "XMLHttpRequest"},
    )  # fmt: skip
    assert response.status_code == 204
    assert "Attach evidence: recorded." in sentences(engineer.open(response["X-Next-Page"]))
