"""Evidence is read to its end before the database is locked for it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from changes.forms import EvidenceForm
from tests.pages.walk import Person
from tests.pages.world import act
from tests.scenario import Company, a_change


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_files_are_digested_outside_the_transaction(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, pieces = a_change(company, "implementing"), EvidenceForm.pieces
    before, inside = change.evidence.count(), list[bool]()

    def watched(form: EvidenceForm) -> Iterator[dict[str, Any]]:
        for piece in pieces(form):
            inside.append(connection.in_atomic_block)
            yield piece

    monkeypatch.setattr(EvidenceForm, "pieces", watched)
    answer = Person(company.engineer).send(
        act(change, "attach_evidence"), kind="execution", description="The log",
        file=[SimpleUploadedFile(f"{name}.log", name.encode()) for name in "ab"],
    )  # fmt: skip
    assert answer.status_code == 302
    assert (change.evidence.count(), inside) == (before + 2, [False, False])
