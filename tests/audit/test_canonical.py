"""The text of every event that a whole process writes is canonical JSON of plain values."""

import json
from collections import Counter

import pytest
import rfc8785

from ecportal.audit import attestation
from ecportal.audit.models import AuditEvent
from tests.scenario import Company, a_change

pytestmark = pytest.mark.django_db


def test_every_body_is_canonical_plain_salted_and_ours(company: Company) -> None:
    a_change(company, "closed")
    salts: Counter[str] = Counter()
    for event in AuditEvent.objects.all():
        body = str(event.body)
        content = json.loads(body)
        assert rfc8785.dumps(content).decode() == body
        assert set(content) == {
            "v", "kind", "source", "source_pk", "salt", "at", "ctx", "fields",
        }  # fmt: skip
        for value in (*content["fields"].values(), *content["ctx"].values()):
            assert value is None or type(value) in (bool, int, str)
        salts[content["salt"]] += 1
        assert len(content["salt"]) == 32
        assert attestation.is_ours(body, event.mac)
    assert len(salts) > 60
    assert set(salts.values()) == {1}
