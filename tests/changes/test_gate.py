"""The gate: open from the approval until the work is finished, else the sentence that says why."""

from typing import Any

import pytest

from changes.gate import judge
from changes.models import EmergencyChange
from tests.changes.pipelines import Pipeline
from tests.changes.refusals import assert_refused
from tests.scenario import Company, Journey, a_change, a_draft

pytestmark = pytest.mark.once

NOBODY = "No approval stands. Ask a Lead to decide first."
PAST = (
    "“Start implementing” is possible only while the emergency change is approved; this one is {}."
)
SAID = {
    "draft": NOBODY,
    "submitted": NOBODY,
    "approved": "",
    "implementing": "",
    "implemented": PAST.format("implemented"),
    "verified": PAST.format("verified"),
    "documented": PAST.format("documented"),
    "closed": PAST.format("closed"),
    "rejected": "It was sent back: something must be changed first.",
    "cancelled": PAST.format("cancelled"),
}


def answer(change: EmergencyChange) -> tuple[int, str]:
    response = Pipeline().gate(change.number)
    told = response.json()
    assert told["may_deploy"] is (response.status_code == 200)
    assert told["status"] == EmergencyChange.objects.get(pk=change.pk).status
    return response.status_code, told["reason"]


@pytest.mark.parametrize("status", EmergencyChange.Status.values)
def test_gate_says_why(company: Company, status: str) -> None:
    change = a_change(company, status)
    if SAID[status]:
        assert answer(change) == (409, SAID[status])
    else:
        assert answer(change) == (200, "Lead approved it.")


def test_every_status_is_answered() -> None:
    assert set(SAID) == set(EmergencyChange.Status.values)


@pytest.mark.parametrize("status", ["implemented", "closed", "cancelled"])
def test_sentence_is_the_one_of_the_button(company: Company, status: str) -> None:
    from changes.lifecycle import CHANGES

    change = a_change(company, status)
    said = assert_refused(CHANGES, change, "start", company.engineer, judge(change).reason)
    assert said.startswith(judge(change).reason)


def claimed(company: Company) -> Journey:
    return Journey(company, a_draft(company)).submit().claim()


def test_claimed_approval_opens_and_says_that_it_waits(company: Company) -> None:
    journey = claimed(company)
    assert answer(journey.change) == (
        200, "Lead approved it by word of mouth, not confirmed yet.",
    )  # fmt: skip
    journey.do("confirm_approval", company.lead)
    assert answer(journey.change) == (200, "Lead approved it.")


def test_denied_approval_closes(company: Company) -> None:
    journey = claimed(company).do("deny_approval", company.lead)
    assert answer(journey.change) == (409, NOBODY)


def test_approval_denied_after_the_start_closes(company: Company) -> None:
    journey = claimed(company).start().do("deny_approval", company.lead)
    said = f"The work was started without an approval. {NOBODY}"
    assert answer(journey.change) == (409, said)


def test_withdrawn_approval_closes(company: Company) -> None:
    journey = Journey(company, a_change(company, "approved")).do("amend", company.engineer)
    assert answer(journey.change) == (409, NOBODY)


def test_refused_change_says_so(company: Company) -> None:
    journey = Journey(company, a_change(company, "submitted"))
    fingerprint = journey.change.fingerprint()
    journey.do("reject", company.lead, rejection="refused", fingerprint=fingerprint)
    said = "This change was refused. Open a new one if there is something else to do."
    assert answer(journey.change) == (409, said)


def test_start_without_approval_is_named_and_a_decision_opens(company: Company) -> None:
    journey = Journey(company, a_draft(company)).start_unapproved()
    said = f"The work was started without an approval. {NOBODY}"
    assert answer(journey.change) == (409, said)
    fingerprint = journey.change.fingerprint()
    journey.do("approve_retroactively", company.lead, fingerprint=fingerprint)
    assert answer(journey.change) == (200, "Lead approved it.")


def test_gate_tells_approver_and_time(company: Company) -> None:
    change = a_change(company, "approved")
    told: dict[str, Any] = Pipeline().gate(change.number).json()
    assert told["approver"] == "Lead"
    assert told["approved_at"][:19] == f"{change.approved_at:%Y-%m-%dT%H:%M:%S}"
    assert told["without_approval"] is False
