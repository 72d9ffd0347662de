"""What the rule layer promises about a change, said a second time by the database."""

from typing import Final

from django.db import models
from django.db.models import F, Q

_FINISHED: Final = ["implemented", "verified", "documented", "closed"]
_STARTED: Final = ["implementing", *_FINISHED]
_AFTER_APPROVAL: Final = ["approved", *_STARTED]


def _when(statuses: list[str], holds: Q) -> Q:
    return ~Q(status__in=statuses) | holds


CHANGE_CONSTRAINTS: Final[list[models.BaseConstraint]] = [
    models.CheckConstraint(condition=~Q(number=""), name="change_has_a_number"),
    models.CheckConstraint(
        condition=Q(approver=None) | ~Q(approver=F("requester")),
        name="approver_is_not_requester",
    ),
    models.CheckConstraint(
        condition=_when(
            _AFTER_APPROVAL,
            Q(approver__isnull=False, approved_at__isnull=False) | Q(without_approval=True),
        ),
        name="approved_or_flagged_without_approval",
    ),
    models.CheckConstraint(
        condition=_when(["approved"], Q(without_approval=False)),
        name="approved_means_approved",
    ),
    models.CheckConstraint(
        condition=_when(["submitted", "approved"], Q(submitted_at__isnull=False)),
        name="submitted_says_when",
    ),
    models.CheckConstraint(
        condition=_when(["rejected"], Q(rejected_by__isnull=False) & ~Q(rejection="")),
        name="rejected_says_by_whom_and_how",
    ),
    models.CheckConstraint(
        condition=Q(rejected_by=None) | ~Q(rejected_by=F("requester")),
        name="rejecter_is_not_requester",
    ),
    models.CheckConstraint(
        condition=_when(
            _STARTED,
            Q(implementer__isnull=False, started_at__isnull=False),
        ),
        name="implementing_has_an_implementer",
    ),
    models.CheckConstraint(
        condition=_when(
            _FINISHED,
            Q(finished_at__isnull=False, finished_at__gte=F("started_at")) & ~Q(outcome=""),
        ),
        name="implemented_has_finish_and_outcome",
    ),
    models.CheckConstraint(
        condition=_when(
            ["verified", "documented", "closed"],
            Q(verifier__isnull=False, verified_at__isnull=False, verified_at__gte=F("finished_at")),
        ),
        name="verified_has_a_verifier",
    ),
    models.CheckConstraint(
        condition=_when(
            ["documented", "closed"],
            Q(documenter__isnull=False, documented_at__isnull=False) & ~Q(results=""),
        ),
        name="documented_has_results",
    ),
    models.CheckConstraint(
        condition=_when(["closed"], Q(reviewer__isnull=False, closed_at__isnull=False)),
        name="closed_has_a_reviewer",
    ),
    models.CheckConstraint(
        condition=Q(reviewer=None) | (~Q(reviewer=F("requester")) & ~Q(reviewer=F("implementer"))),
        name="reviewer_is_neither_requester_nor_implementer",
    ),
]
