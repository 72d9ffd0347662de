"""What the page that declares an emergency does with answers that the record cannot keep."""

import pytest
from django.core.exceptions import ValidationError

from changes.models import Approval, EmergencyChange
from tests.pages.walk import ANSWERS, Person, declare_page, error_at
from tests.scenario import Company, an_incident

pytestmark = pytest.mark.once

CLAIM = {**ANSWERS, "route": "claim", "said": "Yes.", "channel": "phone"}


def refuse_every(_value: str) -> None:
    raise ValidationError("Not this one.")


@pytest.mark.parametrize(("length", "status"), [(500, 302), (501, 422), (2000, 422)])
def test_call_log_is_as_long_as_the_approval_keeps_it(
    company: Company, length: int, status: int
) -> None:
    address = "https://calls.example.test/".ljust(length, "x")
    response = Person(company.engineer).send(
        declare_page(an_incident(company)), **CLAIM, said_by=company.lead.pk, call_log=address
    )
    assert response.status_code == status
    if status == 302:
        assert Approval.objects.get(status="claimed").call_log == address
    else:
        assert "500 characters" in error_at(response, "call_log")
        assert not EmergencyChange.objects.exists()


def test_what_only_the_record_refuses_is_said_on_the_page(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Approval._meta.get_field("call_log"), "validators", [refuse_every])
    response = Person(company.engineer).send(
        declare_page(an_incident(company)), **CLAIM, said_by=company.lead.pk,
        call_log="https://calls.example.test/1",
    )  # fmt: skip
    assert response.status_code == 422
    assert error_at(response, "call_log") == "Not this one."
    assert not EmergencyChange.objects.exists()
