"""The database refuses, around every rule in Python, a change that breaks the process."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from changes.models import EmergencyChange
from tests.changes.around_the_door import assert_refused_by, constraints_of, refusal
from tests.scenario import Company, Journey, a_change, a_draft

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
STARTED = ("implementing", "implemented", "verified", "documented", "closed")
FINISHED, VERIFIED = STARTED[1:], STARTED[2:]
DOCUMENTED, CLOSED = STARTED[3:], STARTED[4:]

BAD: dict[str, list[tuple[tuple[str, ...], dict[str, Any]]]] = {
    "change_has_a_number": [(("draft",), {"number": ""})],
    "approver_is_not_requester": [(("approved", "closed"), {"approver": F("requester")})],
    "approved_or_flagged_without_approval": [
        (("approved", *STARTED), {"approver": None}),
        (("approved", *STARTED), {"approved_at": None}),
    ],
    "approved_means_approved": [(("approved",), {"without_approval": True})],
    "submitted_says_when": [(("submitted", "approved"), {"submitted_at": None})],
    "rejected_says_by_whom_and_how": [
        (("rejected",), {"rejected_by": None}),
        (("rejected",), {"rejection": ""}),
    ],
    "rejecter_is_not_requester": [(("rejected",), {"rejected_by": F("requester")})],
    "implementing_has_an_implementer": [
        (STARTED, {"implementer": None}),
        (STARTED, {"started_at": None}),
    ],
    "implemented_has_finish_and_outcome": [
        (FINISHED, {"outcome": ""}),
        (FINISHED, {"finished_at": None}),
        (FINISHED, {"finished_at": LONG_AGO}),
    ],
    "verified_has_a_verifier": [
        (VERIFIED, {"verifier": None}),
        (VERIFIED, {"verified_at": None}),
        (VERIFIED, {"verified_at": LONG_AGO}),
    ],
    "documented_has_results": [
        (DOCUMENTED, {"documenter": None}),
        (DOCUMENTED, {"documented_at": None}),
        (DOCUMENTED, {"results": ""}),
    ],
    "closed_has_a_reviewer": [(CLOSED, {"reviewer": None}), (CLOSED, {"closed_at": None})],
    "reviewer_is_neither_requester_nor_implementer": [(CLOSED, {"reviewer": F("requester")})],
}


@pytest.mark.parametrize("status", EmergencyChange.Status.values)
def test_bad_change_is_refused(company: Company, status: str) -> None:
    change = a_change(company, status)
    rows, holes = EmergencyChange.objects.filter(pk=change.pk), []
    for name, bad in BAD.items():
        for statuses, values in bad:
            if status in statuses and name not in refusal(rows, **values):
                holes.append((name, values))
    assert holes == []


def test_implementer_who_is_not_the_requester_is_not_written_in_as_reviewer(
    company: Company,
) -> None:
    change = a_draft(company)
    Journey(replace(company, engineer=company.engineer2), change).to("closed")
    assert (change.requester, change.implementer) == (company.engineer, company.engineer2)
    name = "reviewer_is_neither_requester_nor_implementer"
    assert_refused_by(name, EmergencyChange.objects.all(), reviewer=F("implementer"))


ONWARD = ["submitted", "rejected", "approved", *STARTED]


@pytest.mark.parametrize(
    ("status", "onward"),
    [("draft", ONWARD), ("rejected", ["approved", *STARTED]), ("approved", STARTED)],
)
def test_change_is_not_written_into_a_later_status(
    company: Company, status: str, onward: list[str]
) -> None:
    a_change(company, status)
    rows = EmergencyChange.objects.all()
    assert [later for later in onward if not refusal(rows, status=later)] == []


def test_verification_dated_before_the_finish_is_refused(company: Company) -> None:
    change = a_change(company, "verified")
    early = change.finished_at - timedelta(seconds=1)
    assert_refused_by("verified_has_a_verifier", EmergencyChange.objects.all(), verified_at=early)


def test_every_constraint_of_a_change_was_tried() -> None:
    declared = {constraint.name for constraint in EmergencyChange._meta.constraints}
    assert declared == set(BAD)
    assert declared <= constraints_of("changes")
